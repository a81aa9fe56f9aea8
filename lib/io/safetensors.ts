/**
 * The safetensors format: 8 bytes of header length (little-endian), a JSON header, the elements of all tensors.
 *
 * The reader trusts nothing. Before it hands out a tensor it has checked that the tensors named in the header cover
 * the file without hole or overlap, so that a damaged or hostile file is refused at `open`, with the place of the fault.
 */

import { type FileHandle, open } from 'node:fs/promises';

import { ArgumentError, DisposedError, FileFormatError, FileSystemError, LapidaryError } from '../errors.js';
import { sizeOf } from '../shape.js';
import { writeFileAtomic } from './atomic-file.js';
import {
  bytesPerElement,
  decodeTensor,
  FILE_DTYPE_NAMES,
  type FileDTypeName,
  fileDTypeOf,
  isFileDType,
} from './file-dtype.js';
import { bytesOf, checkHostTensor, type HostTensor } from './host-tensor.js';

const LENGTH_BYTES = 8;
const MAX_HEADER_BYTES = 100_000_000;
const METADATA_KEY = '__metadata__';
const ALIGNMENT = 8;
/** Node reads at most 2 GiB in one call. */
const MAX_READ_BYTES = 2 ** 30;

/** Where a tensor lies in a safetensors file. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: FileDTypeName;
  readonly shape: readonly number[];
  /** First byte, counted from the start of the file. */
  readonly offset: number;
  readonly byteLength: number;
}

/** What a whole safetensors file holds. */
export interface SafetensorsContent {
  tensors: Map<string, HostTensor>;
  metadata: Record<string, string>;
}

/** An open safetensors file. The header is read and checked at once, each tensor only when it is asked for. */
export class SafetensorsFile implements AsyncDisposable {
  readonly path: string;
  /** By name, in the order of the file. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #file: FileHandle;
  #closed = false;

  private constructor(path: string, file: FileHandle, header: Header) {
    this.path = path;
    this.entries = header.entries;
    this.metadata = header.metadata;
    this.#file = file;
  }

  /**
   * Opens a file and checks its whole header.
   *
   * @throws FileFormatError that names the file, the offset, what was expected and what came
   * @throws FileSystemError when the file cannot be read
   */
  static async open(path: string): Promise<SafetensorsFile> {
    const file = await FileSystemError.during('open', path, () => open(path, 'r'));
    try {
      return new SafetensorsFile(path, file, await readHeader(path, file));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Reads one tensor. F16, BF16 and F64 become f32, other integers i32, BOOL becomes u8.
   *
   * @throws ArgumentError for a name that the file does not hold
   * @throws FileFormatError when the file shrank after it was opened, or a number does not fit its new type
   * @throws DisposedError after `close`
   */
  async read(name: string): Promise<HostTensor> {
    if (this.#closed) throw new DisposedError(`${this.path} was closed; open it again to read "${name}".`);
    const entry = this.entries.get(name);
    if (entry === undefined) {
      throw new ArgumentError(
        `${this.path} holds no tensor "${name}"; it holds ${this.entries.size}: ${listed([...this.entries.keys()])}.`,
      );
    }
    const bytes = await readExactly(this.path, this.#file, entry.offset, entry.byteLength);
    try {
      return decodeTensor(entry.dtype, [...entry.shape], bytes.buffer);
    } catch (error) {
      if (!(error instanceof LapidaryError)) throw error;
      throw new FileFormatError(`${this.path}, tensor "${name}" at offset ${entry.offset}: ${error.message}`);
    }
  }

  /** Closes the file; closing twice does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Reads all tensors of a file.
 *
 * @throws FileFormatError, FileSystemError as `SafetensorsFile.open` and `read` do
 */
export async function readSafetensors(path: string): Promise<SafetensorsContent> {
  const file = await SafetensorsFile.open(path);
  try {
    const tensors = new Map<string, HostTensor>();
    for (const name of file.entries.keys()) tensors.set(name, await file.read(name));
    return { tensors, metadata: { ...file.metadata } };
  } finally {
    await file.close();
  }
}

/**
 * Writes tensors as F32, I32 and U8. Equal input gives equal bytes whatever the order of the map: four-byte types
 * come first, so that every tensor is aligned to its element, then names in code-unit order. The data start at a multiple of 8.
 *
 * The file appears in one step; an earlier file stays as it was when this throws.
 *
 * @throws ArgumentError when a tensor disagrees with itself, or is named `__metadata__`
 * @throws FileSystemError when the disk is full and so on
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const ordered = [...tensors].sort(byWidthThenName);
  const header = encodeHeader(ordered, metadata);
  await writeFileAtomic(path, async (file) => {
    await file.writeFile(header);
    for (const [, tensor] of ordered) await file.writeFile(bytesOf(tensor));
  });
}

function byWidthThenName([nameA, a]: [string, HostTensor], [nameB, b]: [string, HostTensor]): number {
  const byWidth = bytesPerElement(fileDTypeOf(b.dtype)) - bytesPerElement(fileDTypeOf(a.dtype));
  return byWidth !== 0 ? byWidth : compareText(nameA, nameB);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function encodeHeader(
  ordered: readonly [string, HostTensor][],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const fields: [string, unknown][] = [];
  const metadataFields = Object.entries(metadata).sort(([a], [b]) => compareText(a, b));
  if (metadataFields.length > 0) fields.push([METADATA_KEY, Object.fromEntries(metadataFields)]);

  let end = 0;
  for (const [name, tensor] of ordered) {
    if (name === METADATA_KEY) {
      throw new ArgumentError(
        `A tensor may not be named ${METADATA_KEY}, which the format reserves; rename it.`,
      );
    }
    checkHostTensor(name, tensor);
    const begin = end;
    end += tensor.data.byteLength;
    fields.push([
      name,
      { dtype: fileDTypeOf(tensor.dtype), shape: tensor.shape, data_offsets: [begin, end] },
    ]);
  }

  // Written field by field: an object would move names that look like whole numbers to the front.
  const json = `{${fields.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
  const text = Buffer.from(json, 'utf8');
  const headerBytes = Math.ceil(text.length / ALIGNMENT) * ALIGNMENT;
  const encoded = Buffer.alloc(LENGTH_BYTES + headerBytes, ' ');
  encoded.writeBigUInt64LE(BigInt(headerBytes), 0);
  text.copy(encoded, LENGTH_BYTES);
  return encoded;
}

interface Header {
  entries: Map<string, SafetensorsEntry>;
  metadata: Record<string, string>;
}

async function readHeader(path: string, file: FileHandle): Promise<Header> {
  const { size } = await FileSystemError.during('read', path, () => file.stat());
  if (size < LENGTH_BYTES) {
    throw fault(path, 0, 'a header length of 8 bytes', `a file of ${size} bytes`);
  }
  const length = Buffer.from(await readExactly(path, file, 0, LENGTH_BYTES)).readBigUInt64LE();
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw fault(path, 0, `a header of at most ${MAX_HEADER_BYTES} bytes`, `a length of ${length}`);
  }
  const dataStart = LENGTH_BYTES + Number(length);
  if (dataStart > size) {
    throw fault(path, 0, `a header that ends within the file's ${size} bytes`, `one of ${length} bytes`);
  }
  const text = decodeText(path, await readExactly(path, file, LENGTH_BYTES, Number(length)));
  const fields = parseHeader(path, text);
  const metadata = checkMetadata(path, fields.get(METADATA_KEY));
  fields.delete(METADATA_KEY);

  const entries = [...fields].map(([name, field]) => checkEntry(path, name, field, dataStart));
  entries.sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  checkCoverage(path, entries, dataStart, size);
  return { entries: new Map(entries.map((entry) => [entry.name, entry])), metadata };
}

function decodeText(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw fault(path, LENGTH_BYTES, 'a header in UTF-8', 'other bytes');
  }
}

function parseHeader(path: string, text: string): Map<string, unknown> {
  if (!text.startsWith('{')) {
    throw fault(path, LENGTH_BYTES, 'a header that starts with "{"', JSON.stringify(text.slice(0, 8)));
  }
  let header: object;
  try {
    header = JSON.parse(text);
  } catch (error) {
    throw fault(path, LENGTH_BYTES, 'a header in JSON', `text that is not: ${(error as Error).message}`);
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) {
    throw fault(path, LENGTH_BYTES, 'every name once', `${JSON.stringify(duplicate)} twice`);
  }
  return new Map(Object.entries(header));
}

/** The first key that occurs twice in one object of a valid JSON text; `JSON.parse` would keep the last silently. */
function findDuplicateKey(json: string): string | undefined {
  const keysOfOpenObjects: Set<string>[] = [];
  for (const [token] of json.matchAll(/[{}]|"[^"\\]*(?:\\.[^"\\]*)*"(?:\s*:)?/g)) {
    if (token === '{') keysOfOpenObjects.push(new Set());
    else if (token === '}') keysOfOpenObjects.pop();
    else if (token.endsWith(':')) {
      const key: string = JSON.parse(token.slice(0, -1));
      const keys = keysOfOpenObjects.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}

function checkMetadata(path: string, metadata: unknown): Record<string, string> {
  if (metadata === undefined) return {};
  if (!isRecord(metadata)) {
    throw fault(path, LENGTH_BYTES, `${METADATA_KEY} to map names to strings`, JSON.stringify(metadata));
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string') {
      const found = JSON.stringify({ [key]: value });
      throw fault(path, LENGTH_BYTES, `${METADATA_KEY} to map names to strings`, found);
    }
  }
  return metadata as Record<string, string>;
}

function checkEntry(path: string, name: string, field: unknown, dataStart: number): SafetensorsEntry {
  const wrong = (expected: string, found: unknown) =>
    fault(path, LENGTH_BYTES, `tensor "${name}" to have ${expected}`, JSON.stringify(found) ?? 'nothing');

  if (!isRecord(field)) throw wrong('dtype, shape and data_offsets', field);
  const { dtype, shape, data_offsets: offsets, ...others } = field;
  if (Object.keys(others).length > 0) throw wrong('no field but dtype, shape and data_offsets', others);
  if (!isFileDType(dtype)) throw wrong(`a dtype of ${FILE_DTYPE_NAMES.join(', ')}`, dtype);
  if (!isCountList(shape)) throw wrong('a shape of whole numbers', shape);
  if (!isCountList(offsets)) throw wrong('two data_offsets', offsets);
  const [begin, end, ...rest] = offsets;
  if (begin === undefined || end === undefined || rest.length > 0) throw wrong('two data_offsets', offsets);

  const byteLength = sizeOf(shape) * bytesPerElement(dtype);
  if (!Number.isSafeInteger(byteLength)) throw wrong('a size below 2^53 bytes', shape);
  if (end - begin !== byteLength) {
    throw wrong(`data_offsets ${byteLength} bytes apart, for ${dtype} of shape [${shape}]`, offsets);
  }
  return { name, dtype, shape, offset: dataStart + begin, byteLength };
}

function checkCoverage(
  path: string,
  entries: readonly SafetensorsEntry[],
  dataStart: number,
  size: number,
): void {
  let end = dataStart;
  for (const { name, offset, byteLength } of entries) {
    if (offset !== end) {
      const kind = offset > end ? `a hole of ${offset - end} bytes` : `an overlap of ${end - offset} bytes`;
      throw fault(path, Math.min(offset, end), `tensor "${name}" to start at ${end}`, `${kind} before it`);
    }
    end += byteLength;
  }
  if (end > size) throw fault(path, size, `tensor data up to ${end}`, 'the end of the file (truncated?)');
  if (end < size) throw fault(path, end, 'the end of the file', `${size - end} bytes that no tensor owns`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCountList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0);
}

async function readExactly(
  path: string,
  file: FileHandle,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const count = Math.min(length - done, MAX_READ_BYTES);
    const { bytesRead } = await FileSystemError.during('read', path, () =>
      file.read(bytes, done, count, offset + done),
    );
    if (bytesRead === 0)
      throw fault(path, offset + done, `${length - done} more bytes`, 'the end of the file');
    done += bytesRead;
  }
  return bytes;
}

function fault(path: string, offset: number, expected: string, found: string): FileFormatError {
  return new FileFormatError(
    `${path}, offset ${offset}: expected ${expected}, found ${found}; this is no sound safetensors file, so fetch or save it again.`,
  );
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? `${shown}, …` : shown;
}
