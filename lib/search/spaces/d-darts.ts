/**
 * The space of D-DARTS (Heuillet, Tabia, Arioui and Youcef-Toumi, arXiv 2108.09306; aheuillet/D-DARTS): the cells of DARTS,
 * each with alphas of its own, over seven candidates.
 */

import { z } from 'zod';

import { ArgumentError } from '../../errors.js';
import { isReduction } from '../../nn/models/cell-search-net.js';
import { dartsCandidates } from '../../nn/models/darts.js';
import { stepUniform } from '../../ops/step-random.js';
import type { Mixture } from '../supernet.js';
import {
  candidatesSchema,
  cellGroup,
  cellNetworkFields,
  cellSpace,
  nodesSchema,
  onEveryEdge,
} from './cell-space.js';

const withoutNone = dartsCandidates.filter((kind) => kind !== 'none');

export const distributedDartsSpaceSchema = z.strictObject({
  name: z.literal('d-darts'),
  ...cellNetworkFields,
  nodes: nodesSchema,
  candidates: candidatesSchema.default(() => candidatesSchema.parse(withoutNone)),
});

export type DistributedDartsSpaceConfig = z.infer<typeof distributedDartsSpaceSchema>;

const groupName = (cell: number): string => `cells.${cell}`;

export const distributedDartsSpace = cellSpace<DistributedDartsSpaceConfig>({
  name: 'd-darts',
  schema: distributedDartsSpaceSchema,
  groupOf: groupName,
  groups: ({ cells, nodes, candidates }) =>
    Array.from({ length: cells }, (_, cell) =>
      cellGroup(groupName(cell), nodes, onEveryEdge(nodes, candidates)),
    ),
  assemble: (cells) => ({ space: 'd-darts', cells: [...cells.values()] }),
  dismantle: (genotype) => {
    if (genotype.space !== 'd-darts') return null;
    const { cells, reductions } = genotype;
    const usual = cells.flatMap((_, cell) => (isReduction(cell, cells.length) ? [cell] : []));
    if (reductions !== undefined && reductions.join() !== usual.join()) {
      throw new ArgumentError(
        `Expected a genotype whose reductions are cells ${usual.join(', ')}, got ${reductions.join(', ') || 'none'}.`,
      );
    }
    return new Map(cells.map((cell, index) => [groupName(index), cell]));
  },
});

/**
 * The mixture of a network "without" a group's cell, by which D-DARTS measures what the cell contributes. As in its code
 * (model_search.py, `MixedOp.forward` of a cell that is not active) the cell stays, and mixes by numbers uniform in [0, 1), new
 * for each of its edges and candidates, in place of its architecture's.
 *
 * @param random seed, and the site of a cell; the numbers change with the step of `device().stepBlock`
 * @throws ArgumentError when there is no such group
 */
export function withoutCell(
  mixture: Mixture,
  group: string,
  random: { readonly seed: number; readonly site: number },
): Mixture {
  const own = mixture[group];
  if (own === undefined) {
    throw new ArgumentError(`Expected a group out of ${Object.keys(mixture).join(', ')}, got '${group}'.`);
  }
  const { shape, device } = own.weights;
  return { ...mixture, [group]: { weights: stepUniform(shape, { ...random, device }) } };
}
