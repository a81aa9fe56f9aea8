/** Files that come out of an archive, and where they may go. */

import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { FileFormatError } from '../../errors.js';

/**
 * Where an archive's entry goes below `folder`: its name without the archive's top folder.
 *
 * @returns undefined for the top folder itself
 * @throws FileFormatError for a name that leads out of the folder, or lies in no `top`
 */
export function targetOf(archive: string, name: string, folder: string, top: string): string | undefined {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (name.startsWith('/') || /[\\\0:]/.test(name) || parts.includes('..') || parts[0] !== top) {
    throw new FileFormatError(
      `${archive}: expected files in ${top}/, found the name '${name.slice(0, 200)}'; the archive is refused.`,
    );
  }
  return parts.length === 1 ? undefined : join(folder, ...parts.slice(1));
}

/** A file that an archive's bytes are written to. Its name must be new: an archive holds each once. */
export class EntryFile {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(path: string, known: Set<string>): Promise<EntryFile> {
    const folder = dirname(path);
    if (!known.has(folder)) await mkdir(folder, { recursive: true });
    known.add(folder);
    return new EntryFile(await open(path, 'wx'));
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#file.appendFile(bytes);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
