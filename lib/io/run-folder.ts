/**
 * A run is a folder: `config.yaml` (resolved), `metrics.jsonl`, TensorBoard events, `checkpoints/step-N/`, `report.html`.
 *
 * The folder is all that `--resume` needs, and nothing in it is overwritten unless the run is resumed.
 */

import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';

import { ArgumentError, FileFormatError, FileSystemError, isSystemError } from '../errors.js';
import { removeLeftovers, writeFileAtomic } from './atomic-file.js';
import { loadNewestCheckpoint, type NewestCheckpoint, saveCheckpoint } from './checkpoint.js';
import type { HostTensor } from './host-tensor.js';
import { TensorBoardLog } from './tensorboard.js';

/** One line of `metrics.jsonl`: the step it belongs to and whatever was measured. */
export interface MetricsRecord {
  readonly step: number;
  readonly [name: string]: unknown;
}

/** An open run folder. */
export class RunFolder {
  readonly path: string;
  /** Whether the folder held a run before it was opened, so that there may be a checkpoint to continue from. */
  readonly resumed: boolean;
  /** The numbers of `metrics.jsonl` are in it as scalars, under `stage/name` where a record has a stage. */
  readonly tensorBoard: TensorBoardLog;
  #lastAppend: Promise<void> = Promise.resolve();

  private constructor(path: string, resumed: boolean) {
    this.path = path;
    this.resumed = resumed;
    this.tensorBoard = new TensorBoardLog(path);
  }

  /**
   * Opens a run folder, and makes it when it is missing.
   *
   * With `resume`, a folder that holds a run is continued and its `config.yaml` stays; one that does not starts a
   * new run, so that a job script may always say `--resume`.
   *
   * @param config the resolved configuration, plain data, written to `config.yaml` of a new run
   * @throws ArgumentError when the folder is not empty and `resume` is false, or holds something other than a run
   * @throws FileSystemError
   */
  static async open(path: string, config: unknown, { resume = false } = {}): Promise<RunFolder> {
    const names = await FileSystemError.during('make', path, async () => {
      await mkdir(path, { recursive: true });
      // What a run that was killed in its first moments left would pass for something else than a run.
      if (resume) await removeLeftovers(path);
      return readdir(path);
    });
    const isRun = names.includes('config.yaml');
    const run = new RunFolder(path, isRun);
    if (isRun && resume) return run;
    if (names.length > 0) {
      throw new ArgumentError(
        isRun
          ? `The run folder ${path} already holds a run; continue it with --resume or choose another --out.`
          : `The run folder ${path} must be empty or hold a run, but it holds ${names[0]}; choose another --out.`,
      );
    }
    await writeFileAtomic(run.configPath, stringify(config));
    return run;
  }

  /**
   * Opens the folder of a run to read it, while the run goes on or after it.
   *
   * @throws FileFormatError when it is not the folder of a run; FileSystemError
   */
  static async read(path: string): Promise<RunFolder> {
    const names = await FileSystemError.during('list', path, () => readdir(path));
    if (!names.includes('config.yaml')) {
      throw new FileFormatError(`${path}: expected the folder of a run, with its config.yaml, found none.`);
    }
    return new RunFolder(path, true);
  }

  get configPath(): string {
    return join(this.path, 'config.yaml');
  }

  get metricsPath(): string {
    return join(this.path, 'metrics.jsonl');
  }

  get checkpointsPath(): string {
    return join(this.path, 'checkpoints');
  }

  get reportPath(): string {
    return join(this.path, 'report.html');
  }

  /** The configuration the run was started with; check it with the command's schema. */
  async readConfig(): Promise<unknown> {
    return parse(
      await FileSystemError.during('read', this.configPath, () => readFile(this.configPath, 'utf8')),
    );
  }

  /**
   * Appends one line to `metrics.jsonl`, and its numbers to TensorBoard's events. Calls that are not awaited keep their order. A NaN or an infinity is written
   * as null, as JSON has neither.
   *
   * @throws ArgumentError when `step` is no whole number
   * @throws FileSystemError when the disk is full and so on; no half line is left behind
   */
  appendMetrics(record: MetricsRecord): Promise<void> {
    if (!Number.isSafeInteger(record.step)) {
      const problem = `A metrics record needs a whole number as its step, not ${record.step}.`;
      return Promise.reject(new ArgumentError(problem));
    }
    const line = `${JSON.stringify(record)}\n`;
    const append = () =>
      FileSystemError.during('append to', this.metricsPath, () => appendWhole(this.metricsPath, line));
    // An earlier failure belongs to the caller who got it; this line is still worth a try.
    this.#lastAppend = this.#lastAppend.then(append, append);
    return Promise.all([this.#lastAppend, this.tensorBoard.scalars(record.step, scalarsOf(record))]).then(
      () => {},
    );
  }

  /**
   * Reads all whole lines of `metrics.jsonl`; a torn last line is left out, a missing file has none.
   *
   * @throws FileFormatError that names the line, when another line than the last is no record
   */
  async readMetrics(): Promise<MetricsRecord[]> {
    return (await this.#readLines()).map(({ record }) => record);
  }

  /**
   * Drops the lines of `metrics.jsonl` after `step`, and a torn last line, in one atomic step; TensorBoard's events too. A resumed run calls
   * this with the step of its checkpoint.
   *
   * @throws FileFormatError, FileSystemError
   */
  async truncateToStep(step: number): Promise<void> {
    await removeLeftovers(this.path);
    const kept = (await this.#readLines()).filter(({ record }) => record.step <= step);
    await writeFileAtomic(this.metricsPath, kept.map(({ text }) => `${text}\n`).join(''));
    await this.tensorBoard.truncateToStep(step);
  }

  /**
   * Saves a checkpoint; the metrics up to it reach the disk first. Arguments and errors as of `saveCheckpoint`.
   *
   * @returns the path of the checkpoint
   */
  async saveCheckpoint(
    step: number,
    tensors: ReadonlyMap<string, HostTensor>,
    state: unknown,
    options: { keep?: number } = {},
  ): Promise<string> {
    await this.#lastAppend.catch(() => {});
    await FileSystemError.during('sync', this.metricsPath, () => syncIfThere(this.metricsPath));
    return saveCheckpoint(this.checkpointsPath, step, tensors, state, options);
  }

  /** Loads the newest sound checkpoint of this run; see `loadNewestCheckpoint`. */
  loadNewestCheckpoint(): Promise<NewestCheckpoint> {
    return loadNewestCheckpoint(this.checkpointsPath);
  }

  async #readLines(): Promise<{ text: string; record: MetricsRecord }[]> {
    const content = await FileSystemError.during('read', this.metricsPath, () =>
      readTextIfThere(this.metricsPath),
    );
    // What follows the last line break is empty, or a line that a kill cut short.
    const lines = content.split('\n').slice(0, -1);
    return lines.map((text, i) => ({ text, record: this.#parseLine(text, i + 1) }));
  }

  #parseLine(text: string, lineNumber: number): MetricsRecord {
    const record = parseRecord(text);
    if (record !== undefined) return record;
    throw new FileFormatError(
      `${this.metricsPath}, line ${lineNumber}: expected a JSON object with a step, found ${text.slice(0, 40)}; remove the line.`,
    );
  }
}

function scalarsOf({ step: _, stage, ...values }: MetricsRecord): Record<string, unknown> {
  if (typeof stage !== 'string') return values;
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${stage}/${name}`, value]));
}

function parseRecord(text: string): MetricsRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('step' in value)) return undefined;
    return typeof value.step === 'number' ? { ...value, step: value.step } : undefined;
  } catch {
    return undefined;
  }
}

async function appendWhole(path: string, line: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    const { size } = await file.stat();
    try {
      await file.writeFile(line);
    } catch (error) {
      await file.truncate(size);
      throw error;
    }
  } finally {
    await file.close();
  }
}

async function readTextIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return '';
    throw error;
  }
}

async function syncIfThere(path: string): Promise<void> {
  // Opened for appending, which makes a missing file: a run without metrics yet has an empty log.
  const file = await open(path, 'a');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
