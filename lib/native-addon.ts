// Finds and loads the native addon. Everything else of lapidary takes it from here.
import { createRequire } from 'node:module';
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LapidaryError } from './errors.js';
import type { NativeAddon } from './native.js';

/** A path at which the addon was looked for, and why it did not load from there. */
export interface AddonAttempt {
  readonly path: string;
  readonly cause: string;
}

/** The addon could not be loaded; the message lists every path that was tried, its cause, and what may help. */
export class AddonLoadError extends LapidaryError {
  override readonly code = 'ERR_ADDON_LOAD';
  readonly attempts: readonly AddonAttempt[];

  constructor(attempts: readonly AddonAttempt[]) {
    const tried = attempts.map(
      ({ path, cause }) => `  - ${path}\n      ${cause.replaceAll('\n', '\n      ')}`,
    );
    const solutions = possibleSolutions(attempts).map((solution) => `  - ${solution}`);
    super(
      `Could not load lapidary's native addon (${process.platform}-${process.arch}, Node ${process.version}).\n` +
        `Tried:\n${tried.join('\n')}\nPossible solutions:\n${solutions.join('\n')}`,
    );
    this.attempts = attempts;
  }
}

const packageRoot = fileURLToPath(new URL('../', import.meta.url)); // the same from lib/ and from dist/
const rebuild = 'in a clone: npm run build:native; as a dependency: npm rebuild lapidary';

function possibleSolutions(attempts: readonly AddonAttempt[]): string[] {
  const causes = attempts.map(({ cause }) => cause).join('\n');
  const solutions: string[] = [];
  if (process.env.LAPIDARY_ADDON) {
    solutions.push('LAPIDARY_ADDON is set, so only that file was tried: correct it, or unset it');
  }
  if (attempts.every(({ cause }) => cause === 'no such file')) {
    solutions.push(
      `The addon was not built, perhaps because npm ran with --ignore-scripts. Build it (${rebuild})`,
    );
  }
  if (/GLIBC_|GLIBCXX_|CXXABI_/.test(causes)) {
    solutions.push(
      `It was built on a machine with a newer C or C++ library. Build it on this one (${rebuild}); on a cluster, load the same compiler module as when it was built`,
    );
  }
  if (
    /invalid ELF header|wrong ELF class|cannot open shared object.*ELF|mach-o|wrong architecture/i.test(
      causes,
    )
  ) {
    solutions.push(
      `It was built for another kind of machine (a copied node_modules?). Build it here (${rebuild})`,
    );
  }
  if (/undefined symbol|symbol not found/i.test(causes)) {
    solutions.push(
      `The build is incomplete or out of date. Build it again (npm run build:native -- --force)`,
    );
  }
  if (/ERR_DLOPEN_DISABLED|native addons? (is|are) disabled|no-addons/i.test(causes)) {
    solutions.push('Node was started with --no-addons: take that flag away (see NODE_OPTIONS too)');
  }
  if (/ERR_ACCESS_DENIED/.test(causes)) {
    solutions.push("Node's permission model is on: add --allow-addons");
  }
  if (/permission denied|operation not permitted|failed to map segment/i.test(causes)) {
    solutions.push(
      'The file may not be read or mapped: check its permissions, and that its file system is not mounted noexec',
    );
  }
  if (solutions.length === 0) solutions.push(`Build the addon again (${rebuild})`);
  return solutions;
}

function candidates(): string[] {
  const chosen = process.env.LAPIDARY_ADDON;
  if (chosen) return [isAbsolute(chosen) ? chosen : resolve(chosen)];
  return ['build/Release/lapidary.node', 'build/Debug/lapidary.node'].map((path) =>
    resolve(packageRoot, path),
  );
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'MODULE_NOT_FOUND') return 'no such file';
  const text = error.message.trim();
  return code === undefined || code === 'ERR_DLOPEN_FAILED' || text.includes(code)
    ? text
    : `${code}: ${text}`;
}

function load(): NativeAddon {
  const require = createRequire(import.meta.url);
  const attempts: AddonAttempt[] = [];
  for (const path of candidates()) {
    try {
      return require(path) as NativeAddon;
    } catch (error) {
      attempts.push({ path, cause: describe(error) });
    }
  }
  throw new AddonLoadError(attempts);
}

/** The native addon, loaded once a process (and once a worker thread) from `build/Release`, or from `LAPIDARY_ADDON`. */
export const addon: NativeAddon = load();
