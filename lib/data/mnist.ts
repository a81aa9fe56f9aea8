/** MNIST, and what comes in its format (Fashion-MNIST, KMNIST): idx files, plain or in gzip. */

import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { FileFormatError, FileSystemError } from '../errors.js';
import { tensor } from '../ops/create.js';
import { type Dataset, HeldOutSet } from './dataset.js';
import { readIdx } from './idx.js';
import { ImageSet, sha256Of } from './image-set.js';

const classes = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'] as const;
const normalization = { mean: [0.1307], std: [0.3081] } as const;

/**
 * Opens MNIST: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the same of `t10k`, each with `.gz` or without.
 * Images are grey: [N, 28, 28, 1].
 *
 * Where only the test files are, the set opens and its test images can be read; `train` throws what is missing.
 *
 * @param path the folder of the files
 * @throws FileFormatError naming the file, when it is corrupt or images and labels do not agree
 * @throws FileSystemError when neither part is there, or a file cannot be read
 */
export async function mnist(path: string): Promise<Dataset> {
  const name = `mnist:${path}`;
  const test = new HeldOutSet(() => readPart(path, 't10k'));
  const missing = await missingFile(path, 'train');
  if (missing === undefined) {
    const train = await readPart(path, 'train');
    return { name, classes, normalization, train, test, dispose: () => train.dispose() };
  }
  if ((await missingFile(path, 't10k')) !== undefined) throw absent(path, missing);
  return {
    name,
    classes,
    normalization,
    hasTrain: false,
    get train(): never {
      throw absent(path, missing);
    },
    test,
    dispose: () => {},
  };
}

type Part = 'train' | 't10k';

function namesOf(part: Part): [images: string, labels: string] {
  return [`${part}-images-idx3-ubyte`, `${part}-labels-idx1-ubyte`];
}

function absent(path: string, file: string): FileSystemError {
  return new FileSystemError(
    `Expected ${file} or ${file}.gz in ${resolve(path)}, found neither; give the folder of MNIST's four files.`,
  );
}

async function missingFile(path: string, part: Part): Promise<string | undefined> {
  for (const name of namesOf(part)) if ((await find(path, name)) === undefined) return name;
  return undefined;
}

async function find(path: string, name: string): Promise<string | undefined> {
  for (const file of [join(path, name), join(path, `${name}.gz`)]) {
    if (
      await access(file).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  return undefined;
}

async function readPart(path: string, part: Part): Promise<ImageSet> {
  const files: string[] = [];
  for (const name of namesOf(part)) {
    const file = await find(path, name);
    if (file === undefined) throw absent(path, name);
    files.push(file);
  }
  const [imageFile, labelFile] = files as [string, string];
  const [images, labels] = [await readIdx(imageFile, 3), await readIdx(labelFile, 1)];
  const [count, height, width] = images.extents as [number, number, number];
  if (count !== labels.bytes.length) {
    throw new FileFormatError(
      `${resolve(labelFile)}: expected ${count} labels, one an image of ${imageFile}, found ${labels.bytes.length}.`,
    );
  }
  const wrong = labels.bytes.findIndex((label) => label >= classes.length);
  if (wrong >= 0) {
    throw new FileFormatError(
      `${resolve(labelFile)}: expected labels from 0 to ${classes.length - 1}, found ${labels.bytes[wrong]} as number ${wrong}.`,
    );
  }
  const sha256 = await sha256Of([images.bytes, labels.bytes]);
  const hostLabels = Int32Array.from(labels.bytes);
  return new ImageSet(
    tensor(images.bytes, [count, height, width, 1]),
    tensor(hostLabels),
    hostLabels,
    sha256,
  );
}
