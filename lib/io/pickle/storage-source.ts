/** Where a checkpoint keeps the elements of its tensors. */

import { FileFormatError } from '../../errors.js';
import type { FileDTypeName } from '../file-dtype.js';
import type { PythonValue, StorageReference } from './values.js';

/** An open checkpoint: what was saved, and the elements of its storages. */
export interface StorageSource {
  /** What was saved. */
  readonly root: PythonValue;
  readonly bigEndian: boolean;
  readonly fileSize: number;
  /** The bytes that a storage has in the file. @throws FileFormatError when it is not there */
  sizeOf(storage: StorageReference): number;
  read(storage: StorageReference, offset: number, length: number): Promise<Buffer<ArrayBuffer>>;
  close(): Promise<void>;
}

const STORAGE_TYPES: Readonly<Record<string, FileDTypeName>> = {
  'torch.FloatStorage': 'F32',
  'torch.DoubleStorage': 'F64',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
};

/** The element type of a storage. @throws FileFormatError for a class that is none */
export function storageType({ type }: StorageReference, path: string): FileDTypeName {
  const name = Object.hasOwn(STORAGE_TYPES, type) ? STORAGE_TYPES[type] : undefined;
  if (name !== undefined) return name;
  throw new FileFormatError(`${path}: expected a storage of a known element type, found ${type}.`);
}
