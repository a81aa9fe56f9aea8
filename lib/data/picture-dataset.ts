/** A data set of picture files: what its layouts (folders, Tiny-ImageNet, Meta-Album) have in common. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { FileSystemError } from '../errors.js';
import { type Dataset, HeldOutSet } from './dataset.js';
import { pictureName } from './decode-picture.js';
import type { LabelledFile } from './decode-pictures.js';
import { readPictures } from './picture-set.js';
import type { PictureOptions, ReadNotes } from './read-options.js';

/** The files of a data set, part by part. */
export interface PictureParts {
  readonly classes: readonly string[];
  readonly train: readonly LabelledFile[];
  /** Images that the set itself keeps apart for choices. */
  readonly validation?: readonly LabelledFile[];
  readonly test: readonly LabelledFile[];
}

/** Reads the training pictures; the others are read when they are asked for. Errors as `readPictures`. */
export async function openPictureDataset(
  name: string,
  { classes, train, validation, test }: PictureParts,
  options: PictureOptions & ReadNotes,
): Promise<Dataset> {
  const read = async (part: string, files: readonly LabelledFile[]) =>
    readPictures(`${name} (${part})`, files, options);
  const { set, statistics } = await read('train', train);
  return {
    name,
    classes,
    normalization: statistics,
    train: set,
    test: new HeldOutSet(async () => (await read('test', test)).set),
    ...(validation !== undefined && {
      readValidation: async () => (await read('validation', validation)).set,
    }),
    dispose: () => set.dispose(),
  };
}

/** Names in the order of their code units: the same in every locale and file system. */
export function inOrder(names: Iterable<string>): string[] {
  return [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** The pictures in a folder and below it, with slashes, in order. @throws FileSystemError */
export async function listPictures(folder: string): Promise<string[]> {
  const entries = await FileSystemError.during('list', folder, () =>
    readdir(folder, { withFileTypes: true }),
  );
  const found: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) {
      found.push(...(await listPictures(join(folder, entry.name))).map((name) => `${entry.name}/${name}`));
    } else if (pictureName.test(entry.name)) found.push(entry.name);
  }
  return inOrder(found);
}

/** The folders in a folder, in order. @throws FileSystemError */
export async function listFolders(folder: string): Promise<string[]> {
  const entries = await FileSystemError.during('list', folder, () =>
    readdir(folder, { withFileTypes: true }),
  );
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
  return inOrder(folders.map(({ name }) => name));
}
