/** Spaces with one cell for all normal and one for all reduction cells. */

import type { Genotype } from '../../nn/genotype.js';
import type { EdgeGroup } from '../supernet.js';
import { type CellNetworkConfig, type CellSpaceDefinition, cellGroup } from './cell-space.js';

/** The candidates of each edge of both cells. */
export interface TwoCellCandidates {
  readonly normal: readonly (readonly string[])[];
  readonly reduce: readonly (readonly string[])[];
}

/** What such spaces share. */
export const twoCells: Pick<CellSpaceDefinition<CellNetworkConfig>, 'groupOf' | 'assemble' | 'dismantle'> = {
  groupOf: (_, reduction) => (reduction ? 'reduce' : 'normal'),
  assemble: (cells) => ({ space: 'darts', normal: cells.get('normal')!, reduce: cells.get('reduce')! }),
  dismantle: (genotype: Genotype) =>
    genotype.space === 'darts'
      ? new Map(Object.entries({ normal: genotype.normal, reduce: genotype.reduce }))
      : null,
};

export function twoCellGroups(nodes: number, { normal, reduce }: TwoCellCandidates): EdgeGroup[] {
  return [cellGroup('normal', nodes, normal), cellGroup('reduce', nodes, reduce)];
}
