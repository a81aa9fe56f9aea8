/** Groups of edges, and architectures on them, as tests of searches write them down. */
import { dartsCandidates } from '../../lib/nn/models/darts.js';
import type { WeightsByGroup } from '../../lib/search/diagnostics/group-weights.js';
import type { Choice, EdgeGroup } from '../../lib/search/supernet.js';

/** A kind of cell of DARTS: four nodes, 14 edges, of which an architecture keeps two a node. */
export function dartsGroup(name: string): EdgeGroup {
  return {
    name,
    candidates: Array.from({ length: 14 }, () => dartsCandidates),
    nodes: [
      [0, 1],
      [2, 3, 4],
      [5, 6, 7, 8],
      [9, 10, 11, 12, 13],
    ],
    edgesPerNode: 2,
    noneAllowed: false,
  };
}

export const benchOperations = ['none', 'skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', 'avg_pool_3x3'];

/** The cell of NAS-Bench-201. */
export const benchGroup: EdgeGroup = {
  name: 'cell',
  candidates: Array.from({ length: 6 }, () => benchOperations),
  nodes: [[0], [1, 2], [3, 4, 5]],
  edgesPerNode: null,
  noneAllowed: true,
};

/** The choice of a DARTS cell whose nodes keep their first two edges, with these eight operations. */
export function dartsChoice(name: string, operations: readonly string[]): Choice {
  const first = [0, 1, 2, 3, 5, 6, 9, 10];
  return {
    [name]: Array.from({ length: 14 }, (_, edge) => {
      const place = first.indexOf(edge);
      return place < 0 ? [] : [operations[place]!];
    }),
  };
}

export const benchChoice = (operations: readonly string[]): Choice => ({
  cell: operations.map((op) => [op]),
});

/** Weights of a group, edge by edge. */
export function weightsOf(name: string, rows: readonly (readonly number[])[]): WeightsByGroup {
  const candidates = rows[0]!.length;
  return { [name]: { edges: rows.length, candidates, values: Float64Array.from(rows.flat()) } };
}
