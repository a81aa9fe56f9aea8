/** Which training images are kept back for validation: an index list that a run stores. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { z } from 'zod';

import { ArgumentError, FileFormatError, FileSystemError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic-file.js';
import { permutation } from './philox.js';

/** A split of images 0 .. size - 1 into two parts without overlap; both ascend. */
export interface Split {
  readonly seed: number;
  readonly size: number;
  readonly train: Int32Array;
  readonly validation: Int32Array;
  /** SHA-256 of the size and the validation indices. */
  readonly sha256: string;
}

/**
 * Keeps `validation` of `size` images back, chosen by `seed`.
 *
 * @throws ArgumentError when nothing would be left of one part
 */
export function makeSplit(size: number, validation: number, seed: number): Split {
  if (!Number.isInteger(validation) || validation < 1 || validation >= size) {
    throw new ArgumentError(`Expected 1 to ${size - 1} validation images of ${size}, got ${validation}.`);
  }
  return splitBy(seed, size, permutation(size, seed).subarray(0, validation).toSorted());
}

function splitBy(seed: number, size: number, validation: Int32Array): Split {
  const kept = new Set(validation);
  const train = Int32Array.from({ length: size }, (_, index) => index).filter((index) => !kept.has(index));
  const sha256 = createHash('sha256')
    .update(`${size}:${validation.join(',')}`)
    .digest('hex');
  return { seed, size, train, validation, sha256 };
}

const splitSchema = z.strictObject({
  version: z.literal(1),
  seed: z.int().nonnegative(),
  size: z.int().positive(),
  validation: z.array(z.int().nonnegative()),
  sha256: z.string(),
});

/** Stores a split as JSON. @throws FileSystemError */
export async function writeSplit(path: string, split: Split): Promise<void> {
  const { seed, size, validation, sha256 } = split;
  await writeFileAtomic(
    path,
    `${JSON.stringify({ version: 1, seed, size, validation: [...validation], sha256 })}\n`,
  );
}

/** Reads a split back. @throws FileSystemError, FileFormatError when it is none or was changed */
export async function readSplit(path: string): Promise<Split> {
  const text = await FileSystemError.during('read', path, () => readFile(path, 'utf8'));
  const result = splitSchema.safeParse(parsed(text));
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new FileFormatError(
      `${path}: expected a split of images, but ${issue?.path.join('.') || 'the file'}: ${issue?.message}.`,
    );
  }
  const { seed, size, validation, sha256 } = result.data;
  const split = splitBy(seed, size, Int32Array.from(validation));
  if (split.sha256 !== sha256 || split.train.length + validation.length !== size) {
    throw new FileFormatError(
      `${path}: expected the digest ${sha256}, got ${split.sha256}; the file was changed.`,
    );
  }
  return split;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
