/** CIFAR-10 in its canonical binary format: https://www.cs.toronto.edu/~kriz/cifar.html */

import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { FileSystemError } from '../errors.js';
import { type RecordFormat, readRecords } from './cifar-records.js';
import { type Dataset, HeldOutSet } from './dataset.js';

const classes = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
] as const;
const normalization = { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] } as const;

const format: RecordFormat = { name: 'CIFAR-10', labels: [classes.length], label: 0 };
const trainFile = /^data_batch_(\d+)\.bin$/;
const testFile = 'test_batch.bin';

/**
 * Opens CIFAR-10: every `data_batch_N.bin` that is there, in the order of the numbers, is training data; `test_batch.bin`
 * is read only when the test images are.
 *
 * @param path the folder of the files
 * @throws FileFormatError naming the file and the offset, when it is truncated or no CIFAR-10 file
 * @throws FileSystemError when the folder or a file cannot be read, or there is no training file
 */
export async function cifar10(path: string): Promise<Dataset> {
  const names = await FileSystemError.during('list', path, () => readdir(path));
  const numbered = names.flatMap((name) => {
    const match = trainFile.exec(name);
    return match === null ? [] : [{ name, number: Number(match[1]) }];
  });
  if (numbered.length === 0) {
    throw new FileSystemError(
      `Expected data_batch_1.bin and so on in ${resolve(path)}, found none; give the folder of CIFAR-10's binary version.`,
    );
  }
  numbered.sort((a, b) => a.number - b.number);
  const train = await readRecords(
    numbered.map(({ name }) => join(path, name)),
    format,
  );
  const test = new HeldOutSet(() => readRecords([join(path, testFile)], format));
  return { name: `cifar10:${path}`, classes, normalization, train, test, dispose: () => train.dispose() };
}
