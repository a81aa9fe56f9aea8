/**
 * Second-order DARTS (Liu et al., arXiv 1806.09055, equations 7 and 8; quark0/darts, architect.py): the gradient of the validation
 * loss in the weights one step ahead.
 *
 *     w' = w - xi (mu v + grad_w L_train(w) + lambda w)
 *     grad_alpha L_val(w') - xi (grad_alpha L_train(w+) - grad_alpha L_train(w-)) / (2 eps)
 *     w+- = w +- eps grad_w' L_val(w')   with   eps = 0.01 / ||grad_w' L_val(w')||
 *
 * xi is the rate of this step; mu, v and lambda are momentum, its buffers and decay of the weights' optimiser. The four passes
 * leave the running statistics alone: in the reference L_val(w') moves those of a copy, the passes of the training batch
 * those of the network itself. That they rest here is our choice; it changes no gradient.
 */

import { stillStatistics } from '../../attack/network-mode.js';
import { grad } from '../../ops/autograd.js';
import { bothGradients, secondDerivative } from './mixed-product.js';
import type { ArchitectureUpdate } from './update.js';

export const secondOrderUpdate: ArchitectureUpdate = {
  gradients({ supernet, alphas, optimizer, trainLoss, searchLoss }) {
    using _still = stillStatistics(supernet);
    const weights = [...supernet.parameters()];
    for (const [i, gradient] of grad(trainLoss(), weights, { allowUnused: true }).entries()) {
      weights[i]!.grad = gradient;
    }
    const ahead = optimizer.ahead(() => {
      const loss = searchLoss();
      return { loss: loss.detach(), ...bothGradients(loss, alphas, weights) };
    });
    optimizer.zeroGrad();
    optimizer.descend(ahead.alphas, secondDerivative(trainLoss, weights, ahead.weights, alphas));
    for (const [i, gradient] of ahead.alphas.entries()) alphas[i]!.grad = gradient;
    return ahead.loss;
  },
};
