/**
 * iDARTS (Zhang et al., arXiv 2106.10784), reconstructed from its description in the survey (arXiv 2304.05405): the gradient of the
 * validation loss at weights that solve the training problem, by the implicit function theorem, with the inverse Hessian as a
 * Neumann series cut off after K terms beyond the first.
 *
 *     grad_alpha L_val - (d^2 L_train / d alpha d w) p,   p = gamma sum_{k = 0 .. K} (I - gamma H)^k grad_w L_val
 *
 * H is the Hessian of the training loss in the weights. Its products are central differences of gradients (our choice, as in
 * second-order DARTS), of `hvp`'s step: 2 K + 3 passes. The series converges if gamma is below 2 / the largest eigenvalue of H. The
 * passes leave the running statistics alone.
 */

import { stillStatistics } from '../../attack/network-mode.js';
import { noGrad } from '../../scope.js';
import { bothGradients, secondDerivative, type WeightDirection } from './mixed-product.js';
import type { ArchitectureUpdate } from './update.js';

export interface ImplicitOptions {
  /** K, at least 0. */
  readonly terms: number;
  /** gamma, above 0. */
  readonly rate: number;
}

export function implicitUpdate({ terms, rate }: ImplicitOptions): ArchitectureUpdate {
  return {
    gradients({ supernet, alphas, trainLoss, searchLoss }) {
      using _still = stillStatistics(supernet);
      const weights = [...supernet.parameters()];
      const loss = searchLoss();
      const own = bothGradients(loss, alphas, weights);
      let power: WeightDirection = own.weights.map((gradient) => gradient?.affine(rate, 0) ?? null);
      let series = power;
      for (let k = 0; k < terms; k++) {
        const products = secondDerivative(trainLoss, weights, power, weights);
        power = noGrad(() => power.map((v, i) => v?.sub(products[i]!.affine(rate, 0)) ?? null));
        series = noGrad(() => series.map((sum, i) => sum?.add(power[i]!) ?? null));
      }
      const correction = secondDerivative(trainLoss, weights, series, alphas);
      for (const [i, gradient] of own.alphas.entries()) {
        alphas[i]!.grad = noGrad(() => gradient.sub(correction[i]!));
      }
      return loss.detach();
    },
  };
}
