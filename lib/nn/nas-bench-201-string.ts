/** The strings by which NAS-Bench-201 names its cells: `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`. */

import { ArgumentError } from '../errors.js';
import { nearestWord } from '../nearest-word.js';
import { type NasBench201Genotype, type NasBench201Operation, nasBench201Operations } from './genotype.js';

/** How many cells the space has: 5^6, among them many that compute the same. */
export const nasBench201CellCount = nasBench201Operations.length ** 6;

/** The string of a cell; `~` precedes the node that an operation reads. */
export function nasBench201String({ nodes }: NasBench201Genotype): string {
  return nodes.map((edges) => `|${edges.map((op, origin) => `${op}~${origin}`).join('|')}|`).join('+');
}

/**
 * The cell of a string.
 *
 * @throws ArgumentError that names the character, with operations out of order or unknown among the causes
 */
export function nasBench201FromString(text: string): NasBench201Genotype {
  const parts = text.split('+');
  if (parts.length !== NODES) throw wrong(`${NODES} nodes, joined by '+',`, `${parts.length}`, 0);
  let at = 0;
  const nodes = parts.map((part, node) => {
    const operations = readNode(part, node, at);
    at += part.length + 1;
    return operations;
  });
  return { space: 'nas-bench-201', nodes };
}

const NODES = 3;

function readNode(part: string, node: number, at: number): NasBench201Operation[] {
  if (!part.startsWith('|') || !part.endsWith('|') || part.length < 2) {
    throw wrong("a node between '|' and '|'", `'${part}'`, at);
  }
  const edges = part.slice(1, -1).split('|');
  if (edges.length !== node + 1) {
    throw wrong(`${node + 1} operations into node ${node + 1}`, `${edges.length}`, at);
  }
  let place = at + 1;
  return edges.map((edge, origin) => {
    const name = edge.endsWith(`~${origin}`) ? edge.slice(0, -`~${origin}`.length) : undefined;
    if (name === undefined) throw wrong(`an operation and ~${origin}`, `'${edge}'`, place);
    const known = nasBench201Operations.find((operation) => operation === name);
    if (known === undefined) {
      const near = nearestWord(name, nasBench201Operations);
      throw wrong(
        `an operation out of ${nasBench201Operations.join(', ')}`,
        `'${name}'${near === undefined ? '' : `; did you mean ${near}?`}`,
        place,
      );
    }
    place += edge.length + 1;
    return known;
  });
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

function wrong(expected: string, got: string, at: number): ArgumentError {
  return new ArgumentError(
    `Expected ${expected} at character ${at + 1} of a cell as |op~0|+|op~0|op~1|+|op~0|op~1|op~2|, got ${got}.`,
  );
}
