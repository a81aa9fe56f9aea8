/** Named tensors in files of other programs: what each file name's ending means. */

import { extname } from 'node:path';

import { ArgumentError } from '../errors.js';
import type { HostTensor } from './host-tensor.js';
import { readNpz, writeNpz } from './npz.js';
import { readTorchFile } from './pickle/torch-file.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';

/** How tensors are kept in a file of one ending. */
interface TensorFormat {
  /** `key`: the part of a nested checkpoint; formats without parts take none. */
  readonly read: (path: string, key: string | undefined) => Promise<TensorFileContent>;
  readonly write?: (
    path: string,
    tensors: ReadonlyMap<string, HostTensor>,
    metadata: Readonly<Record<string, string>>,
  ) => Promise<void>;
}

export interface TensorFileContent {
  readonly tensors: Map<string, HostTensor>;
  /** Text that the file holds beside them; {} where the format has no place for it. */
  readonly metadata: Readonly<Record<string, string>>;
}

const torch: TensorFormat = {
  read: async (path, key) => ({ tensors: await readTorchFile(path, { key }), metadata: {} }),
};

const formats: ReadonlyMap<string, TensorFormat> = new Map([
  ['.safetensors', { read: withoutParts('safetensors', readSafetensors), write: writeSafetensors }],
  [
    '.npz',
    {
      read: withoutParts('npz', async (path) => ({ tensors: await readNpz(path), metadata: {} })),
      write: writeNpz,
    },
  ],
  ['.pth', torch],
  ['.pt', torch],
]);

/** The endings that are read. */
export const READABLE_ENDINGS: readonly string[] = [...formats.keys()];
/** The endings that are written. */
export const WRITABLE_ENDINGS: readonly string[] = READABLE_ENDINGS.filter(
  (ending) => formats.get(ending)?.write !== undefined,
);

/**
 * Reads all tensors of a .safetensors, .npz, .pth or .pt file; other element types become f32, i32 or u8.
 *
 * @param key the part of a nested .pth checkpoint, as in `readTorchFile`
 * @throws ArgumentError for another ending, or a key where there are no parts
 * @throws FileFormatError when the file is not sound; FileSystemError when it cannot be read
 */
export async function readTensorFile(path: string, key?: string): Promise<TensorFileContent> {
  const format = formats.get(extname(path).toLowerCase());
  if (format === undefined) {
    throw new ArgumentError(
      `Expected a file that ends in ${READABLE_ENDINGS.join(', ')} to read tensors from, got '${path}'.`,
    );
  }
  return format.read(path, key);
}

/**
 * Writes tensors as .safetensors or .npz, in one step. `metadata` is kept where the format has a place for it.
 *
 * @throws ArgumentError for another ending (a .pth is not written: PyTorch reads safetensors), or a wrong tensor
 * @throws FileSystemError when the disk is full and so on
 */
export async function writeTensorFile(
  path: string,
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  requireWritable(path);
  await formats.get(extname(path).toLowerCase())?.write?.(path, tensors, metadata);
}

/** Whether `writeTensorFile` can write this name: to be asked before long work. @throws ArgumentError */
export function requireWritable(path: string): void {
  if (WRITABLE_ENDINGS.includes(extname(path).toLowerCase())) return;
  throw new ArgumentError(
    `Expected a file that ends in ${WRITABLE_ENDINGS.join(' or ')} to write tensors to, got '${path}'; ` +
      'PyTorch reads safetensors too (see docs/interchange.md), so no pickle is ever written.',
  );
}

function withoutParts(
  name: string,
  read: (path: string) => Promise<TensorFileContent>,
): (path: string, key: string | undefined) => Promise<TensorFileContent> {
  return async (path, key) => {
    if (key === undefined) return read(path);
    throw new ArgumentError(
      `Expected no key for ${path}: a ${name} file has tensors alone, no parts to choose.`,
    );
  };
}
