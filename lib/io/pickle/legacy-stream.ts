/**
 * Checkpoints of PyTorch before 1.6 (and of `_use_new_zipfile_serialization=False`): five pickles one after the other
 * (a magic number, the protocol, the system, what was saved, the keys of storages), then each storage's length and
 * elements.
 */

import { open } from 'node:fs/promises';

import { FileSystemError } from '../../errors.js';
import type { FileBytes } from '../file-bytes.js';
import { bytesPerElement } from '../file-dtype.js';
import { type StorageSource, storageType } from './storage-source.js';
import { type Unpickled, unpickle } from './unpickler.js';
import type { PythonValue, StorageReference } from './values.js';

/** The pickle of 0x1950a86a20f9469cfc6c, up to the number's last byte. */
const MAGIC = Buffer.from('80028a0a6cfc9c46f9206aa85019', 'hex');
const PROTOCOL = 1001;
const MAX_PICKLE_BYTES = 2 ** 27;
const LENGTH_BYTES = 8;

/** Whether a file begins as such a stream does. @throws FileSystemError when it cannot be read */
export async function isLegacyStream(path: string): Promise<boolean> {
  const file = await FileSystemError.during('open', path, () => open(path, 'r'));
  try {
    const { buffer, bytesRead } = await FileSystemError.during('read', path, () =>
      file.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, 0),
    );
    return bytesRead === MAGIC.length && buffer.equals(MAGIC);
  } finally {
    await file.close();
  }
}

/** Reads the pickles and finds the storages. Closes the file when it throws. @throws FileFormatError */
export async function openLegacyStream(path: string, file: FileBytes): Promise<StorageSource> {
  try {
    return await readStream(path, file);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readStream(path: string, file: FileBytes): Promise<StorageSource> {
  const head = await file.read(0, Math.min(file.size, MAX_PICKLE_BYTES));
  let end = 0;
  const next = (): Unpickled => {
    const result = unpickle(head, path, end);
    end = result.end;
    return result;
  };
  next();
  const protocol = next().value;
  if (protocol !== PROTOCOL) throw file.fault(end, `protocol ${PROTOCOL}`, String(protocol));
  const system = next().value;
  const { value: root, storages } = next();
  const keys = next().value;
  const places = await findStorages(path, file, end, keys, storages);
  const place = (storage: StorageReference) => {
    const found = places.get(storage.key);
    if (found === undefined) throw file.fault(end, `the elements of storage ${storage.key}`, 'none');
    return found;
  };
  return {
    root,
    bigEndian: system instanceof Map && system.get('little_endian') === false,
    fileSize: file.size,
    sizeOf: (storage) => place(storage).length,
    read: (storage, offset, length) => file.read(place(storage).offset + offset, length),
    close: () => file.close(),
  };
}

async function findStorages(
  path: string,
  file: FileBytes,
  start: number,
  keys: PythonValue,
  storages: ReadonlyMap<string, StorageReference>,
): Promise<Map<string, { offset: number; length: number }>> {
  if (!Array.isArray(keys)) throw file.fault(start, 'a list of storages', 'another value');
  const places = new Map<string, { offset: number; length: number }>();
  let at = start;
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (storage === undefined || places.has(storage.key)) {
      throw file.fault(at, 'each storage of the checkpoint once', JSON.stringify(String(key)));
    }
    const count = Number((await file.read(at, LENGTH_BYTES)).readBigUInt64LE());
    if (count !== storage.size) throw file.fault(at, `${storage.size} elements`, `${count}`);
    const length = count * bytesPerElement(storageType(storage, path));
    const offset = at + LENGTH_BYTES;
    if (offset + length > file.size) {
      throw file.fault(
        offset,
        `${length} bytes of storage ${storage.key}`,
        'the end of the file (truncated?)',
      );
    }
    places.set(storage.key, { offset, length });
    at = offset + length;
  }
  return places;
}
