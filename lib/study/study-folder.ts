/**
 * A study is a folder: `study.yaml` (resolved), `trials/ID/` with `trial.yaml`, `status.json`, `attempts/`, `log.txt` and
 * the run folder `run/`, and what `collectStudy` makes of them. Any number of processes may work in it at once.
 */

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';

import { resolveConfig } from '../config.js';
import { ConfigError, FileSystemError, isSystemError } from '../errors.js';
import { createFileAtomic } from '../io/atomic-file.js';
import { canonicalJson } from '../io/json-digest.js';
import { type RunResult, readRunResult } from '../io/run-result.js';
import { type StudyConfig, studySchema } from './config.js';
import { pendingStatus, readTrialStatus, type TrialStatus } from './trial-status.js';
import { expandStudy, type Study, type Trial } from './trials.js';

const CONFIG_FILE = 'study.yaml';

/** An open study. */
export class StudyFolder {
  readonly path: string;
  readonly study: Study;

  private constructor(path: string, study: Study) {
    this.path = path;
    this.study = study;
  }

  /**
   * Makes the folder of a study, or opens it when it is there already with an equal configuration.
   *
   * @param expanded the study, for one that is not as `expandStudy` makes it of its configuration
   * @throws ConfigError that says what differs, when the folder holds a study of another configuration; FileSystemError
   */
  static async make(path: string, config: StudyConfig, expanded?: Study): Promise<StudyFolder> {
    const study = expanded ?? (await expandStudy(config));
    await FileSystemError.during('make', path, () => mkdir(path, { recursive: true }));
    const made = await createFileAtomic(join(path, CONFIG_FILE), stringify(config));
    if (!made) requireEqual(path, await readConfig(path), config);
    const folder = new StudyFolder(path, study);
    // Again where they are there: an earlier process may have been killed between two of them.
    for (const trial of study.trials) await folder.#makeTrial(trial);
    return folder;
  }

  /** Opens the study in a folder. @throws ConfigError when there is none, or it is damaged; FileSystemError */
  static async open(path: string): Promise<StudyFolder> {
    const config = await readConfig(path);
    return StudyFolder.make(path, config);
  }

  trialPath(trial: Trial): string {
    return join(this.path, 'trials', trial.id);
  }

  /** The resolved configuration of a trial, for its command's `--config`. */
  trialConfigPath(trial: Trial): string {
    return join(this.trialPath(trial), 'trial.yaml');
  }

  runPath(trial: Trial): string {
    return join(this.trialPath(trial), 'run');
  }

  logPath(trial: Trial): string {
    return join(this.trialPath(trial), 'log.txt');
  }

  /**
   * How a trial stands. One that is done but whose result cannot be used counts as failed, so that it is named, may be run
   * again, and does not keep the others from their table.
   *
   * @throws as `readTrialStatus`
   */
  async status(trial: Trial): Promise<TrialStatus> {
    const status = await readTrialStatus(this.trialPath(trial), trial.id);
    if (status.state !== 'done') return status;
    const { fault } = await this.result(trial);
    return fault === undefined ? status : { ...status, state: 'failed', reason: fault };
  }

  /** The result of a trial, or why there is none that can be used. */
  async result(
    trial: Trial,
  ): Promise<{ result: RunResult; fault?: never } | { result?: never; fault: string }> {
    try {
      const result = await readRunResult(this.runPath(trial));
      if (result.configSha256 === trial.configSha256) return { result };
      return { fault: 'its result is of another configuration' };
    } catch (error) {
      return { fault: error instanceof Error ? error.message : String(error) };
    }
  }

  async #makeTrial(trial: Trial): Promise<void> {
    const path = this.trialPath(trial);
    await FileSystemError.during('make', path, () => mkdir(path, { recursive: true }));
    await createFileAtomic(this.trialConfigPath(trial), stringify(trial.config));
    const pending = `${JSON.stringify(pendingStatus(trial.id), null, 2)}\n`;
    await createFileAtomic(join(path, 'status.json'), pending);
  }
}

async function readConfig(path: string): Promise<StudyConfig> {
  const file = join(path, CONFIG_FILE);
  try {
    return await resolveConfig(studySchema, { values: parse(await readFile(file, 'utf8')) });
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') {
      throw new ConfigError(
        `There is no study in ${path}; begin one with --config, or give its folder as --out.`,
      );
    }
    throw FileSystemError.from(error, 'read', file);
  }
}

/** The most differences that an error names. */
const NAMED_DIFFERENCES = 5;

function requireEqual(path: string, before: StudyConfig, now: StudyConfig): void {
  const found = differences(before, now);
  if (found.length === 0) return;
  const named = found.slice(0, NAMED_DIFFERENCES).join('; ');
  const more = found.length > NAMED_DIFFERENCES ? `; and ${found.length - NAMED_DIFFERENCES} more` : '';
  throw new ConfigError(
    `The study in ${path} was begun with another configuration: ${named}${more}. Take that back, leave --config out to go on with the one it has, or choose another --out.`,
  );
}

/** What differs between two values of plain data, as in `seeds.2: 2, now 3`. */
function differences(before: unknown, now: unknown, path: readonly string[] = []): string[] {
  if (canonicalJson(before) === canonicalJson(now)) return [];
  if (!isContainer(before) || !isContainer(now) || Array.isArray(before) !== Array.isArray(now)) {
    return [`${path.join('.')}: ${shown(before)}, now ${shown(now)}`];
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...keys].flatMap((key) =>
    differences(Reflect.get(before, key), Reflect.get(now, key), [...path, key]),
  );
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
