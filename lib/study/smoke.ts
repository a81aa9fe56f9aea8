/** A smoke test: every cell of a study from end to end, tiny, before days are spent on it. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { FileSystemError } from '../errors.js';
import { collectStudy } from './collect.js';
import type { StudyConfig } from './config.js';
import { runTrials, type StudyRunOptions } from './runner.js';
import { StudyFolder } from './study-folder.js';
import type { TrialStatus } from './trial-status.js';
import { expandStudy } from './trials.js';

/** How a smoke test went. */
export interface SmokeOutcome {
  readonly statuses: readonly TrialStatus[];
  /** Where the trials' logs are, when one failed; else everything is removed. */
  readonly folder: string | undefined;
}

/**
 * Runs every cell with its first seed on a few images of its data set, in a temporary folder, and makes tables and report.
 *
 * @throws AbortedError when it was stopped; ConfigError as `expandStudy`
 */
export async function smokeTest(
  config: StudyConfig,
  options: Omit<StudyRunOptions, 'trials' | 'rerunFailed'>,
): Promise<SmokeOutcome> {
  const study = await expandStudy(config, { shrunk: true });
  const path = await FileSystemError.during('make a folder in', tmpdir(), () =>
    mkdtemp(join(tmpdir(), 'lapidary-smoke-')),
  );
  let sound = false;
  try {
    const folder = await StudyFolder.make(path, config, study);
    const statuses = await runTrials(folder, options);
    await collectStudy(folder);
    sound = statuses.every(({ state }) => state === 'done');
    return { statuses, folder: sound ? undefined : path };
  } finally {
    if (sound || options.signal?.aborted) await rm(path, { recursive: true, force: true });
  }
}
