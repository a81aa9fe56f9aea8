/**
 * Files and folders that are either there in full or not at all.
 *
 * Content goes under a temporary name beside the target, is synced to the disk, and is renamed once. Whoever looks
 * at the target sees the earlier content or the new content, also after a kill or a power cut in between.
 */

import { randomBytes } from 'node:crypto';
import { type FileHandle, link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { FileSystemError, isSystemError } from '../errors.js';

const TEMPORARY_NAME = /^\..+\.[0-9a-f]{12}\.tmp$/;

/** The ending of the name under which an earlier folder waits while a new one takes its place. */
export const REPLACED_SUFFIX = '.replaced';

/** What goes into a file: text, bytes, or a function that writes to the open file. */
export type FileContent = string | Uint8Array | ((file: FileHandle) => Promise<void>);

/**
 * Writes a file in one step: afterwards `path` holds all of `content`, or, if this throws, what it held before.
 *
 * @throws FileSystemError when the disk is full, a folder is missing, and so on; whatever `content` throws
 */
export async function writeFileAtomic(path: string, content: FileContent): Promise<void> {
  await replaceAtomically(path, async (temporary) => {
    const file = await open(temporary, 'wx');
    try {
      if (typeof content === 'function') await content(file);
      else await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  });
}

/**
 * Makes a file in one step unless there is one: of several processes that try at once, one succeeds, and nobody sees a
 * part of the content.
 *
 * @returns whether this call made it
 * @throws FileSystemError as of `writeFileAtomic`
 */
export async function createFileAtomic(path: string, content: string): Promise<boolean> {
  let made = true;
  await replaceAtomically(path, async (temporary) => {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    try {
      // Unlike a rename, a link never takes the place of a file.
      await link(temporary, path);
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'EEXIST') throw error;
      made = false;
    }
    await rm(temporary);
  });
  return made;
}

/**
 * Makes a folder in one step: `fill` writes files into a temporary folder, which then takes the name `path`.
 *
 * A folder already at `path` is set aside under `path + REPLACED_SUFFIX` for the moment between two renames and
 * removed afterwards: a kill in that moment leaves it there, whole.
 *
 * @throws FileSystemError when the disk is full and so on; whatever `fill` throws. `path` is then as it was before.
 */
export async function writeFolderAtomic(
  path: string,
  fill: (folder: string) => Promise<void>,
): Promise<void> {
  await replaceAtomically(path, async (temporary) => {
    await mkdir(temporary);
    await fill(temporary);
    await syncFolderTree(temporary);
    await renameFolderOver(temporary, path);
  });
}

/**
 * Removes the temporary files and folders that killed writers left in `folder`. Call it only where no other process
 * is writing.
 *
 * @throws FileSystemError
 */
export async function removeLeftovers(folder: string): Promise<void> {
  try {
    for (const name of await readdir(folder)) {
      if (TEMPORARY_NAME.test(name)) await rm(join(folder, name), { recursive: true, force: true });
    }
  } catch (error) {
    throw FileSystemError.from(error, 'clean', folder);
  }
}

async function replaceAtomically(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const parent = dirname(path);
  const temporary = join(parent, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await write(temporary);
    await syncFolder(parent);
  } catch (error) {
    // The fault that stopped the write is what the caller must hear of, so a failing clean-up stays quiet.
    await rm(temporary, { recursive: true, force: true }).catch(() => {});
    throw FileSystemError.from(error, 'write', path);
  }
}

async function renameFolderOver(source: string, target: string): Promise<void> {
  const aside = target + REPLACED_SUFFIX;
  const wasThere = await renameIfThere(target, aside);
  try {
    await rename(source, target);
  } catch (error) {
    if (wasThere) await rename(aside, target);
    throw error;
  }
  await rm(aside, { recursive: true, force: true });
}

async function renameIfThere(source: string, target: string): Promise<boolean> {
  try {
    await rename(source, target);
    return true;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === 'ENOENT') return false;
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  }
  // An earlier kill left a folder aside, and `source` has superseded it.
  await rm(target, { recursive: true, force: true });
  await rename(source, target);
  return true;
}

async function syncFolderTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    await (entry.isDirectory() ? syncFolderTree(path) : syncPath(path));
  }
  await syncFolder(folder);
}

async function syncFolder(folder: string): Promise<void> {
  try {
    await syncPath(folder);
  } catch (error) {
    // Some network file systems cannot sync a folder, and order its entries themselves.
    if (!isSystemError(error) || (error.code !== 'EINVAL' && error.code !== 'ENOTSUP')) throw error;
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
