/** `Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6), reduce=[...], reduce_concat=...)`. */

import type { DartsGenotype } from '../../nn/genotype.js';
import { formatConcat, formatEdges, inPairs, readCell } from './cell-edges.js';
import { fieldsOf, type PythonCall } from './python-literal.js';

const FIELDS = ['normal', 'normal_concat', 'reduce', 'reduce_concat'] as const;

/** @throws ArgumentError that names the place */
export function readDarts(call: PythonCall): DartsGenotype {
  const { normal, normal_concat, reduce, reduce_concat } = fieldsOf(call, FIELDS);
  return {
    space: 'darts',
    normal: readCell(normal, normal_concat),
    reduce: readCell(reduce, reduce_concat),
  };
}

/** With edges as pairs where two enter each node, else as triples. @throws ArgumentError as `formatConcat` */
export function formatDarts({ normal, reduce }: DartsGenotype): string {
  const pairs = inPairs([normal, reduce]);
  const parts = Object.entries({ normal, reduce }).map(
    ([kind, cell]) => `${kind}=${formatEdges(cell, pairs)}, ${kind}_concat=${formatConcat(cell, pairs)}`,
  );
  return `Genotype(${parts.join(', ')})`;
}
