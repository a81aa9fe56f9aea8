/** Fast adversarial training: "Fast is better than free" (Wong, Rice and Kolter, arXiv 2001.03994, algorithm 3). */

import { z } from 'zod';

import { requireEpsilon } from '../../attack/attack.js';
import { withStillStatistics } from '../../attack/network-mode.js';
import { projectedAscent } from '../../attack/projected-ascent.js';
import { crossEntropy } from '../../ops/cross-entropy.js';
import { pgdStart } from '../../ops/pgd.js';
import type { Objective } from '../objective.js';

export const fastSchema = z.strictObject({
  kind: z.literal('fast'),
  /** Radius of the l-infinity ball, in [0, 1]. */
  epsilon: z
    .number()
    .min(0)
    .max(1)
    .default(8 / 255),
  /** Step of the one FGSM step, as a multiple of epsilon. */
  step: z.number().min(0).default(1.25),
  smoothing: z.number().min(0).lt(1).default(0),
});

export interface FastOptions {
  readonly epsilon: number;
  /** As a multiple of epsilon. Default 1.25, as the paper. */
  readonly step?: number;
  /** Label smoothing of the outer loss. Default 0. */
  readonly smoothing?: number;
  readonly seed: number;
}

/** Site of its random numbers. */
const SITE = 101;
/** The step shrinks by this after each return from catastrophic overfitting (our choice; the paper stops instead). */
const STEP_AFTER_RETURN = 0.75;

/**
 * Mean cross-entropy of images that one FGSM step of 1.25 epsilon has moved, from a uniformly random start in the ball.
 *
 * The attack sees the network in training mode, as the authors' code does: batch normalisation by the batch. Unlike
 * theirs, the attack's pass does not move the running statistics.
 *
 * @throws ArgumentError when epsilon is out of [0, 1]
 */
export function fastObjective({ epsilon, step = 1.25, smoothing = 0, seed }: FastOptions): Objective {
  requireEpsilon(epsilon);
  return {
    name: 'fast',
    watchOverfitting: true,
    async evaluate(model, { images, labels, index }, { returns }) {
      const adversarial = await withStillStatistics(model, () =>
        projectedAscent(model, {
          images,
          start: pgdStart(images, index, { epsilon, seed, site: SITE }),
          loss: (logits) => crossEntropy(logits, labels, { reduction: 'none' }).sum(),
          epsilon,
          stepSize: step * STEP_AFTER_RETURN ** returns * epsilon,
          steps: 1,
        }),
      );
      const logits = model.forward(adversarial);
      return { loss: crossEntropy(logits, labels, { smoothing }), logits };
    },
  };
}
