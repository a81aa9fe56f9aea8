/** Data sets as a person names them on the command line: `KIND:ARGUMENT?OPTION=VALUE&OPTION=VALUE`. */

import { z } from 'zod';

import { ArgumentError } from '../errors.js';
import { nearestWord } from '../nearest-word.js';
import { boxShrunk } from './box-shrunk.js';
import { cifar10 } from './cifar10.js';
import { cifar100 } from './cifar100.js';
import type { Dataset } from './dataset.js';
import type { DrawnOptions } from './drawn/drawn-dataset.js';
import { scenes } from './drawn/scenes.js';
import { shapes10 } from './drawn/shapes10.js';
import { imageFolder } from './image-folder.js';
import { metaAlbum } from './meta-album.js';
import { mnist } from './mnist.js';
import type { ReadNotes } from './read-options.js';
import { tinyImagenet } from './tiny-imagenet.js';

const wholeNumber = z.string().regex(/^\d+$/).transform(Number).pipe(z.int());
const share = z
  .string()
  .regex(/^0?\.\d+$/)
  .transform(Number)
  .pipe(z.number().gt(0).lt(1));

const pictures = {
  size: wholeNumber.pipe(z.int().min(1).max(4096)).optional(),
  kernel: z.enum(['lanczos3', 'cubic']).optional(),
  corrupt: z.enum(['error', 'skip']).optional(),
};

/** Of a set whose images are all of one size: that of smaller ones. */
const shrunk = { size: wholeNumber.pipe(z.int().min(1)).optional() };

/** What each kind takes after `?`. */
const options = {
  cifar10: z.strictObject(shrunk),
  cifar100: z.strictObject({ labels: z.enum(['fine', 'coarse']).optional(), ...shrunk }),
  mnist: z.strictObject({}),
  folder: z.strictObject({ ...pictures, test: share.optional() }),
  'tiny-imagenet': z.strictObject(pictures),
  'meta-album': z.strictObject({ ...pictures, test: share.optional(), seed: wholeNumber.optional() }),
} as const;

type FileKind = keyof typeof options;
type FileSpec = {
  [K in FileKind]: { readonly kind: K; readonly path: string } & Readonly<z.infer<(typeof options)[K]>>;
}[FileKind];

/** A data set named by kind. */
export type DataSpec =
  | FileSpec
  | { readonly kind: 'shapes10' | 'scenes'; readonly seed: number; readonly size?: number };

const drawnKinds = ['shapes10', 'scenes'] as const;
const kinds = [...Object.keys(options), ...drawnKinds];
const grammar = `${Object.keys(options)
  .map((kind) => `'${kind}:FOLDER'`)
  .join(', ')}, 'shapes10[:SEED]' or 'scenes[:SEED]', with '?size=16' for smaller images`;

/**
 * Reads a data set's name: `cifar10:FOLDER`, `folder:FOLDER?size=64`, `shapes10`, `scenes:SEED` and so on. A `?` belongs to
 * the folder's name unless what follows the last one looks like options.
 *
 * @throws ArgumentError naming the kind or option that was probably meant
 */
export function parseDataSpec(text: string): DataSpec {
  const colon = text.indexOf(':');
  const kind = colon < 0 ? text : text.slice(0, colon);
  const rest = colon < 0 ? '' : text.slice(colon + 1);
  if (isFileKind(kind)) return fileSpec(kind, rest, text);
  const drawn = drawnKinds.find((one) => one === kind.replace(/\?.*/s, ''));
  if (drawn !== undefined) return drawnSpec(drawn, text);
  throw new ArgumentError(`Expected ${grammar} as data, got '${text}'.${didYouMean(kind, kinds)}`);
}

function drawnSpec(kind: (typeof drawnKinds)[number], text: string): DataSpec {
  const match = /^(?::(\d+))?(?:\?size=([1-9]\d{0,3}))?$/.exec(text.slice(kind.length));
  const seed = Number(match?.[1] ?? 0);
  if (match === null || !Number.isSafeInteger(seed)) {
    throw new ArgumentError(
      `Expected a whole number from 0 to 2^53 - 1 after '${kind}:', and perhaps ?size=16 behind it, got '${text}'.`,
    );
  }
  const [, , size] = match;
  return { kind, seed, ...(size === undefined ? {} : { size: Number(size) }) };
}

function isFileKind(kind: string): kind is FileKind {
  return Object.hasOwn(options, kind);
}

function fileSpec(kind: FileKind, rest: string, text: string): FileSpec {
  const [, path = rest, query] = /^(.*)\?((?:[\w-]+=[^?&=]*&?)+)$/s.exec(rest) ?? [];
  if (path === '')
    throw new ArgumentError(`Expected the folder of the files after '${kind}:', got '${text}'.`);
  const schema = options[kind];
  const given = Object.fromEntries(new URLSearchParams(query));
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(schema.shape, name));
  if (unknown !== undefined) {
    const known = Object.keys(schema.shape);
    const taken = known.length === 0 ? 'no options' : known.join(', ');
    throw new ArgumentError(
      `Expected ${taken} with '${kind}', got '${unknown}'.${didYouMean(unknown, known)}`,
    );
  }
  const result = schema.safeParse(given);
  if (!result.success) {
    const [issue] = result.error.issues;
    const name = String(issue?.path[0]);
    throw new ArgumentError(`Expected ${expectedOf(name)} as ${name} of '${kind}', got '${given[name]}'.`);
  }
  return { kind, path, ...result.data } as FileSpec;
}

function expectedOf(option: string): string {
  const expected: Record<string, string> = {
    size: 'a whole number of pixels from 1 to 4096',
    kernel: "'lanczos3' or 'cubic'",
    corrupt: "'error' or 'skip'",
    labels: "'fine' or 'coarse'",
    test: 'a share between 0 and 1, as in 0.2,',
    seed: 'a whole number from 0 to 2^53 - 1',
  };
  return expected[option] ?? 'another value';
}

function didYouMean(word: string, candidates: readonly string[]): string {
  const near = nearestWord(word, candidates);
  return near === undefined ? '' : ` Did you mean '${near}'?`;
}

/**
 * Opens the data set of a spec.
 *
 * @param sizes of a drawn set, a set from files has those it has; and who hears what a reader tells
 * @throws as `parseDataSpec` and the data set's own function
 */
export async function openDataset(
  spec: DataSpec | string,
  { onNote, onProgress, ...sizes }: Pick<DrawnOptions, 'train' | 'test'> & ReadNotes = {},
): Promise<Dataset> {
  const parsed = typeof spec === 'string' ? parseDataSpec(spec) : spec;
  const notes: ReadNotes = { ...(onNote && { onNote }), ...(onProgress && { onProgress }) };
  switch (parsed.kind) {
    case 'shapes10':
      return ofSize(parsed.size, await shapes10({ seed: parsed.seed, ...sizes }));
    case 'scenes':
      return ofSize(parsed.size, await scenes({ seed: parsed.seed, ...sizes }));
    case 'cifar10':
      return ofSize(parsed.size, await cifar10(parsed.path));
    case 'cifar100':
      return ofSize(parsed.size, await cifar100(parsed.path, definedOf(parsed)));
    case 'mnist':
      return mnist(parsed.path);
    case 'folder':
      return imageFolder(parsed.path, { ...definedOf(parsed), ...notes });
    case 'tiny-imagenet':
      return tinyImagenet(parsed.path, { ...definedOf(parsed), ...notes });
    case 'meta-album':
      return metaAlbum(parsed.path, { ...definedOf(parsed), ...notes });
  }
}

function ofSize(size: number | undefined, dataset: Dataset): Dataset | Promise<Dataset> {
  return size === undefined ? dataset : boxShrunk(dataset, size);
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the options that were not given. */
function definedOf<T extends object>(spec: T): Defined<T> {
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined)) as Defined<T>;
}
