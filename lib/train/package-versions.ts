/** Which code runs: this package's version and commit, and the versions of the packages it stands on. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';

const root = fileURLToPath(new URL('../../', import.meta.url));
const GIT_TIMEOUT_MS = 10_000;

const manifestSchema = z.object({
  version: z.string(),
  dependencies: z.record(z.string(), z.string()).default({}),
});

/** A commit of git. */
export interface Commit {
  readonly commit: string;
  /** Whether tracked files differ from it. */
  readonly dirty: boolean;
}

/** This package's version, and those of its dependencies as they are installed. */
export async function packageVersions(): Promise<{ version: string; packages: Record<string, string> }> {
  const { version, dependencies } = await manifestOf(root);
  const packages: Record<string, string> = {};
  for (const name of Object.keys(dependencies)) {
    const folder = installedAt(name);
    if (folder !== undefined) packages[name] = (await manifestOf(folder)).version;
  }
  return { version, packages };
}

/** The commit that this package is checked out at; null for one that was installed, or without git. */
export async function packageCommit(): Promise<Commit | null> {
  // An installed package lies in somebody else's repository, whose commit says nothing of this code.
  if (!existsSync(join(root, '.git'))) return null;
  const git = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)('git', args, { cwd: root, timeout: GIT_TIMEOUT_MS });
    return stdout.trim();
  };
  try {
    const commit = await git('rev-parse', 'HEAD');
    const dirty = (await git('status', '--porcelain', '--untracked-files=no')) !== '';
    return { commit, dirty };
  } catch {
    return null;
  }
}

async function manifestOf(folder: string): Promise<z.infer<typeof manifestSchema>> {
  return manifestSchema.parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')));
}

/** Where Node would find a package, from this one. `require.resolve` would not say, for a package with closed exports. */
function installedAt(name: string): string | undefined {
  for (let folder = root; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}
