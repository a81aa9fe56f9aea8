// Prints the C++ sources of folders, one a line, sorted: `node scripts/sources.mjs native/cpu 'native/ops/**'`.
// A folder stands for its own files, `folder/**` for the whole tree below it. A folder that is not there has no files.
// Used by binding.gyp, so that adding a file needs no edit there.
import { readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Paths of the files below `folder` (relative to the package root, with forward slashes) that `accept` takes. */
export function listFiles(folder, { recursive = true, accept = () => true } = {}) {
  let entries;
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
  const files = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue; // editors' backup and swap files
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      if (recursive) files.push(...listFiles(path, { recursive, accept }));
    } else if (accept(path)) {
      files.push(path);
    }
  }
  return files.sort();
}

/** The C++ sources that folder patterns stand for. */
export function listSources(patterns) {
  return patterns.flatMap((pattern) => {
    const recursive = pattern.endsWith('/**');
    return listFiles(recursive ? pattern.slice(0, -3) : pattern, {
      recursive,
      accept: (path) => path.endsWith('.cpp'),
    });
  });
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const files = listSources(process.argv.slice(2));
  if (files.length > 0) console.log(files.join('\n'));
}
