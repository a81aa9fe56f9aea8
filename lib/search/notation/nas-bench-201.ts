/** `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`: a cell of NAS-Bench-201, the operations into nodes 1, 2 and 3. */

import { nearestWord } from '../../nearest-word.js';
import {
  type NasBench201Genotype,
  type NasBench201Operation,
  nasBench201Operations,
} from '../../nn/genotype.js';
import { textError } from './python-literal.js';

const NODES = 3;

/** @throws ArgumentError that names the place */
export function readNasBench201(text: string): NasBench201Genotype {
  const begin = text.length - text.trimStart().length;
  const parts = text.trim().split('+');
  if (parts.length !== NODES) {
    throw textError(`${NODES} nodes, joined by '+',`, `${parts.length}`, begin);
  }
  let at = begin;
  const nodes = parts.map((part, node) => {
    const operations = readNode(part, node, at);
    at += part.length + 1;
    return operations;
  });
  return { space: 'nas-bench-201', nodes };
}

function readNode(part: string, node: number, at: number): NasBench201Operation[] {
  if (!part.startsWith('|') || !part.endsWith('|') || part.length < 2) {
    throw textError("a node between '|' and '|'", `'${part}'`, at);
  }
  const edges = part.slice(1, -1).split('|');
  if (edges.length !== node + 1) {
    throw textError(`${node + 1} operations into node ${node + 1}`, `${edges.length}`, at);
  }
  let place = at + 1;
  return edges.map((edge, origin) => {
    const [name = '', from, ...more] = edge.split('~');
    if (from !== `${origin}` || more.length > 0) {
      throw textError(`an operation and ~${origin}`, `'${edge}'`, place);
    }
    const known = nasBench201Operations.find((operation) => operation === name);
    if (known === undefined) {
      const near = nearestWord(name, nasBench201Operations);
      throw textError(
        `an operation out of ${nasBench201Operations.join(', ')}`,
        `'${name}'${near === undefined ? '' : `; did you mean ${near}?`}`,
        place,
      );
    }
    place += edge.length + 1;
    return known;
  });
}

export function formatNasBench201({ nodes }: NasBench201Genotype): string {
  return nodes.map((edges) => `|${edges.map((op, from) => `${op}~${from}`).join('|')}|`).join('+');
}
