/** Files that bzip2 compressed. */

import { readFile } from 'node:fs/promises';

import bunzip from 'seek-bzip';

import { FileFormatError, FileSystemError, LapidaryError } from '../errors.js';

/**
 * The content of a file of one bzip2 stream.
 *
 * @param limit how large the content may be, in bytes: a small file may stand for a very large one
 * @throws FileFormatError when the file is no bzip2 stream, damaged, truncated, or stands for more than `limit`
 * @throws FileSystemError when it cannot be read
 */
export async function readBzip2(path: string, limit: number): Promise<Uint8Array> {
  const compressed = await FileSystemError.during('read', path, () => readFile(path));
  const content = new GrowingBytes(path, limit);
  let at = 0;
  const source = {
    readByte: (): number => {
      const byte = compressed[at++];
      if (byte !== undefined) return byte;
      throw new FileFormatError(
        `${path}: expected more of a bzip2 stream, found its end after ${compressed.length} bytes.`,
      );
    },
    read: (into: Uint8Array, offset: number, length: number): number => {
      for (let index = 0; index < length; index++) into[offset + index] = source.readByte();
      return length;
    },
  };
  try {
    bunzip.decode(source, content);
  } catch (error) {
    if (error instanceof LapidaryError) throw error;
    const found = error instanceof Error ? error.message : String(error);
    throw new FileFormatError(`${path}: expected an undamaged bzip2 stream, found: ${found}.`);
  }
  return content.bytes();
}

class GrowingBytes {
  readonly #path: string;
  readonly #limit: number;
  #buffer = new Uint8Array(2 ** 16);
  #length = 0;

  constructor(path: string, limit: number) {
    this.#path = path;
    this.#limit = limit;
  }

  writeByte(byte: number): void {
    if (this.#length === this.#buffer.length) this.#grow();
    this.#buffer[this.#length++] = byte;
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  #grow(): void {
    if (this.#length >= this.#limit) {
      throw new FileFormatError(
        `${this.#path}: expected at most ${this.#limit} bytes when decompressed, found more.`,
      );
    }
    const larger = new Uint8Array(Math.min(2 * this.#buffer.length, this.#limit));
    larger.set(this.#buffer);
    this.#buffer = larger;
  }
}
