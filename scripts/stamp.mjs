// Stamps: small JSON files in build/ that say from what something was made, so that nothing is made twice.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Whether `npx lapidary` in a clone runs this script. npx links the clone into its cache, and if a script fails then, npm
 * leaves that cache broken for good, even after a good `npm ci`. So there a failure is told, and the exit status stays 0.
 */
export const underNpx = process.env.npm_command === 'exec' && existsSync(join(root, 'lib'));

/** Size and time of last change of a file below the package root; null when it is not there. */
export function fileState(path) {
  const stat = statSync(join(root, path), { throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.size} ${stat.mtimeMs}`;
}

/** A hash over the paths, sizes and times of files, and over anything else that JSON can hold. */
export function hashOf(files, extra) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file} ${fileState(file)}\n`);
  hash.update(JSON.stringify(extra));
  return hash.digest('hex');
}

export function readStamp(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8'));
  } catch {
    return {};
  }
}

export function writeStamp(path, value) {
  const file = join(root, path);
  const temporary = `${file}.${randomUUID()}`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(temporary, `${JSON.stringify(value)}\n`);
  renameSync(temporary, file);
}

export function removeStamp(path) {
  rmSync(join(root, path), { force: true });
}
