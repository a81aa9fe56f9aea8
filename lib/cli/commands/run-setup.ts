/** What every command that writes a run folder does first. */

import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { resolveConfig } from '../../config.js';
import { useDevice } from '../../device.js';
import { ConfigError } from '../../errors.js';
import { RunFolder } from '../../io/run-folder.js';
import { installSignalHandlers, type StopSignal } from '../../signals.js';
import { recordEnvironment } from '../../train/run-environment.js';
import type { SharedOptions } from '../command.js';
import { Progress } from '../progress.js';

/** A command's configuration, its run folder, and where progress goes. */
export interface RunSetup<T> {
  readonly config: T;
  readonly run: RunFolder;
  readonly progress: Progress;
  /** Aborted by SIGTERM, SIGINT or SIGUSR1: the run stops between two steps and can be resumed. */
  readonly signal: StopSignal;
}

/**
 * Resolves the configuration of a command from its defaults, `--config`, `--set`, `--data` and `--seed`.
 *
 * @throws ConfigError, FileSystemError as `resolveConfig`
 */
export function commandConfig<T>(
  schema: z.ZodType<T>,
  options: SharedOptions,
  defaults: unknown = {},
): Promise<T> {
  const sets = [...options.set];
  // Quoted, so that YAML takes the path as it is.
  if (options.data !== undefined) sets.push(`data.source=${JSON.stringify(options.data)}`);
  if (options.seed !== undefined) sets.push(`seed=${options.seed}`);
  return resolveConfig(schema, { defaults, file: options.config, sets });
}

/** Applies `--device`, `--precision` and `--threads`. @throws DeviceError when the device is not there */
export function setUpDevice(options: SharedOptions): void {
  const chosen = useDevice(options.device);
  if (options.precision !== undefined) chosen.setPrecision(options.precision);
  if (options.threads !== undefined) chosen.setThreads(options.threads);
}

/**
 * Sets up device, configuration, run folder and progress.
 *
 * A resumed run takes its configuration from its folder; one given on the command line as well must be the same.
 *
 * @param name of the command, for the folder when no `--out` is given
 * @throws ConfigError, ArgumentError when options, configuration or folder do not fit
 */
export async function setUpRun<T extends { readonly seed: number }>(
  name: string,
  schema: z.ZodType<T>,
  options: SharedOptions,
  defaults: unknown = {},
): Promise<RunSetup<T>> {
  if (options.resume && options.out === undefined) {
    throw new ConfigError('--resume needs --out, the folder of the run to continue.');
  }
  const given = await commandConfig(schema, options, defaults);
  setUpDevice(options);
  const progress = new Progress({ silent: options.quiet });
  const out = options.out ?? `runs/${name}-${timeStamp()}`;
  const run = await RunFolder.open(out, given, { resume: options.resume });
  const config = run.resumed ? await storedConfig(run, schema, given, options) : given;
  const difference = await recordEnvironment(run, config.seed);
  if (difference !== undefined) progress.log(difference);
  return { config, run, progress, signal: installSignalHandlers({ resumable: true }) };
}

async function storedConfig<T>(
  run: RunFolder,
  schema: z.ZodType<T>,
  given: T,
  { config: file, set, data, seed }: SharedOptions,
): Promise<T> {
  const stored = await resolveConfig(schema, { defaults: await run.readConfig() });
  const saidAnything = file !== undefined || set.length > 0 || data !== undefined || seed !== undefined;
  if (!saidAnything || isDeepStrictEqual(asJson(stored), asJson(given))) return stored;
  throw new ConfigError(
    `The configuration differs from that of the run in ${run.path}; leave --config, --set, --data and --seed out to continue it, or choose another --out.`,
  );
}

function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** For the names of folders that nobody named. */
export function timeStamp(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(':', '');
}
