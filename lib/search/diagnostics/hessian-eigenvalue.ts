/** How sharp a loss is in the architecture: the largest eigenvalue of its Hessian (R-DARTS). */

import { withStillStatistics } from '../../attack/network-mode.js';
import { ArgumentError } from '../../errors.js';
import type { AnyModule } from '../../nn/module.js';
import type { Parameter } from '../../nn/parameter.js';
import { hvp } from '../../ops/autograd.js';
import { tensor } from '../../ops/create.js';
import { scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { lanczos, type MatrixVectorProduct } from './lanczos.js';

export interface HessianEigenvalueOptions {
  /** The search network: it is in training mode meanwhile, without moving running statistics, and afterwards as before. */
  readonly network: AnyModule;
  /** Products with the Hessian at most, of two gradients each. Default 20. */
  readonly steps?: number;
  /** How far the alphas move, together, for a difference of gradients: 2-norm. Default 0.1. */
  readonly step?: number;
  /** L2 factor of the alphas' optimiser; R-DARTS adds it to the Hessian's diagonal. Default 0. */
  readonly weightDecay?: number;
  /** Draws the vector that Lanczos' method starts with. Default 0. */
  readonly seed?: number;
}

export interface HessianEigenvalue {
  /** The largest algebraic eigenvalue. */
  readonly largest: number;
  /** ||H y - largest y|| for its Ritz vector y, by the products that were made. */
  readonly residual: number;
  /**
   * y' H y (and the weight decay) measured anew, with twice the step. Lanczos' method seeks where the curvature is large, and with
   * inexact products where their error is; here that error is another. Where it is far below `largest`, trust it rather, or
   * take a larger batch.
   */
  readonly confirmed: number;
  /** Products with the Hessian that Lanczos' method made; one more is made for `confirmed`. */
  readonly steps: number;
}

/**
 * The largest algebraic eigenvalue of the Hessian of a loss in the alphas (Zela et al., "Understanding and Robustifying
 * Differentiable Architecture Search", arXiv 1909.09656, who compute the full Hessian of the validation loss on one batch):
 * Lanczos' method on Hessian-vector products by central differences of gradients (`hvp`). That costs 2 steps + 2 gradients,
 * whatever the number of alphas.
 *
 * How exact. For a step e the products are off by three parts:
 * - O(e^2) of fourth derivatives of the loss. It shows between `largest` and `confirmed`, whose step is 2 e.
 * - Rounding of float32 gradients, about 1e-6 |g| / e. It is no symmetric matrix's, and shows in `residual`.
 * - Kinks. Where a unit of a ReLU or a max-pool changes sides between both points, its jump of the gradient enters divided by
 *   2 e. There are as many of them as e is long, of either sign: the part goes as 1 / sqrt(e) and 1 / sqrt(units), so a small
 *   step makes it worse. The Hessian of double backward, which R-DARTS takes, has no such part. It shows in both.
 *
 * The default step of 0.1, a choice of ours by measurement, moves each of DARTS' 224 alphas by 7e-3: the first part stays at some per
 * cent, the second below 1e-5 |g|, and the third, which rules, is a third of what it would be at 0.01. On a small search network
 * where no unit changes sides, a step of 5e-4 gives the eigenvalue of the float64 Hessian to 1 % (test/fixtures/alpha-hessian.test.ts).
 *
 * @param loss the validation loss on one batch by the current alphas; the same function at every call
 * @param alphas on whose bits it leaves no trace, also when it throws
 * @throws ArgumentError when the loss does not depend on the alphas, or an option is out of range; NonFiniteError when a
 *   gradient is not finite; as `lanczos` and `hvp`
 */
export async function hessianEigenvalue(
  loss: () => Tensor,
  alphas: readonly Parameter[],
  { network, steps, step = 0.1, weightDecay = 0, seed }: HessianEigenvalueOptions,
): Promise<HessianEigenvalue> {
  if (!(weightDecay >= 0 && Number.isFinite(weightDecay))) {
    throw new ArgumentError(`Expected a weight decay of at least 0, got ${weightDecay}.`);
  }
  const dimension = alphas.reduce((sum, { size }) => sum + size, 0);
  const modes = [...network.modules()].map((module) => [module, module.training] as const);
  network.train();
  try {
    return await withStillStatistics(network, async () => {
      const options = { ...(steps === undefined ? {} : { steps }), ...(seed === undefined ? {} : { seed }) };
      const { largest, steps: made } = await lanczos(hessianProduct(loss, alphas, step), dimension, options);
      const coarse = await hessianProduct(loss, alphas, 2 * step)(largest.vector);
      const curvature = coarse.reduce((sum, value, i) => sum + value * largest.vector[i]!, 0);
      return {
        largest: largest.value + weightDecay,
        residual: largest.residual,
        confirmed: curvature + weightDecay,
        steps: made,
      };
    });
  } finally {
    for (const [module, training] of modes) module.training = training;
  }
}

/** H v over all parameters, one behind the other, for v of norm 1. */
export function hessianProduct(
  loss: () => Tensor,
  parameters: readonly Parameter[],
  step: number,
): MatrixVectorProduct {
  const dimension = parameters.reduce((sum, { size }) => sum + size, 0);
  return (vector) =>
    scope(async () => {
      let offset = 0;
      const vectors = parameters.map(({ shape, size, device }) => {
        const part = Float32Array.from(vector.subarray(offset, offset + size));
        offset += size;
        return tensor(part, shape, { device });
      });
      const products = hvp(loss, parameters, vectors, { step });
      if (products.every((part) => part === null)) {
        throw new ArgumentError(
          'Expected a loss that depends on the alphas, but it has no gradient there; compute it from their mixture.',
        );
      }
      const image = new Float64Array(dimension);
      offset = 0;
      for (const [i, part] of products.entries()) {
        if (part !== null) image.set(await part.data(), offset);
        offset += parameters[i]!.size;
      }
      return image;
    });
}
