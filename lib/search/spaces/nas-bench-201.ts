/**
 * The space of NAS-Bench-201 (Dong and Yang, arXiv 2001.00326), the topology space of NATS-Bench (arXiv 2009.00437): one
 * cell of six edges, five operations each, stacked in three stages.
 */

import { z } from 'zod';

import { ArgumentError } from '../../errors.js';
import { type NasBench201Operation, nasBench201Operations } from '../../nn/genotype.js';
import { nasBench201Spec } from '../../nn/models/nas-bench-201.js';
import { countSchema } from '../../nn/models/spec.js';
import { withoutDrawing } from '../../nn/module.js';
import { NasBench201Supernet, nasBench201Nodes } from '../networks/nas-bench-201-supernet.js';
import type { SearchSpace } from '../space.js';
import type { EdgeGroup } from '../supernet.js';

export const nasBench201SpaceSchema = z.strictObject({
  name: z.literal('nas-bench-201'),
  /** Of the first stage; each later one has twice as many. */
  channels: countSchema.default(16),
  /** Cells of each of the three stages. */
  cells: countSchema.default(5),
});

export type NasBench201SpaceConfig = z.infer<typeof nasBench201SpaceSchema>;

export const nasBench201Space: SearchSpace<NasBench201SpaceConfig> = {
  name: 'nas-bench-201',
  schema: nasBench201SpaceSchema,
  groups: () => [
    {
      name: 'cell',
      candidates: nasBench201Nodes.flat().map(() => nasBench201Operations),
      nodes: nasBench201Nodes,
      edgesPerNode: null,
      noneAllowed: true,
    },
  ],
  supernet: ({ channels, cells }, groups, options, seed) => {
    const network = withoutDrawing(() => new NasBench201Supernet({ ...options, channels, cells, groups }));
    return seed === null ? network.reseed(0) : network.initialize(seed);
  },
  genotype: (_config, groups, choice) => {
    const kept = choice.cell;
    if (kept?.length !== nasBench201Nodes.flat().length || Object.keys(choice).length !== 1) {
      throw new ArgumentError(
        `Expected a choice for the six edges of 'cell', got ${JSON.stringify(choice)}.`,
      );
    }
    return {
      space: 'nas-bench-201',
      nodes: nasBench201Nodes.map((edges) => edges.map((e) => operationOf(kept[e]!, groups, e))),
    };
  },
  choice: (_config, groups, genotype) => {
    if (genotype.space !== 'nas-bench-201') {
      throw new ArgumentError(
        `Expected a genotype of the space nas-bench-201, got one of ${genotype.space}.`,
      );
    }
    return { cell: genotype.nodes.flat().map((op, e) => [operationOf([op], groups, e)]) };
  },
  network: ({ channels, cells }, genotype, options) => {
    if (genotype.space !== 'nas-bench-201') {
      throw new ArgumentError(
        `Expected a genotype of the space nas-bench-201, got one of ${genotype.space}.`,
      );
    }
    return nasBench201Spec(genotype, { ...options, channels, cells });
  },
};

/** What an edge keeps: one candidate; an edge that is dropped keeps `none`. @throws ArgumentError */
function operationOf(kept: readonly string[], groups: readonly EdgeGroup[], e: number): NasBench201Operation {
  const [kind = 'none', ...more] = kept;
  const offered = groups.find(({ name }) => name === 'cell')?.candidates[e] ?? [];
  const operation = nasBench201Operations.find((name) => name === kind);
  const known = kept.length === 0 || offered.includes(kind);
  if (operation !== undefined && known && more.length === 0) return operation;
  throw new ArgumentError(
    `Expected one operation of edge ${e} of 'cell' out of ${offered.join(', ')}, got ${kept.join(', ')}.`,
  );
}
