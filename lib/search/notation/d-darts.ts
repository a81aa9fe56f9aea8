/** `Genotype_nested(genes=[[('sep_conv_3x3', 2, 1), ...], ...], reductions=[2, 6], concat=range(2, 6))` of D-DARTS. */

import { ArgumentError } from '../../errors.js';
import type { DistributedGenotype } from '../../nn/genotype.js';
import { formatConcat, formatEdges, readCell } from './cell-edges.js';
import { fieldsOf, formatNumbers, itemsOf, numbersOf, type PythonCall, textError } from './python-literal.js';

const FIELDS = ['genes', 'concat', 'reductions'] as const;

/** @throws ArgumentError that names the place */
export function readDistributed(call: PythonCall): DistributedGenotype {
  const { genes, concat, reductions } = fieldsOf(call, FIELDS);
  const cells = itemsOf(genes, 'cells').map((edges) => readCell(edges, concat));
  if (cells.length === 0) throw textError('at least one cell', 'none', genes.at);
  const numbers = numbersOf(reductions, 'reduction cells');
  let before = -1;
  for (const { at, value } of numbers) {
    if (value <= before || value >= cells.length) {
      throw textError(`reduction cells below ${cells.length} in rising order`, `${value}`, at);
    }
    before = value;
  }
  return { space: 'd-darts', cells, reductions: numbers.map(({ value }) => value) };
}

/** @throws ArgumentError when the cells do not concatenate the same nodes, of those that have edges */
export function formatDistributed({ cells, reductions }: DistributedGenotype): string {
  const concat = [...new Set(cells.flatMap((cell) => cell.concat))].sort((a, b) => a - b);
  for (const [index, cell] of cells.entries()) {
    const own = concat.filter((state) => state < 2 || (cell.nodes[state - 2]?.length ?? 0) > 0);
    if (own.length === cell.concat.length && own.every((state, i) => state === cell.concat[i])) {
      formatConcat(cell, false);
      continue;
    }
    throw new ArgumentError(
      `Expected cells that all concatenate the states ${concat.join(', ')}, where they have edges, got ${cell.concat.join(', ')} in cell ${index}; this notation cannot say it. Keep the genotype as JSON.`,
    );
  }
  const { length } = cells;
  const halving = reductions ?? [...new Set([Math.floor(length / 3), Math.floor((2 * length) / 3)])];
  const genes = cells.map((cell) => formatEdges(cell, false)).join(', ');
  return `Genotype_nested(genes=[${genes}], reductions=[${halving.join(', ')}], concat=${formatNumbers(concat)})`;
}
