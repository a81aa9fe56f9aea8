/** Tiny-ImageNet (Stanford CS231n): 64 x 64 pictures in its own layout. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { FileFormatError, FileSystemError } from '../errors.js';
import type { Dataset } from './dataset.js';
import type { LabelledFile } from './decode-pictures.js';
import { listPictures, openPictureDataset } from './picture-dataset.js';
import type { PictureOptions, ReadNotes } from './read-options.js';

/**
 * Opens Tiny-ImageNet: `wnids.txt` (its order is that of the labels), `words.txt` (their names),
 * `train/<wnid>/images/`, and `val/images/` with `val/val_annotations.txt`.
 *
 * The test images are those of `val/`: the official ones have no labels.
 *
 * @throws FileSystemError when a part is missing; FileFormatError naming the line that is wrong; and as `readPictures`
 */
export async function tinyImagenet(path: string, options: PictureOptions & ReadNotes = {}): Promise<Dataset> {
  const wnids = (await linesOf(join(path, 'wnids.txt'))).map(({ text }) => text.trim());
  const labels = new Map(wnids.map((wnid, label) => [wnid, label]));
  if (labels.size !== wnids.length || wnids.length === 0) {
    throw new FileFormatError(
      `${join(path, 'wnids.txt')}: expected class ids, each once, found ${wnids.length} lines.`,
    );
  }
  const words = new Map<string, string>();
  for (const { text } of await linesOf(join(path, 'words.txt'))) {
    const tab = text.indexOf('\t');
    if (tab > 0) words.set(text.slice(0, tab), text.slice(tab + 1).trim());
  }
  const classes = wnids.map((wnid) => words.get(wnid) ?? wnid);
  const train: LabelledFile[] = [];
  for (const [label, wnid] of wnids.entries()) {
    const folder = join(path, 'train', wnid, 'images');
    for (const name of await listPictures(folder)) {
      train.push({ path: join(folder, name), name: `train/${wnid}/images/${name}`, label });
    }
  }
  return openPictureDataset(
    `tiny-imagenet:${path}`,
    { classes, train, test: await annotated(path, labels) },
    options,
  );
}

async function annotated(path: string, labels: ReadonlyMap<string, number>): Promise<LabelledFile[]> {
  const file = join(path, 'val', 'val_annotations.txt');
  return (await linesOf(file)).map(({ text, number }) => {
    const [name = '', wnid = ''] = text.split('\t');
    const label = labels.get(wnid);
    if (label === undefined || name === '' || /[\\/\0]/.test(name)) {
      throw new FileFormatError(
        `${file}: expected a file name and one of the ${labels.size} class ids in line ${number}, found '${text.slice(0, 80)}'.`,
      );
    }
    return { path: join(path, 'val', 'images', name), name: `val/images/${name}`, label };
  });
}

async function linesOf(path: string): Promise<{ text: string; number: number }[]> {
  const content = await FileSystemError.during('read', path, () => readFile(path, 'utf8'));
  return content
    .split(/\r?\n/)
    .map((text, index) => ({ text, number: index + 1 }))
    .filter(({ text }) => text.trim() !== '');
}
