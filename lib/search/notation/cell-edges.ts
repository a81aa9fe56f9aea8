/** Edges of cells of two inputs as DARTS' repositories print them. */

import { ArgumentError } from '../../errors.js';
import { nearestWord } from '../../nearest-word.js';
import { type CellGenotype, type CellOperation, cellOperations } from '../../nn/genotype.js';
import {
  described,
  formatNumbers,
  itemsOf,
  numberOf,
  numbersOf,
  type PythonValue,
  textError,
} from './python-literal.js';

const INPUTS = 2;

/**
 * A cell from its edges and what it concatenates.
 *
 * Pairs `('op', from)`: two enter each node, in order (DARTS). Triples `('op', to, from)`: any number enters the node `to`
 * (FairDARTS). With triples a node without edges is left out of the concatenation, as FairDARTS' networks do, whatever
 * the text says.
 *
 * @throws ArgumentError that names the place
 */
export function readCell(edges: PythonValue, concat: PythonValue): CellGenotype {
  const items = itemsOf(edges, 'edges').map((edge) => ({ at: edge.at, parts: itemsOf(edge, 'an edge') }));
  const [first] = items;
  if (first === undefined) throw textError('at least one edge', 'none', edges.at);
  const length = first.parts.length;
  if (length !== 2 && length !== 3) {
    throw textError("edges ('op', from) or ('op', to, from)", `one of ${length} parts`, first.at);
  }
  const odd = items.find(({ parts }) => parts.length !== length);
  if (odd !== undefined) {
    throw textError(`edges of ${length} parts, as the first`, `one of ${odd.parts.length}`, odd.at);
  }
  if (length === 2 && items.length % 2 !== 0) {
    throw textError('two edges a node', `${items.length} edges`, edges.at);
  }
  const nodes: CellGenotype['nodes'] = [];
  for (const [index, { parts }] of items.entries()) {
    const [name, ...numbers] = parts as [PythonValue, ...PythonValue[]];
    const to =
      length === 2 ? INPUTS + Math.floor(index / 2) : numberOf(numbers[0]!, 'the node that an edge enters');
    if (to < INPUTS || to > INPUTS + 1000) {
      throw textError(`a node, counted from ${INPUTS},`, `${to}`, numbers[0]!.at);
    }
    const origin = numbers.at(-1)!;
    const from = numberOf(origin, 'the state that an edge comes from');
    if (from >= to) throw textError(`a state before ${to}`, `${from}`, origin.at);
    while (nodes.length <= to - INPUTS) nodes.push([]);
    nodes[to - INPUTS]!.push({ op: operationOf(name), from });
  }
  return { nodes, concat: readConcat(concat, nodes, length === 3) };
}

function readConcat(
  concat: PythonValue,
  nodes: CellGenotype['nodes'],
  nodesMayBeEmpty: boolean,
): CellGenotype['concat'] {
  const states = numbersOf(concat, 'states to concatenate');
  const kept = nodesMayBeEmpty
    ? states.filter(({ value }) => value < INPUTS || (nodes[value - INPUTS]?.length ?? 0) > 0)
    : states;
  const beyond = kept.find(({ value }) => value >= nodes.length + INPUTS);
  if (beyond !== undefined) {
    throw textError(`states below ${nodes.length + INPUTS}`, `${beyond.value}`, beyond.at);
  }
  if (kept.length === 0) throw textError('at least one state with edges to concatenate', 'none', concat.at);
  return kept.map(({ value }) => value);
}

function operationOf(value: PythonValue): CellOperation {
  if (value.kind !== 'string') throw textError('the name of an operation', described(value), value.at);
  const known = cellOperations.find((operation) => operation === value.value);
  if (known !== undefined) return known;
  const near = nearestWord(value.value, cellOperations);
  throw textError(
    `an operation out of ${cellOperations.join(', ')}`,
    `'${value.value}'${near === undefined ? '' : `; did you mean ${near}?`}`,
    value.at,
  );
}

/** Whether cells can be printed as pairs: two edges enter each node. */
export function inPairs(cells: readonly CellGenotype[]): boolean {
  return cells.every(({ nodes }) => nodes.every(({ length }) => length === 2));
}

/** The edges of a cell, as pairs or as triples. */
export function formatEdges({ nodes }: CellGenotype, pairs: boolean): string {
  const edges = nodes.flatMap((node, index) =>
    node.map(({ op, from }) => (pairs ? `('${op}', ${from})` : `('${op}', ${index + INPUTS}, ${from})`)),
  );
  return `[${edges.join(', ')}]`;
}

/**
 * What a cell concatenates.
 *
 * @throws ArgumentError when it concatenates a node without edges, which triples cannot say
 */
export function formatConcat({ nodes, concat }: CellGenotype, pairs: boolean): string {
  const empty = pairs ? undefined : concat.find((state) => nodes[state - INPUTS]?.length === 0);
  if (empty !== undefined) {
    throw new ArgumentError(
      `Expected a cell that concatenates nodes with edges only, got node ${empty}; this notation cannot say it. Leave the node out of concat, or keep the genotype as JSON.`,
    );
  }
  return formatNumbers(concat);
}
