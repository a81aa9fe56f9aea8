/** The fast gradient sign method (Goodfellow et al., arXiv 1412.6572). */

import type { Module } from '../nn/module.js';
import { crossEntropy } from '../ops/cross-entropy.js';
import type { Tensor } from '../tensor.js';
import { type Attack, requireEpsilon } from './attack.js';
import { inEvaluationMode } from './network-mode.js';
import { signAscent } from './sign-ascent.js';

export interface FgsmOptions {
  /** Radius of the l-infinity ball, in [0, 1]. */
  readonly epsilon: number;
}

/**
 * x + epsilon * sign(d CE(f(x), y) / d x), clamped to [0, 1].
 *
 * @param images f32 [N, H, W, C] in [0, 1]
 * @param labels i32 [N]
 * @throws ArgumentError when epsilon is out of range
 */
export async function fgsm(
  model: Module,
  images: Tensor,
  labels: Tensor<'i32'>,
  { epsilon }: FgsmOptions,
): Promise<Tensor> {
  requireEpsilon(epsilon);
  return inEvaluationMode(model, () =>
    signAscent(model, {
      images,
      start: images,
      // The sum, not the mean: a sample's gradient then does not depend on the size of its batch.
      loss: (logits) => crossEntropy(logits, labels, { reduction: 'none' }).sum(),
      epsilon,
      stepSize: epsilon,
      steps: 1,
    }),
  );
}

/** FGSM as an attack to evaluate with. */
export function fgsmAttack(options: FgsmOptions): Attack {
  requireEpsilon(options.epsilon);
  return {
    name: 'FGSM',
    restarts: 1,
    attempt: (model, { images, labels }) => fgsm(model, images, labels, options),
  };
}
