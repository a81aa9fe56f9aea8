/**
 * The spaces S1 to S4 in which R-DARTS shows that DARTS fails (Zela et al., "Understanding and Robustifying Differentiable
 * Architecture Search", arXiv 1909.09656; automl/RobustDARTS, src/spaces.py). Its S5 is the space of DARTS.
 */

import { z } from 'zod';

import { cellNetworkFields, cellSpace, onEveryEdge } from './cell-space.js';
import { type TwoCellCandidates, twoCellGroups, twoCells } from './two-cells.js';

/** As in the paper, so that S1's lists fit. */
const nodes = 4;

export const robustDartsSpaceSchema = z.strictObject({
  name: z.literal('r-darts'),
  /** S1: two candidates an edge; S2: skip or convolution; S3: none besides; S4: noise or convolution. */
  subspace: z.enum(['S1', 'S2', 'S3', 'S4']),
  ...cellNetworkFields,
  nodes: z.literal(nodes).default(nodes),
});

export type RobustDartsSpaceConfig = z.infer<typeof robustDartsSpaceSchema>;

/** S1 keeps what an earlier search of DARTS, pruned step by step, had left on each edge. */
const s1: TwoCellCandidates = {
  normal: [
    ['skip_connect', 'dil_conv_3x3'],
    ['skip_connect', 'dil_conv_5x5'],
    ['skip_connect', 'dil_conv_5x5'],
    ['skip_connect', 'sep_conv_3x3'],
    ['skip_connect', 'dil_conv_3x3'],
    ['max_pool_3x3', 'skip_connect'],
    ['skip_connect', 'sep_conv_3x3'],
    ['skip_connect', 'sep_conv_3x3'],
    ['skip_connect', 'dil_conv_3x3'],
    ['skip_connect', 'sep_conv_3x3'],
    ['max_pool_3x3', 'skip_connect'],
    ['skip_connect', 'dil_conv_3x3'],
    ['dil_conv_3x3', 'dil_conv_5x5'],
    ['dil_conv_3x3', 'dil_conv_5x5'],
  ],
  reduce: [
    ['max_pool_3x3', 'avg_pool_3x3'],
    ['max_pool_3x3', 'dil_conv_3x3'],
    ['max_pool_3x3', 'avg_pool_3x3'],
    ['max_pool_3x3', 'avg_pool_3x3'],
    ['skip_connect', 'dil_conv_5x5'],
    ['max_pool_3x3', 'avg_pool_3x3'],
    ['max_pool_3x3', 'sep_conv_3x3'],
    ['skip_connect', 'dil_conv_3x3'],
    ['skip_connect', 'dil_conv_5x5'],
    ['max_pool_3x3', 'avg_pool_3x3'],
    ['max_pool_3x3', 'avg_pool_3x3'],
    ['skip_connect', 'dil_conv_5x5'],
    ['skip_connect', 'dil_conv_5x5'],
    ['skip_connect', 'dil_conv_5x5'],
  ],
};

function everywhere(...candidates: string[]): TwoCellCandidates {
  const edges = onEveryEdge(nodes, candidates);
  return { normal: edges, reduce: edges };
}

const subspaces = {
  S1: s1,
  S2: everywhere('skip_connect', 'sep_conv_3x3'),
  S3: everywhere('none', 'skip_connect', 'sep_conv_3x3'),
  S4: everywhere('noise', 'sep_conv_3x3'),
};

export const robustDartsSpace = cellSpace<RobustDartsSpaceConfig>({
  name: 'r-darts',
  schema: robustDartsSpaceSchema,
  ...twoCells,
  groups: ({ subspace }) => twoCellGroups(nodes, subspaces[subspace]),
});
