/** All relaxations by name: one file each, one entry here. */

import { z } from 'zod';

import { scheduledValueSchema } from '../scheduled-value.js';
import { binaryGatesRelaxation } from './binary-gates.js';
import { dirichletRelaxation } from './dirichlet.js';
import { edgePairsRelaxation } from './edge-pairs.js';
import { groupedSoftmaxRelaxation } from './grouped-softmax.js';
import { gumbelHardRelaxation } from './gumbel-hard.js';
import { gumbelSoftmaxRelaxation } from './gumbel-softmax.js';
import type { Relaxation, RelaxationContext } from './relaxation.js';
import { sigmoidRelaxation } from './sigmoid.js';
import { softmaxRelaxation } from './softmax.js';
import { uniformRelaxation } from './uniform.js';
import { uniformPathRelaxation } from './uniform-path.js';

const temperature = scheduledValueSchema.prefault(1);

/** A relaxation as a configuration names it. */
export const relaxationSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('softmax') }),
  z.strictObject({ kind: z.literal('sigmoid') }),
  z.strictObject({ kind: z.literal('uniform') }),
  z.strictObject({ kind: z.literal('gumbel-softmax'), temperature }),
  z.strictObject({
    kind: z.literal('gumbel-hard'),
    temperature,
    unchosen: z.enum(['added', 'left-out']).default('left-out'),
  }),
  z.strictObject({ kind: z.literal('dirichlet') }),
  z.strictObject({ kind: z.literal('binary-gates') }),
  z.strictObject({ kind: z.literal('uniform-path') }),
  z.strictObject({ kind: z.literal('grouped-softmax') }),
  z.strictObject({
    kind: z.literal('edge-pairs'),
    temperature,
    balance: z.number().positive().default(1e-3),
  }),
]);

export type RelaxationConfig = z.infer<typeof relaxationSchema>;

/** The relaxation that a configuration names. The caller disposes it. */
export function createRelaxation(config: RelaxationConfig, context: RelaxationContext): Relaxation {
  switch (config.kind) {
    case 'softmax':
      return softmaxRelaxation(context);
    case 'sigmoid':
      return sigmoidRelaxation(context);
    case 'uniform':
      return uniformRelaxation(context);
    case 'gumbel-softmax':
      return gumbelSoftmaxRelaxation(context, config.temperature);
    case 'gumbel-hard':
      return gumbelHardRelaxation(context, config);
    case 'dirichlet':
      return dirichletRelaxation(context);
    case 'binary-gates':
      return binaryGatesRelaxation(context);
    case 'uniform-path':
      return uniformPathRelaxation(context);
    case 'grouped-softmax':
      return groupedSoftmaxRelaxation(context);
    case 'edge-pairs':
      return edgePairsRelaxation(context, config);
  }
}
