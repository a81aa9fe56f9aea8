/** Meta-Album (Ullah et al., arXiv 2302.08909): many small data sets in one layout. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import { ArgumentError, FileFormatError, FileSystemError } from '../errors.js';
import { parseCsv } from './csv.js';
import type { Dataset } from './dataset.js';
import type { LabelledFile } from './decode-pictures.js';
import { permutation } from './philox.js';
import { inOrder, openPictureDataset } from './picture-dataset.js';
import type { PictureOptions, ReadNotes } from './read-options.js';

export interface MetaAlbumOptions extends PictureOptions, ReadNotes {
  /** The share of each class that is test images. Default 0.5: of the Micro sets 20 of 40, as RRR-Net has it. */
  readonly test?: number;
  /** Of the split. Default 0. */
  readonly seed?: number;
}

const infoSchema = z.object({
  image_column_name: z.string().default('FILE_NAME'),
  category_column_name: z.string().default('CATEGORY'),
});

/**
 * Opens a set of Meta-Album: `images/`, `labels.csv` and `info.json`, which names the columns of file and category.
 * Classes are the categories in the order of their names.
 *
 * The split is within each class, by Philox under `seed`; that of a paper cannot be had, as it is NumPy's.
 *
 * @throws FileSystemError, FileFormatError naming the file and what is wrong in it; and as `readPictures`
 */
export async function metaAlbum(path: string, options: MetaAlbumOptions = {}): Promise<Dataset> {
  const { test: share = 0.5, seed = 0 } = options;
  if (!(share > 0 && share < 1)) {
    throw new ArgumentError(`Expected a share of test images between 0 and 1, got ${share}.`);
  }
  const byClass = await filesByCategory(path);
  const classes = inOrder(byClass.keys());
  const train: LabelledFile[] = [];
  const test: LabelledFile[] = [];
  for (const [label, category] of classes.entries()) {
    const names = inOrder(byClass.get(category)!);
    const kept = Math.round(names.length * share);
    const order = permutation(names.length, seed, label);
    for (const [place, index] of order.entries()) {
      const name = names[index]!;
      (place < kept ? test : train).push({ path: join(path, 'images', name), name: `images/${name}`, label });
    }
  }
  if (train.length === 0 || test.length === 0) {
    throw new ArgumentError(
      `Expected images on both sides of a split by ${share}, got ${train.length} and ${test.length}.`,
    );
  }
  return openPictureDataset(`meta-album:${path}`, { classes, train, test }, options);
}

async function filesByCategory(path: string): Promise<Map<string, Set<string>>> {
  const infoFile = join(path, 'info.json');
  const labelFile = join(path, 'labels.csv');
  const info = infoSchema.safeParse(
    parsed(await FileSystemError.during('read', infoFile, () => readFile(infoFile, 'utf8'))),
  );
  if (!info.success) throw new FileFormatError(`${infoFile}: expected the names of the columns in JSON.`);
  const { image_column_name: imageColumn, category_column_name: categoryColumn } = info.data;
  const text = await FileSystemError.during('read', labelFile, () => readFile(labelFile, 'utf8'));
  const [head = [], ...rows] = parseCsv(text.replace(/^\uFEFF/, ''));
  const places = [imageColumn, categoryColumn].map((column) => head.indexOf(column));
  if (places.includes(-1)) {
    throw new FileFormatError(
      `${labelFile}: expected the columns ${imageColumn} and ${categoryColumn}, found ${head.slice(0, 10).join(', ')}.`,
    );
  }
  const files = new Map<string, Set<string>>();
  for (const [index, row] of rows.entries()) {
    const [name, category] = places.map((place) => row[place]);
    if (
      name === undefined ||
      category === undefined ||
      category === '' ||
      !/^[^.\\/\0][^\\/\0]*$/.test(name)
    ) {
      throw new FileFormatError(
        `${labelFile}: expected a file name and a category in row ${index + 2}, found '${row.join(',').slice(0, 80)}'.`,
      );
    }
    files.set(category, (files.get(category) ?? new Set()).add(name));
  }
  if (files.size === 0) throw new FileFormatError(`${labelFile}: expected a row an image, found none.`);
  return files;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
