/** CIFAR-10 in its canonical binary format: https://www.cs.toronto.edu/~kriz/cifar.html */

import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { FileFormatError, FileSystemError } from '../errors.js';
import { tensor } from '../ops/create.js';
import { concat, reshape, slice, transpose } from '../ops/layout.js';
import { keep, noGrad, scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { type Dataset, HeldOutSet } from './dataset.js';
import { ImageSet, sha256Of } from './image-set.js';

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

const side = 32;
const channels = 3;
const imageBytes = channels * side * side;
const recordBytes = 1 + imageBytes;
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
  const train = await readImages(numbered.map(({ name }) => join(path, name)));
  const test = new HeldOutSet(() => readImages([join(path, testFile)]));
  return { name: `cifar10:${path}`, classes, normalization, train, test, dispose: () => train.dispose() };
}

async function readImages(paths: readonly string[]): Promise<ImageSet> {
  const files: Uint8Array[] = [];
  for (const path of paths) {
    const bytes = await FileSystemError.during('read', path, () => readFile(path));
    checkRecords(path, bytes);
    files.push(bytes);
  }
  const sha256 = await sha256Of(files);
  const hostLabels = Int32Array.from(files.flatMap((bytes) => labelsOf(bytes)));
  const images = scope(() => noGrad(() => keep(concat(files.map(imagesOf), 0))));
  return new ImageSet(images, tensor(hostLabels), hostLabels, sha256);
}

function labelsOf(bytes: Uint8Array): number[] {
  return Array.from({ length: bytes.length / recordBytes }, (_, index) => bytes[index * recordBytes]!);
}

/** A record is its label, then the planes R, G, B; the device turns them into [N, H, W, C]. */
function imagesOf(bytes: Uint8Array): Tensor<'u8'> {
  const count = bytes.length / recordBytes;
  const records = tensor(bytes, [count, recordBytes]);
  const planes = reshape(slice(records, 1, 1, imageBytes), [count, channels, side, side]);
  return transpose(planes, [0, 2, 3, 1]);
}

function checkRecords(path: string, bytes: Uint8Array): void {
  const whole = Math.floor(bytes.length / recordBytes);
  if (whole === 0 || bytes.length % recordBytes !== 0) {
    throw new FileFormatError(
      `${resolve(path)}: expected records of ${recordBytes} bytes, found ${bytes.length - whole * recordBytes} ` +
        `at offset ${whole * recordBytes}; the file is truncated or no CIFAR-10 batch, so fetch it again.`,
    );
  }
  for (let offset = 0; offset < bytes.length; offset += recordBytes) {
    const label = bytes[offset]!;
    if (label < classes.length) continue;
    throw new FileFormatError(
      `${resolve(path)}: expected a label from 0 to ${classes.length - 1} at offset ${offset}, found ${label}; ` +
        'this is no CIFAR-10 batch.',
    );
  }
}
