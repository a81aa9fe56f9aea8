/** All perturbations by name: one file each, one entry here. */

import { z } from 'zod';

import { scheduledValueSchema } from '../scheduled-value.js';
import { adversarialPerturbation } from './adversarial.js';
import type { Perturbation, PerturbationContext } from './perturbation.js';
import { randomPerturbation } from './random.js';

const epsilon = scheduledValueSchema.prefault({ from: 0.03, to: 0.3 });

/** A perturbation as a configuration names it. */
export const perturbationSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('random'), epsilon }),
  z.strictObject({ kind: z.literal('adversarial'), epsilon, steps: z.int().min(1).default(7) }),
]);

export type PerturbationConfig = z.infer<typeof perturbationSchema>;

/** The perturbation that a configuration names. The caller disposes it. */
export function createPerturbation(config: PerturbationConfig, context: PerturbationContext): Perturbation {
  switch (config.kind) {
    case 'random':
      return randomPerturbation(context, config.epsilon);
    case 'adversarial':
      return adversarialPerturbation(context, config);
  }
}
