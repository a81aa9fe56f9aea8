/** The steps that all gradient attacks are made of. */

import { device } from '../device.js';
import type { Module } from '../nn/module.js';
import { grad } from '../ops/autograd.js';
import { type BallNorm, pgdStep } from '../ops/pgd.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';

export interface ProjectedAscent {
  /** Centre of the ball, f32 [N, H, W, C] in [0, 1]. */
  readonly images: Tensor;
  /** Where to begin: in the ball and in [0, 1]. */
  readonly start: Tensor;
  /** What to increase, as one number: a function of the logits [N, classes]. */
  readonly loss: (logits: Tensor) => Tensor;
  readonly epsilon: number;
  /** Of the ball and of the steps. Default `linf`. */
  readonly norm?: BallNorm;
  readonly stepSize: number;
  /** Whole, at least 1. */
  readonly steps: number;
}

/**
 * x <- clip(x + stepSize * direction(d loss / d x)), `steps` times, projected onto the ball and then clamped to [0, 1]
 * after each (arXiv 1706.06083, equation of section 2.1). The direction is the sign, or, in the l_2 ball, the gradient of
 * each image divided by its 2-norm.
 *
 * Only gradients with respect to the images are computed, none of weights. The network runs in whatever mode it is in:
 * see `inEvaluationMode`. Waits between steps until the queue has room, so the event loop stays free.
 *
 * @returns adversarial images, off the tape
 */
export async function projectedAscent(model: Module, options: ProjectedAscent): Promise<Tensor> {
  const { images, start, loss, epsilon, norm = 'linf', stepSize, steps } = options;
  let adversarial = start;
  for (let i = 0; i < steps; i++) {
    if (i > 0) await device().ready();
    const next = scope(() => {
      const x = adversarial.detach();
      x.requiresGrad = true;
      const [gradient] = grad(loss(model.forward(x)), [x]);
      return pgdStep(x.detach(), gradient, images, { step: stepSize, epsilon, norm });
    });
    if (adversarial !== start) adversarial.dispose();
    adversarial = next;
  }
  return adversarial;
}
