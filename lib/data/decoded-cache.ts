/**
 * Decoded pictures on disk, so that a data set of picture files is decoded once.
 *
 * A cache file holds the pixels, then the labels (i32, little-endian), then a footer in JSON, the footer's SHA-256, its
 * length (u32) and a magic word. What stands before is hashed in the footer, so a damaged file is noticed. Writers fill
 * a file of their own and rename it: any number of processes may read and write one cache.
 */

import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

import { FileFormatError, FileSystemError } from '../errors.js';
import type { LabelledFile, PictureBlock } from './decode-pictures.js';

const magic = Buffer.from('lapidary-images1');
const tailBytes = 32 + 4 + magic.length;
const cacheName = /^[0-9a-f]{40}\.images$/;
const partName = /^\.[0-9a-f]{40}\.images\.[0-9a-f]{12}\.tmp$/;
/** Of one read. */
const readBytes = 32 << 20;
const statsInFlight = 16;
/** No footer is longer: it holds no list. */
const mostFooterBytes = 1 << 16;

const footerSchema = z.strictObject({
  version: z.literal(1),
  key: z.string(),
  source: z.string(),
  count: z.int().positive(),
  height: z.int().positive(),
  width: z.int().positive(),
  mean: z.array(z.number()).length(3),
  std: z.array(z.number()).length(3),
  sha256: z.string(),
});

/** What a cache file says of itself. */
export type CacheFooter = z.infer<typeof footerSchema>;

/** The folder of the cache: LAPIDARY_CACHE, or `lapidary` in XDG_CACHE_HOME or in `~/.cache`. */
export function cacheFolder(): string {
  const { LAPIDARY_CACHE: own, XDG_CACHE_HOME: shared } = process.env;
  if (own !== undefined && own !== '') return own;
  return join(shared !== undefined && shared !== '' ? shared : join(homedir(), '.cache'), 'lapidary');
}

/**
 * A digest of all that decoded pixels follow from: names, labels, sizes and times of change of the files, and how they
 * are decoded.
 *
 * @throws FileSystemError when a file is not there
 */
export async function cacheKey(files: readonly LabelledFile[], decoding: unknown): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(decoding));
  for (let start = 0; start < files.length; start += statsInFlight) {
    const some = files.slice(start, start + statsInFlight);
    const stats = await Promise.all(
      some.map(({ path }) => FileSystemError.during('look at', path, () => stat(path, { bigint: true }))),
    );
    for (const [place, { size, mtimeNs }] of stats.entries()) {
      const { name, label } = some[place]!;
      hash.update(`${JSON.stringify(name)} ${label} ${size} ${mtimeNs}\n`);
    }
  }
  return hash.digest('hex');
}

function cachePath(key: string): string {
  return join(cacheFolder(), `${key.slice(0, 40)}.images`);
}

/** Writes one cache file, a block at a time. */
export class CacheWriter implements AsyncDisposable {
  readonly #key: string;
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #open = true;

  private constructor(key: string, temporary: string, file: FileHandle) {
    this.#key = key;
    this.#path = cachePath(key);
    this.#temporary = temporary;
    this.#file = file;
  }

  /** @throws FileSystemError when the cache folder cannot be made or written to */
  static async create(key: string): Promise<CacheWriter> {
    const folder = cacheFolder();
    const temporary = join(folder, `.${key.slice(0, 40)}.images.${randomBytes(6).toString('hex')}.tmp`);
    return FileSystemError.during('write', temporary, async () => {
      await mkdir(folder, { recursive: true });
      return new CacheWriter(key, temporary, await open(temporary, 'wx'));
    });
  }

  /** Appends pixels; the labels come last. @throws FileSystemError */
  async append(bytes: Uint8Array): Promise<void> {
    await FileSystemError.during('write', this.#temporary, () => this.#file.appendFile(bytes));
    this.#hash.update(bytes);
  }

  /** Ends the file and puts it in its place. @throws FileSystemError */
  async commit(
    labels: Int32Array,
    content: Omit<CacheFooter, 'version' | 'key' | 'count' | 'sha256'>,
  ): Promise<void> {
    await this.append(littleEndian(labels));
    const footer: CacheFooter = {
      version: 1,
      key: this.#key,
      count: labels.length,
      ...content,
      sha256: this.#hash.digest('hex'),
    };
    const text = Buffer.from(JSON.stringify(footer));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    const digest = createHash('sha256').update(text).digest();
    await FileSystemError.during('write', this.#path, async () => {
      await this.#file.appendFile(Buffer.concat([text, digest, length, magic]));
      await this.#file.sync();
      await this.#file.close();
      this.#open = false;
      await rename(this.#temporary, this.#path);
    });
  }

  /** Removes what was not committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#open) await this.#file.close().catch(() => {});
    this.#open = false;
    await rm(this.#temporary, { force: true }).catch(() => {});
  }
}

/** An open cache file, whose footer is sound. The pixels are checked while they are read. */
export class CacheReader implements AsyncDisposable {
  readonly footer: CacheFooter;
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle, footer: CacheFooter) {
    this.#path = path;
    this.#file = file;
    this.footer = footer;
  }

  /** @returns undefined when there is no such file @throws FileFormatError when it is damaged */
  static async open(key: string): Promise<CacheReader | undefined> {
    const path = cachePath(key);
    const file = await open(path, 'r').catch(() => undefined);
    if (file === undefined) return undefined;
    try {
      const footer = await readFooter(path, file);
      if (footer.key !== key) throw damaged(path, 'the footer is that of other files');
      return new CacheReader(path, file, footer);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The pixels and labels as blocks. @throws FileFormatError after the last one, when they were changed */
  async *blocks(): AsyncGenerator<PictureBlock, void, undefined> {
    const { count, height, width, sha256 } = this.footer;
    const imageBytes = height * width * 3;
    const labels = new Int32Array(count);
    await this.#read(new Uint8Array(labels.buffer), count * imageBytes);
    if (!isLittleEndian) Buffer.from(labels.buffer).swap32();
    const hash = createHash('sha256');
    const perBlock = Math.max(1, Math.floor(readBytes / imageBytes));
    for (let start = 0; start < count; start += perBlock) {
      const some = labels.subarray(start, Math.min(start + perBlock, count));
      const pixels = new Uint8Array(some.length * imageBytes);
      await this.#read(pixels, start * imageBytes);
      hash.update(pixels);
      yield { pixels, labels: some, height, width };
    }
    if (hash.update(littleEndian(labels)).digest('hex') !== sha256) {
      throw damaged(this.#path, 'the pixels are not those that were written');
    }
  }

  async #read(into: Uint8Array, position: number): Promise<void> {
    let filled = 0;
    while (filled < into.length) {
      const { bytesRead } = await this.#file.read(into, filled, into.length - filled, position + filled);
      if (bytesRead === 0) throw damaged(this.#path, 'it is too short');
      filled += bytesRead;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

async function readFooter(path: string, file: FileHandle): Promise<CacheFooter> {
  const { size } = await file.stat();
  const tail = Buffer.alloc(tailBytes);
  if (size < tailBytes) throw damaged(path, 'it is too short');
  await file.read(tail, 0, tailBytes, size - tailBytes);
  if (!tail.subarray(36).equals(magic)) throw damaged(path, 'it does not end in the magic word');
  const length = tail.readUInt32LE(32);
  if (length > mostFooterBytes || length + tailBytes > size) throw damaged(path, 'the footer is too long');
  const text = Buffer.alloc(length);
  await file.read(text, 0, length, size - tailBytes - length);
  if (!createHash('sha256').update(text).digest().equals(tail.subarray(0, 32))) {
    throw damaged(path, 'the footer was changed');
  }
  const footer = footerSchema.safeParse(JSON.parse(text.toString('utf8')));
  if (!footer.success) throw damaged(path, 'it is of another version');
  const { count, height, width } = footer.data;
  if (count * (height * width * 3 + 4) + length + tailBytes !== size)
    throw damaged(path, 'its length is wrong');
  return footer.data;
}

function damaged(path: string, reason: string): FileFormatError {
  return new FileFormatError(`${path}: expected a cache of decoded pictures, but ${reason}.`);
}

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function littleEndian(values: Int32Array): Uint8Array {
  const bytes = Buffer.from(values.slice().buffer);
  return isLittleEndian ? bytes : bytes.swap32();
}

/** A file of the cache. */
export interface CacheEntry {
  readonly file: string;
  readonly bytes: number;
  /** Undefined when it is damaged. */
  readonly footer: CacheFooter | undefined;
}

/** What the cache holds; nothing when there is none. @throws FileSystemError */
export async function listCache(): Promise<CacheEntry[]> {
  const entries: CacheEntry[] = [];
  for (const name of (await namesInCache()).filter((one) => cacheName.test(one))) {
    const file = await open(join(cacheFolder(), name), 'r').catch(() => undefined);
    if (file === undefined) continue; // cleared meanwhile
    try {
      const footer = await readFooter(name, file).catch(() => undefined);
      entries.push({ file: name, bytes: (await file.stat()).size, footer });
    } finally {
      await file.close();
    }
  }
  return entries;
}

/**
 * Removes the cache's files and what killed writers left; no other file. A process that writes one loses nothing: it goes
 * on without a cache.
 *
 * @returns how many bytes became free
 * @throws FileSystemError
 */
export async function clearCache(): Promise<number> {
  let freed = 0;
  for (const name of await namesInCache()) {
    if (!cacheName.test(name) && !partName.test(name)) continue;
    const path = join(cacheFolder(), name);
    freed += (await stat(path).catch(() => undefined))?.size ?? 0;
    await FileSystemError.during('remove', path, () => rm(path, { force: true }));
  }
  return freed;
}

async function namesInCache(): Promise<string[]> {
  const names = await readdir(cacheFolder()).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw FileSystemError.from(error, 'list', cacheFolder());
  });
  return names.sort();
}
