/**
 * Checkpoints that `torch.save` wrote (.pth, .pt): since PyTorch 1.6 a zip archive with a pickle, `data.pkl`, that
 * describes tensors, and their elements in `data/0`, `data/1`, ...; before that, one stream (`legacy-stream.ts`).
 *
 * The pickle is read by an unpickler that runs no code. All tensors asked for are checked before the first is read.
 */

import { ArgumentError, FileFormatError, LapidaryError } from '../../errors.js';
import { sizeOf } from '../../shape.js';
import { FileBytes } from '../file-bytes.js';
import { bytesPerElement, decodeTensor, swapBytes } from '../file-dtype.js';
import { denseStrides, gatherStrided, type HostTensor } from '../host-tensor.js';
import { ZipFile } from '../zip.js';
import { isLegacyStream, openLegacyStream } from './legacy-stream.js';
import { type StorageSource, storageType } from './storage-source.js';
import { unpickle } from './unpickler.js';
import { type PythonValue, pythonTypeOf, type StorageReference, TensorDescription } from './values.js';

const FORMAT = 'PyTorch checkpoint';
const MAX_PICKLE_BYTES = 2 ** 27;
/** Views of shared storages may amount to so many times the file, and a little. */
const MAX_VIEW_RATIO = 16;
const VIEW_FLOOR_BYTES = 2 ** 20;

export interface TorchReadOptions {
  /**
   * Which part of a nested checkpoint, as in `state_dict` or `state.model`. By default the tensors at the top, or, where
   * there are none, those of the only dict below that has some.
   */
  readonly key?: string | undefined;
}

/**
 * Reads the named tensors of a checkpoint. Half and double precision become f32, integers other than u8 i32; views are
 * made dense. A prefix `module.` that all names have (of `DataParallel`) is dropped.
 *
 * @throws FileFormatError when the file is damaged, asks for a function that is not on the list (named; nothing is run),
 *   or holds a number that does not fit its new type
 * @throws ArgumentError when `key` leads to no tensors, or is needed (the message lists the choices)
 * @throws FileSystemError when the file cannot be read
 */
export async function readTorchFile(
  path: string,
  { key }: TorchReadOptions = {},
): Promise<Map<string, HostTensor>> {
  const source = await openSource(path);
  try {
    const descriptions = withoutDataParallel(namedTensors(source.root, key, path));
    checkTensors(descriptions, source, path);
    const tensors = new Map<string, HostTensor>();
    for (const [name, description] of descriptions) {
      tensors.set(name, await readTensor(description, source, `${path}, tensor "${name}"`));
    }
    return tensors;
  } finally {
    await source.close();
  }
}

async function openSource(path: string): Promise<StorageSource> {
  if (await isLegacyStream(path)) return openLegacyStream(path, await FileBytes.open(path, FORMAT));
  const archive = await ZipFile.open(path, FORMAT);
  try {
    return await openArchive(path, archive);
  } catch (error) {
    await archive.close();
    throw error;
  }
}

async function openArchive(path: string, archive: ZipFile): Promise<StorageSource> {
  const names = [...archive.entries.keys()];
  const pickles = names.filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (names.some((name) => /^[^/]+\/(code\/|constants\.pkl$)/.test(name))) {
    throw new FileFormatError(
      `${path} is a TorchScript program, not a checkpoint; load it in Python and save its state_dict().`,
    );
  }
  const [pickleName, ...more] = pickles;
  if (pickleName === undefined || more.length > 0) {
    throw archive.bytes.fault(archive.bytes.size, 'one data.pkl in a folder', `${pickles.length}`);
  }
  const folder = pickleName.slice(0, -'data.pkl'.length);
  const entry = archive.entry(pickleName);
  if (entry.size > MAX_PICKLE_BYTES) {
    throw archive.bytes.fault(
      entry.headerOffset,
      `a pickle of at most ${MAX_PICKLE_BYTES} bytes`,
      `${entry.size}`,
    );
  }
  const { value } = unpickle(await archive.read(entry), `${path}, ${pickleName}`);
  const orderName = `${folder}byteorder`;
  const order = archive.entries.has(orderName)
    ? (await archive.read(archive.entry(orderName))).toString('latin1', 0, 16)
    : 'little';
  if (order !== 'little' && order !== 'big') {
    throw archive.bytes.fault(archive.bytes.size, 'byteorder little or big', JSON.stringify(order));
  }
  const elements = (storage: StorageReference) => archive.entry(`${folder}data/${storage.key}`);
  return {
    root: value,
    bigEndian: order === 'big',
    fileSize: archive.bytes.size,
    sizeOf: (storage) => elements(storage).size,
    read: (storage, offset, length) => archive.readRange(elements(storage), offset, length),
    close: () => archive.close(),
  };
}

/** The tensors under `key`, by name. @throws ArgumentError */
function namedTensors(
  root: PythonValue,
  key: string | undefined,
  path: string,
): Map<string, TensorDescription> {
  const chosen = key === undefined ? defaultPart(root, path) : partAt(root, key, path);
  const tensors = new Map<string, TensorDescription>();
  const others: string[] = [];
  for (const [name, value] of chosen) {
    if (value instanceof TensorDescription && typeof name === 'string') tensors.set(name, value);
    else others.push(`${String(name)} (${pythonTypeOf(value)})`);
  }
  if (tensors.size > 0 && others.length === 0) return tensors;
  const found = others.length === 0 ? 'an empty dict' : others.slice(0, 8).join(', ');
  throw new ArgumentError(
    `${path}: expected a dict of tensors by name ${key === undefined ? 'at the top' : `under "${key}"`}, found ${found}; choose another part with a key (--key): ${choices(root)}.`,
  );
}

function partAt(root: PythonValue, key: string, path: string): Map<PythonValue, PythonValue> {
  let part: PythonValue | undefined = root;
  // A name may hold dots itself, so the whole rest is tried first.
  for (let rest = key; rest !== ''; ) {
    if (!(part instanceof Map)) break;
    const names = rest.split('.');
    let taken = names.length;
    while (taken > 1 && !part.has(names.slice(0, taken).join('.'))) taken--;
    part = part.get(names.slice(0, taken).join('.'));
    rest = names.slice(taken).join('.');
  }
  if (part instanceof Map) return part;
  throw new ArgumentError(
    `${path}: expected a dict under "${key}", found ${pythonTypeOf(part)}; there is ${choices(root)}.`,
  );
}

function defaultPart(root: PythonValue, path: string): Map<PythonValue, PythonValue> {
  if (!(root instanceof Map)) {
    throw new ArgumentError(
      `${path} holds ${pythonTypeOf(root)}, not tensors by name; save the state_dict() of a module.`,
    );
  }
  if (holdsTensors(root)) return root;
  const parts = [...root.values()].filter((value) => value instanceof Map && holdsTensors(value));
  const [only, ...more] = parts as Map<PythonValue, PythonValue>[];
  if (only !== undefined && more.length === 0) return only;
  throw new ArgumentError(
    `${path} holds ${more.length > 0 ? 'several dicts of tensors' : 'no tensors at the top or one level below'}; choose a part with a key (--key): ${choices(root)}.`,
  );
}

function holdsTensors(dict: ReadonlyMap<PythonValue, PythonValue>): boolean {
  for (const value of dict.values()) if (value instanceof TensorDescription) return true;
  return false;
}

function choices(root: PythonValue): string {
  if (!(root instanceof Map)) return pythonTypeOf(root);
  const keys = [...root].slice(0, 12).map(([name, value]) => `${String(name)} (${pythonTypeOf(value)})`);
  return keys.length > 0 ? keys.join(', ') : 'nothing';
}

function withoutDataParallel(tensors: Map<string, TensorDescription>): Map<string, TensorDescription> {
  const prefix = 'module.';
  if (![...tensors.keys()].every((name) => name.startsWith(prefix))) return tensors;
  return new Map([...tensors].map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

/** Refuses what does not lie in its storage, and what would take far more memory than the file. */
function checkTensors(
  tensors: ReadonlyMap<string, TensorDescription>,
  source: StorageSource,
  path: string,
): void {
  let total = 0;
  const limit = MAX_VIEW_RATIO * source.fileSize + VIEW_FLOOR_BYTES;
  for (const [name, { storage, offset, shape, strides }] of tensors) {
    const width = bytesPerElement(storageType(storage, path));
    const wrong = (expected: string, found: string) =>
      new FileFormatError(
        `${path}, tensor "${name}": expected ${expected}, found ${found}; the file is damaged.`,
      );
    const stored = source.sizeOf(storage);
    if (storage.size * width !== stored) {
      throw wrong(`${storage.size} elements of ${storage.type} in storage ${storage.key}`, `${stored} bytes`);
    }
    if (offset + spanOf(shape, strides) > storage.size) {
      throw wrong(
        `elements within the ${storage.size} of its storage`,
        `shape [${shape}] with strides [${strides}] from ${offset}`,
      );
    }
    total += sizeOf(shape) * Math.max(width, Float32Array.BYTES_PER_ELEMENT);
    if (!(total <= limit)) {
      throw wrong(
        `at most ${limit} bytes in all, ${MAX_VIEW_RATIO} times the file`,
        `views of ${total} and more`,
      );
    }
  }
}

/** From the first element to behind the last, in elements. */
function spanOf(shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((last, extent, axis) => last + (extent - 1) * strides[axis]!, 0) + 1;
}

async function readTensor(
  { storage, offset, shape, strides }: TensorDescription,
  source: StorageSource,
  what: string,
): Promise<HostTensor> {
  const type = storageType(storage, what);
  const width = bytesPerElement(type);
  const span = spanOf(shape, strides);
  const bytes = await source.read(storage, offset * width, span * width);
  if (source.bigEndian) swapBytes(type, bytes);
  try {
    const { dtype, data } = decodeTensor(type, [span], bytes.buffer);
    const dense = denseStrides(shape);
    const inOrder = strides.every((stride, axis) => stride === dense[axis] || shape[axis] === 1);
    return inOrder || span === 0
      ? { dtype, shape: [...shape], data }
      : gatherStrided(dtype, data, shape, strides, 0);
  } catch (error) {
    if (!(error instanceof LapidaryError)) throw error;
    throw new FileFormatError(`${what}: ${error.message}`);
  }
}
