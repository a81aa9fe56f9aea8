/**
 * The space of DARTS (Liu, Simonyan and Yang, arXiv 1806.09055): a normal and a reduction cell of two inputs and four nodes,
 * 14 edges each with eight candidates.
 */

import { z } from 'zod';

import { dartsCandidates } from '../../nn/models/darts.js';
import { candidatesSchema, cellNetworkFields, cellSpace, nodesSchema, onEveryEdge } from './cell-space.js';
import { twoCellGroups, twoCells } from './two-cells.js';

export const dartsSpaceSchema = z.strictObject({
  name: z.literal('darts'),
  ...cellNetworkFields,
  nodes: nodesSchema,
  /** FairDARTS and DrNAS leave `none` out. */
  candidates: candidatesSchema.default(() => candidatesSchema.parse(dartsCandidates)),
});

export type DartsSpaceConfig = z.infer<typeof dartsSpaceSchema>;

export const dartsSpace = cellSpace<DartsSpaceConfig>({
  name: 'darts',
  schema: dartsSpaceSchema,
  ...twoCells,
  groups: ({ nodes, candidates }) => {
    const edges = onEveryEdge(nodes, candidates);
    return twoCellGroups(nodes, { normal: edges, reduce: edges });
  },
});
