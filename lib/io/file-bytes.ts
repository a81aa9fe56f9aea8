/** Reading parts of a file that may be damaged or hostile. */

import { type FileHandle, open } from 'node:fs/promises';

import { FileFormatError, FileSystemError } from '../errors.js';

/** Node reads at most 2 GiB in one call. */
const MAX_READ_BYTES = 2 ** 30;

/** A file open for reading, of a format that its errors name. */
export class FileBytes implements AsyncDisposable {
  readonly path: string;
  readonly size: number;
  readonly #file: FileHandle;
  readonly #format: string;

  private constructor(path: string, file: FileHandle, size: number, format: string) {
    this.path = path;
    this.size = size;
    this.#file = file;
    this.#format = format;
  }

  /** @param format as in "npz file" @throws FileSystemError when the file cannot be read */
  static async open(path: string, format: string): Promise<FileBytes> {
    const file = await FileSystemError.during('open', path, () => open(path, 'r'));
    try {
      const { size } = await FileSystemError.during('read', path, () => file.stat());
      return new FileBytes(path, file, size, format);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Reads exactly `length` bytes. Memory is taken only for bytes that the file has.
   *
   * @throws FileFormatError when the file ends before
   */
  async read(offset: number, length: number): Promise<Buffer<ArrayBuffer>> {
    if (offset < 0 || offset + length > this.size) {
      throw this.fault(offset, `${length} bytes`, `the end of the file at ${this.size} (truncated?)`);
    }
    // Its own memory, aligned to 8: a slice of Node's pool would keep the pool alive and start anywhere.
    const bytes = Buffer.from(new ArrayBuffer(length));
    for (let done = 0; done < length; ) {
      const count = Math.min(length - done, MAX_READ_BYTES);
      const { bytesRead } = await FileSystemError.during('read', this.path, () =>
        this.#file.read(bytes, done, count, offset + done),
      );
      if (bytesRead === 0)
        throw this.fault(offset + done, `${length - done} more bytes`, 'the end of the file');
      done += bytesRead;
    }
    return bytes;
  }

  /** An error that says where the file is not what it should be. */
  fault(offset: number, expected: string, found: string): FileFormatError {
    return new FileFormatError(
      `${this.path}, offset ${offset}: expected ${expected}, found ${found}; this is no sound ${this.#format}, so fetch or save it again.`,
    );
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
