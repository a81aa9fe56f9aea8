/** Unpacks zip archives from a stream (fflate), an entry's blocks as they come. */

import { open } from 'node:fs/promises';

import { Unzip, type UnzipFile, UnzipInflate } from 'fflate';

import { FileFormatError } from '../../errors.js';
import { EntryFile, targetOf } from './archive-entry.js';

const readBytes = 1 << 18;
const endBytes = 22;
const endMagic = 0x06054b50;
const longestComment = 0xffff;

/**
 * Writes the files of a zip archive below `folder`, without the archive's top folder `top`.
 *
 * @throws FileFormatError when it is truncated or corrupt, or a name leads out of `top`
 */
export async function unpackZip(path: string, folder: string, top: string): Promise<void> {
  const expected = await countEntries(path);
  const known = new Set<string>();
  // fflate calls back while bytes are pushed; what it hands over is written before the next push.
  let pending: Promise<void> = Promise.resolve();
  let fault: unknown;
  let seen = 0;
  let unfinished = 0;
  const later = (work: () => Promise<void>): void => {
    pending = pending.then(async () => {
      if (fault === undefined) await work();
    });
  };
  const take = (entry: UnzipFile): void => {
    seen++;
    const target = targetOf(path, entry.name, folder, top);
    if (target === undefined || entry.name.endsWith('/')) return;
    unfinished++;
    let file: EntryFile | undefined;
    later(async () => {
      file = await EntryFile.create(target, known);
    });
    entry.ondata = (error, bytes, final) => {
      if (error !== null) fault ??= error;
      later(async () => {
        if (bytes !== undefined && bytes.length > 0) await file?.write(bytes);
        if (final) await file?.close();
      });
      if (final) unfinished--;
    };
    entry.start();
  };
  const unzip = new Unzip(take);
  unzip.register(UnzipInflate);
  const file = await open(path, 'r');
  try {
    for await (const bytes of file.createReadStream({ highWaterMark: readBytes, autoClose: false })) {
      unzip.push(bytes as Buffer, false);
      await pending;
      if (fault !== undefined) throw fault;
    }
    unzip.push(new Uint8Array(0), true);
    await pending;
    if (fault !== undefined) throw fault;
  } catch (error) {
    throw asFormatError(path, error);
  } finally {
    await pending.catch(() => {});
    await file.close();
  }
  if (seen !== expected || unfinished > 0) {
    throw corrupt(path, `${seen} of ${expected} entries, ${unfinished} of them cut off`);
  }
}

/** From the record that ends every zip archive; a truncated one has none. */
async function countEntries(path: string): Promise<number> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const tail = Buffer.alloc(Math.min(size, endBytes + longestComment));
    await file.read(tail, 0, tail.length, size - tail.length);
    for (let place = tail.length - endBytes; place >= 0; place--) {
      if (tail.readUInt32LE(place) !== endMagic) continue;
      if (place + endBytes + tail.readUInt16LE(place + 20) !== tail.length) continue;
      const entries = tail.readUInt16LE(place + 10);
      return entries === 0xffff ? await countZip64(file, size - tail.length + place) : entries;
    }
    throw corrupt(path, 'no record at its end: it is truncated');
  } finally {
    await file.close();
  }
}

/** The 64-bit record stands before its locator, which stands before the end. */
async function countZip64(file: Awaited<ReturnType<typeof open>>, end: number): Promise<number> {
  const locator = Buffer.alloc(20);
  await file.read(locator, 0, 20, Math.max(end - 20, 0));
  if (locator.readUInt32LE(0) !== 0x07064b50) return 0xffff;
  const record = Buffer.alloc(40);
  await file.read(record, 0, 40, Number(locator.readBigUInt64LE(8)));
  return Number(record.readBigUInt64LE(32));
}

function corrupt(path: string, what: string): FileFormatError {
  return new FileFormatError(`${path}: expected a zip archive, found ${what}.`);
}

function asFormatError(path: string, error: unknown): unknown {
  // fflate's errors are plain ones with a number as code.
  const foreign = error instanceof Error && 'code' in error && typeof error.code === 'number';
  return foreign ? corrupt(path, `corrupt data (${error.message})`) : error;
}
