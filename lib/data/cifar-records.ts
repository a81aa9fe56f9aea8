/** The binary records of CIFAR-10 and CIFAR-100: label bytes, then 32 x 32 planes R, G, B. */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { FileFormatError, FileSystemError } from '../errors.js';
import { tensor } from '../ops/create.js';
import { concat, reshape, slice, transpose } from '../ops/layout.js';
import { keep, noGrad, scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { ImageSet, sha256Of } from './image-set.js';

const side = 32;
const channels = 3;
const imageBytes = channels * side * side;

/** What a record holds. */
export interface RecordFormat {
  /** As errors name it. */
  readonly name: string;
  /** How many values each label byte may have, in the order of the bytes. */
  readonly labels: readonly number[];
  /** Which label byte is the label. */
  readonly label: number;
}

/**
 * Reads the records of files one after the other.
 *
 * @throws FileFormatError naming the file and the offset, when it is truncated or a label is out of range
 * @throws FileSystemError when a file cannot be read
 */
export async function readRecords(paths: readonly string[], format: RecordFormat): Promise<ImageSet> {
  const files: Uint8Array[] = [];
  for (const path of paths) {
    const bytes = await FileSystemError.during('read', path, () => readFile(path));
    checkRecords(path, bytes, format);
    files.push(bytes);
  }
  const sha256 = await sha256Of(files);
  const hostLabels = Int32Array.from(files.flatMap((bytes) => labelsOf(bytes, format)));
  const images = scope(() =>
    noGrad(() =>
      keep(
        concat(
          files.map((file) => imagesOf(file, format)),
          0,
        ),
      ),
    ),
  );
  return new ImageSet(images, tensor(hostLabels), hostLabels, sha256);
}

function recordBytes(format: RecordFormat): number {
  return format.labels.length + imageBytes;
}

function labelsOf(bytes: Uint8Array, format: RecordFormat): number[] {
  const stride = recordBytes(format);
  return Array.from({ length: bytes.length / stride }, (_, index) => bytes[index * stride + format.label]!);
}

/** The device turns planes into [N, H, W, C]. */
function imagesOf(bytes: Uint8Array, format: RecordFormat): Tensor<'u8'> {
  const count = bytes.length / recordBytes(format);
  const records = tensor(bytes, [count, recordBytes(format)]);
  const planes = slice(records, 1, format.labels.length, imageBytes);
  return transpose(reshape(planes, [count, channels, side, side]), [0, 2, 3, 1]);
}

function checkRecords(path: string, bytes: Uint8Array, format: RecordFormat): void {
  const stride = recordBytes(format);
  const whole = Math.floor(bytes.length / stride);
  if (whole === 0 || bytes.length % stride !== 0) {
    throw new FileFormatError(
      `${resolve(path)}: expected records of ${stride} bytes, found ${bytes.length - whole * stride} ` +
        `at offset ${whole * stride}; the file is truncated or no ${format.name} batch, so fetch it again.`,
    );
  }
  for (let offset = 0; offset < bytes.length; offset += stride) {
    for (const [place, values] of format.labels.entries()) {
      const label = bytes[offset + place]!;
      if (label < values) continue;
      throw new FileFormatError(
        `${resolve(path)}: expected a label from 0 to ${values - 1} at offset ${offset + place}, found ${label}; ` +
          `this is no ${format.name} batch.`,
      );
    }
  }
}
