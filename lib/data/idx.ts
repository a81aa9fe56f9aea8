/** The idx format of MNIST: http://yann.lecun.com/exdb/mnist; plain or in gzip. */

import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

import { FileFormatError, FileSystemError, isSystemError } from '../errors.js';

/** An array of bytes and its extents. */
export interface IdxArray {
  readonly extents: readonly number[];
  readonly bytes: Uint8Array;
}

/** Deflate cannot pack more than this many bytes into one. */
const greatestDeflateRatio = 1032;

/**
 * Reads an idx file of unsigned bytes with `rank` extents.
 *
 * Its head says how long it is. What is allocated is bounded by what the file could hold, whatever the head says.
 *
 * @throws FileFormatError when it is no such file, truncated, or longer than its head says
 * @throws FileSystemError when it cannot be read
 */
export async function readIdx(path: string, rank: number): Promise<IdxArray> {
  return FileSystemError.during('read', path, async () => {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const magic = Buffer.alloc(2);
      await file.read(magic, 0, 2, 0);
      const packed = magic[0] === 0x1f && magic[1] === 0x8b;
      const raw = file.createReadStream({ start: 0, autoClose: false });
      const bytes = packed ? raw.pipe(createGunzip()) : raw;
      raw.on('error', (error) => bytes.destroy(error));
      return await parseIdx(resolve(path), bytes, rank, packed ? size * greatestDeflateRatio : size);
    } finally {
      await file.close();
    }
  });
}

async function parseIdx(name: string, stream: Readable, rank: number, most: number): Promise<IdxArray> {
  const headBytes = 4 + 4 * rank;
  let head = Buffer.alloc(0);
  let array: IdxArray | undefined;
  let filled = 0;
  try {
    for await (const part of stream as AsyncIterable<Buffer>) {
      let rest = part;
      if (array === undefined) {
        const needed = headBytes - head.length;
        head = Buffer.concat([head, rest.subarray(0, needed)]);
        rest = rest.subarray(needed);
        if (head.length < headBytes) continue;
        array = allocate(name, head, rank, most);
      }
      if (filled + rest.length > array.bytes.length) {
        throw new FileFormatError(
          `${name}: expected ${array.bytes.length} bytes after the head, found more; the file is corrupt.`,
        );
      }
      array.bytes.set(rest, filled);
      filled += rest.length;
    }
  } catch (error) {
    if (error instanceof FileFormatError || isSystemError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new FileFormatError(`${name}: expected a gzip file, but ${reason}; fetch it again.`, {
      cause: error,
    });
  } finally {
    stream.destroy();
  }
  if (array === undefined || filled < array.bytes.length) {
    const expected = array === undefined ? headBytes : headBytes + array.bytes.length;
    throw new FileFormatError(
      `${name}: expected ${expected} bytes, found ${head.length + filled}; the file is truncated, so fetch it again.`,
    );
  }
  return array;
}

function allocate(name: string, head: Buffer, rank: number, most: number): IdxArray {
  const magic = head.readUInt32BE(0);
  if (magic !== 0x800 + rank) {
    const expected = (0x800 + rank).toString(16).padStart(8, '0');
    throw new FileFormatError(
      `${name}: expected the magic number ${expected} of idx${rank}-ubyte, found ${magic.toString(16).padStart(8, '0')}.`,
    );
  }
  const extents = Array.from({ length: rank }, (_, axis) => head.readUInt32BE(4 + 4 * axis));
  const size = extents.reduce((product, extent) => product * extent, 1);
  if (size < 1 || size > most) {
    throw new FileFormatError(
      `${name}: its head promises ${extents.join(' x ')} bytes, which this file cannot hold; it is corrupt.`,
    );
  }
  return { extents, bytes: new Uint8Array(size) };
}
