/** The fast gradient sign method (Goodfellow et al., arXiv 1412.6572), and its l_2 form, the fast gradient method. */

import type { Module } from '../nn/module.js';
import { crossEntropy } from '../ops/cross-entropy.js';
import type { BallNorm } from '../ops/pgd.js';
import type { Tensor } from '../tensor.js';
import { type Attack, normSuffix, requireEpsilon } from './attack.js';
import { inEvaluationMode } from './network-mode.js';
import { projectedAscent } from './projected-ascent.js';

export interface FgsmOptions {
  /** Radius of the ball, in units of pixels in [0, 1]; at most 1 for l-infinity. */
  readonly epsilon: number;
  /** Default `linf`. */
  readonly norm?: BallNorm;
}

/**
 * x + epsilon * sign(d CE(f(x), y) / d x), clamped to [0, 1]; in the l_2 ball with the gradient of each image divided by
 * its 2-norm in place of its sign.
 *
 * @param images f32 [N, H, W, C] in [0, 1]
 * @param labels i32 [N]
 * @throws ArgumentError when epsilon is out of range
 */
export async function fgsm(
  model: Module,
  images: Tensor,
  labels: Tensor<'i32'>,
  { epsilon, norm = 'linf' }: FgsmOptions,
): Promise<Tensor> {
  requireEpsilon(epsilon, norm);
  return inEvaluationMode(model, () =>
    projectedAscent(model, {
      images,
      start: images,
      // The sum, not the mean: a sample's gradient then does not depend on the size of its batch.
      loss: (logits) => crossEntropy(logits, labels, { reduction: 'none' }).sum(),
      epsilon,
      norm,
      stepSize: epsilon,
      steps: 1,
    }),
  );
}

/** FGSM as an attack to evaluate with. */
export function fgsmAttack(options: FgsmOptions): Attack {
  const { epsilon, norm = 'linf' } = options;
  requireEpsilon(epsilon, norm);
  return {
    name: `FGSM${normSuffix(norm)}`,
    restarts: 1,
    attempt: (model, { images, labels }) => fgsm(model, images, labels, options),
  };
}
