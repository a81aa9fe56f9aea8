/** Genotypes in the textual forms of their repositories, both ways. A notation is a file in notation/ and a case here. */

import { ArgumentError } from '../errors.js';
import type { Genotype } from '../nn/genotype.js';
import { nasBench201FromString, nasBench201String } from '../nn/nas-bench-201-string.js';
import { formatDistributed, readDistributed } from './notation/d-darts.js';
import { formatDarts, readDarts } from './notation/darts.js';
import { described, readPython, textError } from './notation/python-literal.js';

const FORMS =
  "'Genotype(normal=..., ...)', 'Genotype_nested(genes=..., ...)' or '|op~0|+|op~0|op~1|+|op~0|op~1|op~2|'";

/**
 * Reads a genotype as the repositories print it: `Genotype(...)` of DARTS and its descendants, with FairDARTS' triples too,
 * `Genotype_nested(...)` of D-DARTS, and the strings of NAS-Bench-201. Python is read as text, never run.
 *
 * @param space which the genotype has to be of. Default: any
 * @throws ArgumentError that says what was expected and at which character; or that the genotype is of another space
 */
export function parseGenotype<Space extends Genotype['space'] = Genotype['space']>(
  text: string,
  space?: Space,
): Extract<Genotype, { space: Space }> {
  const genotype = read(text);
  if (space !== undefined && genotype.space !== space) {
    throw new ArgumentError(`Expected a genotype of the space ${space}, got one of ${genotype.space}.`);
  }
  return genotype as Extract<Genotype, { space: Space }>;
}

function read(text: string): Genotype {
  if (text.trimStart().startsWith('|')) return nasBench201FromString(text.trim());
  const value = readPython(text);
  if (value.kind === 'call' && value.name === 'Genotype') return readDarts(value);
  if (value.kind === 'call' && value.name === 'Genotype_nested') return readDistributed(value);
  throw textError(FORMS, described(value), value.at);
}

/**
 * Prints a genotype as its repositories do; `parseGenotype` reads it back.
 *
 * @throws ArgumentError for what the notation cannot say, and for layer-wise genotypes, which have none but JSON
 */
export function formatGenotype(genotype: Genotype): string {
  switch (genotype.space) {
    case 'darts':
      return formatDarts(genotype);
    case 'd-darts':
      return formatDistributed(genotype);
    case 'nas-bench-201':
      return nasBench201String(genotype);
    case 'layerwise':
      throw new ArgumentError(
        'Expected a genotype of cells, got one of the space layerwise, which has no textual form; keep it as JSON.',
      );
  }
}
