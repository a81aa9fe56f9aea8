/**
 * Zip archives, as PyTorch and NumPy write them: a list of entries at the end (the central directory), stored or
 * deflated data before it. ZIP64 is read; what is written stays below 4 GiB.
 *
 * The reader trusts nothing: entries may not overlap, have one name, or inflate to more than their declared size, and
 * all that is inflated has a limit in terms of the file's size.
 */

import { promisify } from 'node:util';
import { constants, crc32, inflateRaw } from 'node:zlib';
import { Zip, ZipPassThrough } from 'fflate';

import { ArgumentError, FileFormatError, InternalError, UnsupportedError } from '../errors.js';
import { writeFileAtomic } from './atomic-file.js';
import { FileBytes } from './file-bytes.js';

const END_SIGNATURE = 0x06054b50;
const END64_SIGNATURE = 0x06064b50;
const LOCATOR64_SIGNATURE = 0x07064b50;
const CENTRAL_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const END_BYTES = 22;
const LOCATOR64_BYTES = 20;
const END64_BYTES = 56;
const CENTRAL_BYTES = 46;
const LOCAL_BYTES = 30;
const ZIP64_FIELD = 0x0001;
const ENCRYPTED_FLAG = 1;

const MAX_ENTRIES = 1_000_000;
const MAX_DIRECTORY_BYTES = 100_000_000;
/** The most that a deflated byte can stand for. */
const MAX_DEFLATE_RATIO = 1032;
/** What all deflated entries may inflate to: this, or so many times the file, whichever is more. */
const INFLATED_FLOOR_BYTES = 2 ** 28;
const MAX_INFLATED_RATIO = 100;
const MAX_WRITTEN_BYTES = 2 ** 32 - 1;

const inflate = promisify(inflateRaw);

/** One file in an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly deflated: boolean;
  /** Bytes in the archive. */
  readonly storedSize: number;
  /** Bytes of the content. */
  readonly size: number;
  readonly crc32: number;
  /** Where its local header starts. */
  readonly headerOffset: number;
}

/** An open archive. The directory is read and checked at once, each entry only when it is asked for. */
export class ZipFile implements AsyncDisposable {
  readonly bytes: FileBytes;
  readonly entries: ReadonlyMap<string, ZipEntry>;

  private constructor(bytes: FileBytes, entries: ReadonlyMap<string, ZipEntry>) {
    this.bytes = bytes;
    this.entries = entries;
  }

  /**
   * Opens an archive.
   *
   * @param format what the file should be, for messages, as in "npz file"
   * @throws FileFormatError when the directory is damaged or asks for more than an honest one would
   * @throws FileSystemError when the file cannot be read
   */
  static async open(path: string, format: string): Promise<ZipFile> {
    const bytes = await FileBytes.open(path, format);
    try {
      return new ZipFile(bytes, await readDirectory(bytes));
    } catch (error) {
      await bytes.close();
      throw error;
    }
  }

  /** The entry of a name. @throws FileFormatError when there is none */
  entry(name: string): ZipEntry {
    const entry = this.entries.get(name);
    if (entry === undefined) throw this.bytes.fault(this.bytes.size, `an entry ${name}`, 'none');
    return entry;
  }

  /** The whole content of an entry, checked against its CRC-32. @throws FileFormatError */
  async read(entry: ZipEntry): Promise<Buffer<ArrayBuffer>> {
    const start = await this.#dataStart(entry);
    const stored = await this.bytes.read(start, entry.storedSize);
    const content = entry.deflated ? await this.#inflate(entry, stored) : stored;
    const sum = crc32(content);
    if (sum !== entry.crc32) {
      throw this.bytes.fault(start, `${entry.name} with CRC-32 ${hex(entry.crc32)}`, hex(sum));
    }
    return content;
  }

  /** A part of a stored entry, or the whole content of a deflated one and the part's place in it. Not checked by CRC. */
  async readRange(entry: ZipEntry, offset: number, length: number): Promise<Buffer<ArrayBuffer>> {
    if (offset < 0 || offset + length > entry.size) {
      throw new InternalError(`Expected a range within the ${entry.size} bytes of ${entry.name}.`);
    }
    if (offset === 0 && length === entry.size) return this.read(entry);
    if (!entry.deflated) return this.bytes.read((await this.#dataStart(entry)) + offset, length);
    const content = await this.read(entry);
    return Buffer.from(
      content.buffer.slice(content.byteOffset + offset, content.byteOffset + offset + length),
    );
  }

  async close(): Promise<void> {
    await this.bytes.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The local header repeats the name and may have another extra field than the directory. */
  async #dataStart({ name, headerOffset, storedSize }: ZipEntry): Promise<number> {
    const header = await this.bytes.read(headerOffset, LOCAL_BYTES);
    if (header.readUInt32LE(0) !== LOCAL_SIGNATURE) {
      throw this.bytes.fault(headerOffset, `the header of ${name}`, 'other bytes');
    }
    const start = headerOffset + LOCAL_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
    if (start + storedSize > this.bytes.size) {
      throw this.bytes.fault(start, `${storedSize} bytes of ${name}`, 'the end of the file (truncated?)');
    }
    return start;
  }

  async #inflate(entry: ZipEntry, stored: Buffer): Promise<Buffer<ArrayBuffer>> {
    const wrong = (found: string) =>
      this.bytes.fault(entry.headerOffset, `${entry.name} to inflate to ${entry.size} bytes`, found);
    let content: Buffer;
    try {
      // One byte more than declared, so that a longer stream is found out without inflating it.
      content = await inflate(stored, { maxOutputLength: entry.size + 1, finishFlush: constants.Z_FINISH });
    } catch (error) {
      throw wrong(error instanceof Error ? error.message : String(error));
    }
    if (content.length !== entry.size) throw wrong(`${content.length}`);
    const own = Buffer.from(new ArrayBuffer(content.length));
    content.copy(own);
    return own;
  }
}

interface Directory {
  readonly count: number;
  readonly size: number;
  readonly offset: number;
}

async function readDirectory(bytes: FileBytes): Promise<ReadonlyMap<string, ZipEntry>> {
  const { count, size, offset } = await findDirectory(bytes);
  if (count > MAX_ENTRIES) throw bytes.fault(offset, `at most ${MAX_ENTRIES} entries`, `${count}`);
  if (size > MAX_DIRECTORY_BYTES) {
    throw bytes.fault(offset, `a directory of at most ${MAX_DIRECTORY_BYTES} bytes`, `one of ${size}`);
  }
  const directory = await bytes.read(offset, size);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (at + CENTRAL_BYTES > size || directory.readUInt32LE(at) !== CENTRAL_SIGNATURE) {
      throw bytes.fault(offset + at, `entry ${index + 1} of ${count}`, 'other bytes');
    }
    const length =
      CENTRAL_BYTES +
      directory.readUInt16LE(at + 28) +
      directory.readUInt16LE(at + 30) +
      directory.readUInt16LE(at + 32);
    if (at + length > size) {
      throw bytes.fault(offset + at, `an entry that ends in the directory`, `one of ${length} bytes`);
    }
    const entry = parseEntry(bytes, offset + at, directory.subarray(at, at + length));
    if (entries.has(entry.name)) throw bytes.fault(offset + at, 'every name once', `${entry.name} twice`);
    entries.set(entry.name, entry);
    at += length;
  }
  checkExtents(bytes, [...entries.values()], offset);
  return entries;
}

async function findDirectory(bytes: FileBytes): Promise<Directory> {
  // A comment of at most 65,535 bytes may follow the end record.
  const tailStart = Math.max(0, bytes.size - END_BYTES - 0xffff);
  const tail = await bytes.read(tailStart, bytes.size - tailStart);
  let at = tail.length - END_BYTES;
  while (
    at >= 0 &&
    !(tail.readUInt32LE(at) === END_SIGNATURE && at + END_BYTES + tail.readUInt16LE(at + 20) === tail.length)
  )
    at--;
  if (at < 0) {
    throw bytes.fault(bytes.size, "a zip archive's end record", 'none (truncated, or another format?)');
  }
  const end = {
    count: tail.readUInt16LE(at + 10),
    size: tail.readUInt32LE(at + 12),
    offset: tail.readUInt32LE(at + 16),
  };
  const endOffset = tailStart + at;
  const exceeds = end.count === 0xffff || end.size === 0xffffffff || end.offset === 0xffffffff;
  const directory = exceeds ? ((await readEnd64(bytes, endOffset)) ?? end) : end;
  if (directory.offset + directory.size > endOffset) {
    throw bytes.fault(
      endOffset,
      'a directory before the end record',
      `one up to ${directory.offset + directory.size}`,
    );
  }
  return directory;
}

async function readEnd64(bytes: FileBytes, endOffset: number): Promise<Directory | undefined> {
  if (endOffset < LOCATOR64_BYTES) return undefined;
  const locator = await bytes.read(endOffset - LOCATOR64_BYTES, LOCATOR64_BYTES);
  if (locator.readUInt32LE(0) !== LOCATOR64_SIGNATURE) return undefined;
  const at = readSize(bytes, endOffset, locator, 8);
  const record = await bytes.read(at, END64_BYTES);
  if (record.readUInt32LE(0) !== END64_SIGNATURE) throw bytes.fault(at, 'a ZIP64 end record', 'other bytes');
  return {
    count: readSize(bytes, at, record, 32),
    size: readSize(bytes, at, record, 40),
    offset: readSize(bytes, at, record, 48),
  };
}

function parseEntry(bytes: FileBytes, place: number, record: Buffer): ZipEntry {
  const nameEnd = CENTRAL_BYTES + record.readUInt16LE(28);
  const name = record.toString('utf8', CENTRAL_BYTES, nameEnd);
  if ((record.readUInt16LE(8) & ENCRYPTED_FLAG) !== 0)
    throw bytes.fault(place, `${name} in clear`, 'it encrypted');
  const method = record.readUInt16LE(10);
  if (method !== 0 && method !== 8) {
    throw bytes.fault(place, `${name} stored or deflated`, `compression method ${method}`);
  }
  const sizes = {
    size: record.readUInt32LE(24),
    storedSize: record.readUInt32LE(20),
    headerOffset: record.readUInt32LE(42),
  };
  readZip64Field(bytes, place, record.subarray(nameEnd, nameEnd + record.readUInt16LE(30)), sizes);
  const { size, storedSize } = sizes;
  if (method === 0 && size !== storedSize) {
    throw bytes.fault(place, `${name} of one size, as it is stored`, `${storedSize} and ${size}`);
  }
  if (method === 8 && size > storedSize * MAX_DEFLATE_RATIO) {
    throw bytes.fault(
      place,
      `${name} of at most ${MAX_DEFLATE_RATIO} times its ${storedSize} bytes`,
      `${size}`,
    );
  }
  return { name, deflated: method === 8, crc32: record.readUInt32LE(16), ...sizes };
}

/** Sizes that do not fit 32 bits are all ones there, and follow in this extra field, in this order. */
function readZip64Field(
  bytes: FileBytes,
  place: number,
  extra: Buffer,
  sizes: { size: number; storedSize: number; headerOffset: number },
): void {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== ZIP64_FIELD) continue;
    const field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
    let next = 0;
    for (const key of ['size', 'storedSize', 'headerOffset'] as const) {
      if (sizes[key] !== 0xffffffff) continue;
      if (next + 8 > field.length)
        throw bytes.fault(place, 'a ZIP64 field of all large sizes', 'a shorter one');
      sizes[key] = readSize(bytes, place, field, next);
      next += 8;
    }
    return;
  }
}

function readSize(bytes: FileBytes, place: number, buffer: Buffer, at: number): number {
  const size = Number(buffer.readBigUInt64LE(at));
  if (!Number.isSafeInteger(size)) throw bytes.fault(place, 'a size below 2^53', `${size}`);
  return size;
}

/** Entries that share bytes, or inflate to far more than the file, are how zip bombs are made. */
function checkExtents(bytes: FileBytes, entries: readonly ZipEntry[], directoryOffset: number): void {
  let end = 0;
  let inflated = 0;
  for (const entry of entries.toSorted((a, b) => a.headerOffset - b.headerOffset)) {
    if (entry.headerOffset < end) {
      throw bytes.fault(
        entry.headerOffset,
        'entries one after the other',
        `${entry.name} overlapping another`,
      );
    }
    end = entry.headerOffset + LOCAL_BYTES + entry.storedSize;
    if (entry.deflated) inflated += entry.size;
  }
  if (end > directoryOffset) {
    throw bytes.fault(directoryOffset, 'entries before the directory', `data up to ${end} (truncated?)`);
  }
  const limit = Math.max(INFLATED_FLOOR_BYTES, MAX_INFLATED_RATIO * bytes.size);
  if (inflated > limit) {
    throw bytes.fault(
      directoryOffset,
      `at most ${limit} bytes once inflated`,
      `${inflated}; save it uncompressed`,
    );
  }
}

/**
 * Writes an archive of stored entries in one step, in their order, with equal bytes for equal content.
 *
 * @throws ArgumentError when a name comes twice; UnsupportedError when the archive would reach 4 GiB
 * @throws FileSystemError when the disk is full and so on
 */
export async function writeZip(
  path: string,
  entries: readonly (readonly [name: string, parts: readonly Uint8Array[]])[],
): Promise<void> {
  if (new Set(entries.map(([name]) => name)).size < entries.length) {
    throw new ArgumentError('Expected every name once among the entries of a zip archive.');
  }
  const size = entries.reduce(
    (sum, [name, parts]) =>
      parts.reduce((total, { length }) => total + length, sum) + 2 * Buffer.byteLength(name) + 256,
    END_BYTES,
  );
  if (size > MAX_WRITTEN_BYTES) {
    throw new UnsupportedError(
      `A zip archive here holds less than 4 GiB, but this one needs ${size} bytes; write safetensors instead.`,
    );
  }
  await writeFileAtomic(path, async (file) => {
    let chunks: Uint8Array[] = [];
    const archive = new Zip((error, chunk) => {
      if (error !== null) throw new FileFormatError(`${path}: ${error.message}`);
      chunks.push(chunk);
    });
    const flush = async () => {
      for (const chunk of chunks) await file.writeFile(chunk);
      chunks = [];
    };
    for (const [name, parts] of entries) {
      const entry = new ZipPassThrough(name);
      entry.mtime = '1980-01-01T00:00:00';
      archive.add(entry);
      for (const part of parts) {
        entry.push(part);
        await flush();
      }
      entry.push(new Uint8Array(0), true);
      await flush();
    }
    archive.end();
    await flush();
  });
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}
