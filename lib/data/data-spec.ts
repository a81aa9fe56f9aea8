/** Data sets as a person names them on the command line. */

import { ArgumentError } from '../errors.js';
import { cifar10 } from './cifar10.js';
import type { Dataset } from './dataset.js';
import { type Shapes10Options, shapes10 } from './drawn/shapes10.js';

/** A data set named by kind. */
export type DataSpec =
  | { readonly kind: 'cifar10'; readonly path: string }
  | { readonly kind: 'shapes10'; readonly seed: number };

const grammar = "'cifar10:FOLDER', 'shapes10' or 'shapes10:SEED'";

/** Reads `cifar10:FOLDER`, `shapes10` or `shapes10:SEED`. @throws ArgumentError */
export function parseDataSpec(text: string): DataSpec {
  const colon = text.indexOf(':');
  const kind = colon < 0 ? text : text.slice(0, colon);
  const rest = colon < 0 ? '' : text.slice(colon + 1);
  if (kind === 'cifar10') {
    if (rest !== '') return { kind, path: rest };
    throw new ArgumentError(`Expected the folder of the files after 'cifar10:', got '${text}'.`);
  }
  if (kind === 'shapes10') {
    if (colon < 0) return { kind, seed: 0 };
    if (/^\d+$/.test(rest) && Number.isSafeInteger(Number(rest))) return { kind, seed: Number(rest) };
    throw new ArgumentError(`Expected a whole number from 0 to 2^53 - 1 after 'shapes10:', got '${rest}'.`);
  }
  throw new ArgumentError(`Expected ${grammar} as data, got '${text}'.`);
}

/**
 * Opens the data set of a spec.
 *
 * @param sizes of a drawn set; a set from files has those it has
 * @throws as `parseDataSpec` and the data set's own function
 */
export async function openDataset(
  spec: DataSpec | string,
  sizes: Pick<Shapes10Options, 'train' | 'test'> = {},
): Promise<Dataset> {
  const parsed = typeof spec === 'string' ? parseDataSpec(spec) : spec;
  return parsed.kind === 'cifar10' ? cifar10(parsed.path) : shapes10({ seed: parsed.seed, ...sizes });
}
