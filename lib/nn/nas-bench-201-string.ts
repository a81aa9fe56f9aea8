/** The strings by which NAS-Bench-201 names its cells: `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`. */

import { ArgumentError } from '../errors.js';
import { type NasBench201Genotype, type NasBench201Operation, nasBench201Operations } from './genotype.js';

/** How many cells the space has: 5^6, among them many that compute the same. */
export const nasBench201CellCount = nasBench201Operations.length ** 6;

/** The string of a cell; `~` precedes the node that an operation reads. */
export function nasBench201String({ nodes }: NasBench201Genotype): string {
  return nodes.map((edges) => `|${edges.map((op, origin) => `${op}~${origin}`).join('|')}|`).join('+');
}

/** The cell of a string. @throws ArgumentError when it is none, with operations out of order or unknown among them */
export function nasBench201FromString(text: string): NasBench201Genotype {
  const nodes = text.split('+').map((node, index) => {
    const edges = node.split('|').slice(1, -1);
    if (`|${edges.join('|')}|` !== node || edges.length !== index + 1) throw noString(text);
    return edges.map((edge, origin) => {
      const op = nasBench201Operations.find((name) => edge === `${name}~${origin}`);
      if (op === undefined) throw noString(text);
      return op;
    });
  });
  if (nodes.length !== 3) throw noString(text);
  return { space: 'nas-bench-201', nodes };
}

/**
 * The cell of a number from 0 to 15,624, whose digits to base 5 are its operations, the first edge's the highest. The
 * numbering is ours: the benchmark's own is in its files.
 *
 * @throws ArgumentError
 */
export function nasBench201FromNumber(number: number): NasBench201Genotype {
  if (!Number.isInteger(number) || number < 0 || number >= nasBench201CellCount) {
    throw new ArgumentError(
      `Expected the number of a cell, 0 to ${nasBench201CellCount - 1}, got ${number}.`,
    );
  }
  const base = nasBench201Operations.length;
  const digits = number.toString(base).padStart(6, '0');
  const operations = Array.from(
    digits,
    (digit): NasBench201Operation => nasBench201Operations[Number(digit)]!,
  );
  return {
    space: 'nas-bench-201',
    nodes: [operations.slice(0, 1), operations.slice(1, 3), operations.slice(3, 6)],
  };
}

function noString(text: string): ArgumentError {
  return new ArgumentError(
    `Expected a cell as |op~0|+|op~0|op~1|+|op~0|op~1|op~2| of the operations ${nasBench201Operations.join(', ')}, ` +
      `got '${text}'.`,
  );
}
