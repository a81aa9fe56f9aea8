/** Adversarial training with PGD (Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", arXiv 1706.06083). */

import { z } from 'zod';

import { pgd } from '../../attack/pgd.js';
import { crossEntropy } from '../../ops/cross-entropy.js';
import type { BallNorm } from '../../ops/pgd.js';
import type { Objective } from '../objective.js';

export const pgdAtSchema = z.strictObject({
  kind: z.literal('pgd-at'),
  /** Radius of the ball, in units of pixels in [0, 1]; at most 1 for `linf`. */
  epsilon: z
    .number()
    .min(0)
    .default(8 / 255),
  /** Of the ball. */
  norm: z.enum(['linf', 'l2']).default('linf'),
  /** Steps of the attack. */
  steps: z.int().min(1).default(7),
  /** Size of one step; by default epsilon / 4, the paper's 2 of 8 grey levels. */
  stepSize: z.number().min(0).optional(),
  /** Label smoothing of the outer loss. */
  smoothing: z.number().min(0).lt(1).default(0),
});

export interface PgdAtOptions {
  readonly epsilon: number;
  /** Of the ball. Default `linf`. */
  readonly norm?: BallNorm;
  /** Default 7, as the paper for CIFAR-10. */
  readonly steps?: number;
  /** Default epsilon / 4. */
  readonly stepSize?: number;
  /** Label smoothing of the outer loss, in [0, 1). Default 0. */
  readonly smoothing?: number;
  readonly seed: number;
}

/** Site of its random numbers. */
const SITE = 102;

/**
 * Mean cross-entropy of the images that PGD finds from a uniformly random start in the ball (equation 2.1, the saddle point).
 *
 * The attack sees the network in evaluation mode. The paper's code attacks in training mode; "Bag of Tricks for Adversarial
 * Training" (Pang et al., arXiv 2010.00467, section 3.7) compares both and recommends evaluation mode, as TRADES uses it.
 *
 * @throws ArgumentError when a setting is out of range
 */
export function pgdAtObjective({ smoothing = 0, steps = 7, ...attack }: PgdAtOptions): Objective {
  return {
    name: 'pgd-at',
    watchOverfitting: false,
    async evaluate(model, { images, labels, index }) {
      const adversarial = await pgd(model, images, labels, { ...attack, steps, index, site: SITE });
      const logits = model.forward(adversarial);
      return { loss: crossEntropy(logits, labels, { smoothing }), logits };
    },
  };
}
