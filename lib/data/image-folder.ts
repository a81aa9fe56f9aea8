/** Pictures in folders: a folder a class, in `train/`, `val/` and `test/` or all in one. */

import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';

import { ArgumentError, FileFormatError, FileSystemError } from '../errors.js';
import type { Dataset } from './dataset.js';
import type { LabelledFile } from './decode-pictures.js';
import { listFolders, listPictures, openPictureDataset, type PictureParts } from './picture-dataset.js';
import type { PictureOptions, ReadNotes } from './read-options.js';

export interface ImageFolderOptions extends PictureOptions, ReadNotes {
  /** The share of test images where the folder has no `test/` or `val/`. Default 0.1. */
  readonly test?: number;
}

/** The only class of pictures that lie in no class folder. */
const unnamedClass = 'image';

/**
 * Opens a folder of pictures (PNG, JPEG, WebP). Classes are the folders in it, in the order of their names; pictures may
 * lie in folders below. Pictures that lie in no class folder make one class, for work without labels.
 *
 * - With `train/`: `test/` holds the test images, else `val/` does. With both, `val/` is the set's own validation part.
 * - Without: a picture is a test image by the SHA-256 of its name below the folder, so that adding pictures moves none.
 *   (The rule is ours.)
 *
 * @throws FileSystemError when there are no pictures; ArgumentError for an option out of range
 * @throws FileFormatError when a part has a class that training has not; and as `readPictures`
 */
export async function imageFolder(path: string, options: ImageFolderOptions = {}): Promise<Dataset> {
  const folders = await listFolders(path);
  const parts = folders.includes('train')
    ? await splitFolders(path, folders)
    : await splitByName(path, options);
  return openPictureDataset(`folder:${path}`, parts, options);
}

async function splitFolders(path: string, folders: readonly string[]): Promise<PictureParts> {
  const classes = await classesOf(join(path, 'train'));
  const part = (name: string): Promise<LabelledFile[]> => listLabelled(join(path, name), `${name}/`, classes);
  const validationName = ['val', 'valid', 'validation'].find((name) => folders.includes(name));
  const testName = folders.includes('test') ? 'test' : validationName;
  if (testName === undefined) {
    throw new FileSystemError(`Expected test/ or val/ beside train/ in ${resolve(path)}, found neither.`);
  }
  const train = await part('train');
  const test = await part(testName);
  if (validationName === undefined || validationName === testName) return { classes, train, test };
  return { classes, train, validation: await part(validationName), test };
}

async function splitByName(path: string, { test: share = 0.1 }: ImageFolderOptions): Promise<PictureParts> {
  if (!(share > 0 && share < 1)) {
    throw new ArgumentError(`Expected a share of test images between 0 and 1, got ${share}.`);
  }
  const classes = await classesOf(path);
  const files = await listLabelled(path, '', classes);
  const isTest = ({ name }: LabelledFile): boolean =>
    createHash('sha256').update(name).digest().readUInt32BE(0) < share * 2 ** 32;
  const test = files.filter(isTest);
  const train = files.filter((file) => !isTest(file));
  if (train.length === 0 || test.length === 0) {
    throw new FileSystemError(
      `Expected enough pictures in ${resolve(path)} to keep a share of ${share} for the test, found ${files.length}.`,
    );
  }
  return { classes, train, test };
}

async function classesOf(folder: string): Promise<string[]> {
  const folders = await listFolders(folder);
  if (folders.length > 0) return folders;
  return [unnamedClass];
}

async function listLabelled(
  folder: string,
  prefix: string,
  classes: readonly string[],
): Promise<LabelledFile[]> {
  const named = classes.length > 1 || classes[0] !== unnamedClass;
  const files: LabelledFile[] = [];
  for (const name of await listPictures(folder)) {
    const slash = name.indexOf('/');
    if (named && slash < 0) continue; // beside the class folders
    const label = named ? classes.indexOf(name.slice(0, slash)) : 0;
    if (label < 0) {
      throw new FileFormatError(
        `${join(folder, name)}: expected one of the ${classes.length} classes of the training images, got ${name.slice(0, slash)}.`,
      );
    }
    files.push({ path: join(folder, name), name: prefix + name, label });
  }
  if (files.length === 0) {
    throw new FileSystemError(`Expected PNG, JPEG or WebP pictures in ${resolve(folder)}, found none.`);
  }
  return files;
}
