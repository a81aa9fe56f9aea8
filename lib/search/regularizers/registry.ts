/** All regularisers by name: one file each, one entry here. */

import { z } from 'zod';

import { scheduledValueSchema } from '../scheduled-value.js';
import { dirichletDivergence } from './kl-dirichlet.js';
import { logSumExpRegularizer } from './logsumexp.js';
import { operationPenalty } from './operation-penalty.js';
import type { Regularizer, RegularizerContext } from './regularizer.js';
import { zeroOneRegularizer } from './zero-one.js';

/** A term of the architecture's loss as a configuration names it. */
export const regularizerSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('zero-one'),
    weight: scheduledValueSchema.prefault(10),
    norm: z.enum(['l1', 'l2']).default('l2'),
  }),
  z.strictObject({ kind: z.literal('logsumexp'), weight: scheduledValueSchema }),
  z.strictObject({
    kind: z.literal('operation-penalty'),
    /** Names of candidates. */
    operations: z.array(z.string()).min(1),
    norm: z.enum(['l1', 'l2']).default('l1'),
    of: z.enum(['alphas', 'weights']).default('alphas'),
    weight: scheduledValueSchema,
  }),
  z.strictObject({ kind: z.literal('dirichlet-divergence'), weight: scheduledValueSchema.prefault(1e-3) }),
]);

export type RegularizerConfig = z.infer<typeof regularizerSchema>;

/** The regulariser that a configuration names. The caller disposes it. */
export function createRegularizer(config: RegularizerConfig, context: RegularizerContext): Regularizer {
  switch (config.kind) {
    case 'zero-one':
      return zeroOneRegularizer(config.weight, config.norm);
    case 'logsumexp':
      return logSumExpRegularizer(context, config.weight);
    case 'operation-penalty':
      return operationPenalty(context, config);
    case 'dirichlet-divergence':
      return dirichletDivergence(context, config.weight);
  }
}
