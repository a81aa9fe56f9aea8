/** First-order DARTS (Liu et al., arXiv 1806.09055, xi = 0): the gradient of the validation loss in the present weights. */

import { grad } from '../../ops/autograd.js';
import type { ArchitectureUpdate } from './update.js';

export const firstOrderUpdate: ArchitectureUpdate = {
  gradients({ alphas, searchLoss }) {
    const loss = searchLoss();
    for (const [i, gradient] of grad(loss, alphas, { allowUnused: true }).entries())
      alphas[i]!.grad = gradient;
    return loss.detach();
  },
};
