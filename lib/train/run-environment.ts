/** What the bits of a run's results depend on besides its configuration. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { device } from '../device.js';
import { writeFileAtomic } from '../io/atomic-file.js';
import type { RunFolder } from '../io/run-folder.js';

const FILE = 'environment.json';

/** Results are equal to the bit only where these are equal. */
export interface RunEnvironment {
  readonly build: string;
  readonly isa: string;
}

/** The build and instruction set in use. */
export function currentEnvironment(): RunEnvironment {
  const { build, isa } = device();
  return { build, isa };
}

/**
 * Records the environment of a new run. For a resumed run, compares it with the one it was started in.
 *
 * @returns what differs, as a sentence, or undefined
 */
export async function recordEnvironment(run: RunFolder): Promise<string | undefined> {
  const path = join(run.path, FILE);
  const now = currentEnvironment();
  const before = run.resumed ? await readFile(path, 'utf8').catch(() => undefined) : undefined;
  if (before === undefined) {
    await writeFileAtomic(path, `${JSON.stringify(now, null, 2)}\n`);
    return undefined;
  }
  const started = JSON.parse(before) as Partial<RunEnvironment>;
  if (started.build === now.build && started.isa === now.isa) return undefined;
  return (
    `The run was started with build ${started.build} on ${started.isa} and goes on with ${now.build} on ${now.isa}: ` +
    'its bits will differ from an uninterrupted run.'
  );
}
