/** `lapidary study`: a grid of runs of a workflow, their table and their report. */

import { join } from 'node:path';

import { Argument, type Command, InvalidArgumentError } from 'commander';

import { ConfigError, TrialsFailedError } from '../../errors.js';
import { formatTable } from '../../report/table.js';
import { collectStudy } from '../../study/collect.js';
import { resolveStudyConfig, type StudyConfig } from '../../study/config.js';
import { planStudy } from '../../study/plan.js';
import { runTrials } from '../../study/runner.js';
import { smokeTest } from '../../study/smoke.js';
import { StudyFolder } from '../../study/study-folder.js';
import { readableDifferences, readableTable } from '../../study/study-tables.js';
import { TRIAL_STATES, type TrialStatus } from '../../study/trial-status.js';
import { expandStudy, matchTrials, type Trial } from '../../study/trials.js';
import { addSharedOptions, type CommandResult, runCommand, type SharedOptions } from '../command.js';
import { Progress } from '../progress.js';
import { setUpDevice, timeStamp } from './run-setup.js';
import { planTables } from './study-plan-table.js';

/** Options of whatever runs a study. */
export interface StudyOptions extends SharedOptions {
  plan?: boolean;
  smoke?: boolean;
  only?: string;
  rerunFailed?: boolean;
  arrayIndex?: number;
  arrayCount?: number;
}

export function addStudyCommand(program: Command): void {
  const command = program
    .command('study')
    .description('a grid of runs (settings x seeds) of any workflow, with one table and one report')
    .addArgument(
      new Argument('[action]', 'run the study, tell how it stands, or make its tables again')
        .choices(['run', 'status', 'collect'])
        .default('run'),
    );
  addStudyOptions(command);
  addSharedOptions(command).action(
    runCommand<StudyOptions>(async (options, [action = 'run']) => {
      if (options.plan === true) return plan(await givenConfig(options), options);
      if (options.smoke === true) return smoke(await givenConfig(options), options);
      const folder = await openFolder(options, action);
      if (action === 'status') return status(folder, options);
      if (action === 'collect') return collect(folder, options);
      return run(folder, options, collect);
    }),
  );
}

/** How a study is run. */
export function addStudyOptions(command: Command): void {
  command
    .option('--plan', 'time a few steps of every cell and print hours, memory and disk; run nothing')
    .option('--smoke', 'run every cell tiny, in a temporary folder')
    .option('--only <pattern>', 'only trials with such an id: a part of it, or a pattern with * and ?')
    .option('--rerun-failed', 'also run trials again that have failed, from their last checkpoints')
    .option('--array-index <index>', 'of a job array: run every COUNT-th trial from here', wholeNumber(0))
    .option('--array-count <count>', 'tasks of the job array', wholeNumber(1));
}

/** Times a few steps of every cell, and prints what all will take. */
export async function plan(config: StudyConfig, options: SharedOptions): Promise<CommandResult> {
  setUpDevice(options);
  const progress = new Progress({ silent: options.quiet });
  const study = await expandStudy(config);
  const plan = await planStudy(study, progress);
  progress.finish();
  if (!options.json) process.stdout.write(`${planTables(plan)}\n`);
  return { ...plan, ids: study.trials.map(({ id }) => id) };
}

/** Runs every cell tiny. @throws TrialsFailedError */
export async function smoke(config: StudyConfig, options: SharedOptions): Promise<CommandResult> {
  const progress = new Progress({ silent: options.quiet });
  const { statuses, folder } = await stoppable((signal) =>
    smokeTest(config, { program: ownProgram(), trialArgs: trialArgs(options), signal, progress }),
  );
  progress.finish();
  if (!options.json) process.stdout.write(`${statusTable(statuses)}\n`);
  requireDone(statuses, `the logs are in ${join(String(folder), 'trials')}`);
  return { trials: statuses };
}

/** Runs what is left of a study. @param collect makes tables and reports afterwards @throws TrialsFailedError; AbortedError */
export async function run(
  folder: StudyFolder,
  options: StudyOptions,
  collect: (folder: StudyFolder, options: StudyOptions) => Promise<CommandResult>,
): Promise<CommandResult> {
  const progress = new Progress({ silent: options.quiet });
  const trials = chosenTrials(folder.study.trials, options);
  const { rerunFailed = false } = options;
  const statuses = await stoppable((signal) =>
    runTrials(folder, {
      program: ownProgram(),
      trialArgs: trialArgs(options),
      trials,
      rerunFailed,
      signal,
      progress,
    }),
  );
  progress.finish();
  const result = await collect(folder, options);
  requireDone(statuses, `continue with --rerun-failed; the logs are in ${join(folder.path, 'trials')}`);
  return result;
}

export async function status(folder: StudyFolder, options: StudyOptions): Promise<CommandResult> {
  const chosen = chosenTrials(folder.study.trials, options);
  const statuses = await Promise.all(chosen.map((trial) => folder.status(trial)));
  if (!options.json) process.stdout.write(`${statusTable(statuses)}\n\n${summaryOf(statuses)}\n`);
  return { out: folder.path, counts: countsOf(statuses), trials: statuses };
}

async function collect(folder: StudyFolder, options: StudyOptions): Promise<CommandResult> {
  const outcome = await collectStudy(folder);
  const statuses = outcome.trials.map(({ status }) => status);
  const report = join(folder.path, 'report.html');
  if (!options.json) {
    const tables = [readableTable(outcome), readableDifferences(outcome)].filter(
      ({ rows }) => rows.length > 0,
    );
    const text = tables.map(formatTable).join('\n\n');
    process.stdout.write(`\n${text}\n\n${summaryOf(statuses)}\nThe report is ${report}\n`);
  }
  return { out: folder.path, report, counts: countsOf(statuses), rows: readableTable(outcome).rows };
}

async function givenConfig({ config, set, data, seed }: StudyOptions): Promise<StudyConfig> {
  if (config === undefined)
    throw new ConfigError('A study needs --config, the YAML file that says what to run.');
  const sets = [...set];
  // Quoted, so that YAML takes the path as it is.
  if (data !== undefined) sets.push(`base.data.source=${JSON.stringify(data)}`);
  // The seeds of the trials are the study's own.
  if (seed !== undefined) sets.push(`statistics.seed=${seed}`);
  return resolveStudyConfig(config, sets);
}

async function openFolder(options: StudyOptions, action: string): Promise<StudyFolder> {
  const { config, set, data, seed, out } = options;
  if (config !== undefined) {
    if (out === undefined && action !== 'run')
      throw new ConfigError(`study ${action} needs --out, the study's folder.`);
    return StudyFolder.make(out ?? `runs/study-${timeStamp()}`, await givenConfig(options));
  }
  if (set.length > 0 || data !== undefined || seed !== undefined) {
    throw new ConfigError('--set, --data and --seed change a configuration, so they need --config.');
  }
  if (out === undefined)
    throw new ConfigError('A study needs --config to begin, or --out, the folder of one to go on with.');
  return StudyFolder.open(out);
}

/** The trials that this process is to run. */
function chosenTrials(
  all: readonly Trial[],
  { only, arrayIndex, arrayCount }: StudyOptions,
): readonly Trial[] {
  const [index, count] = arrayShare(arrayIndex, arrayCount, all.length);
  const share = all.filter((_, place) => place % count === index);
  if (only === undefined) return share;
  const chosen = matchTrials(share, only);
  if (chosen.length > 0) return chosen;
  throw new ConfigError(`--only ${only} fits none of the ${share.length} trials, such as ${share[0]?.id}.`);
}

/** Which share of the trials a task of a job array has; Slurm's variables count where no option is given. */
function arrayShare(
  givenIndex: number | undefined,
  givenCount: number | undefined,
  trials: number,
): [index: number, count: number] {
  const variable = (name: string, otherwise: number) => {
    const value = Number(process.env[`SLURM_ARRAY_TASK_${name}`]);
    return Number.isSafeInteger(value) ? value : otherwise;
  };
  const task = variable('ID', Number.NaN);
  const underSlurm = givenIndex === undefined && Number.isFinite(task);
  if (givenIndex === undefined && !underSlurm) return [0, 1];
  const [first, step] = [variable('MIN', 0), Math.max(1, variable('STEP', 1))];
  const index = givenIndex ?? (task - first) / step;
  const count = givenCount ?? (underSlurm ? variable('COUNT', trials) : trials);
  if (Number.isInteger(index) && index < count) return [index, count];
  throw new ConfigError(
    `A job array of ${count} tasks has the indices 0 to ${count - 1}, but came with ${index}; set --array-count.`,
  );
}

function trialArgs({ threads, precision, device, quiet }: StudyOptions): string[] {
  return [
    ...['--device', device],
    ...(precision === undefined ? [] : ['--precision', precision]),
    ...(threads === undefined ? [] : ['--threads', String(threads)]),
    ...(quiet ? ['--quiet'] : []),
  ];
}

/** This very command, for the trials' processes. */
function ownProgram(): string[] {
  return [process.execPath, ...process.execArgv, process.argv[1]!];
}

/** Runs work that stops in order at the signals of a terminal, a service manager or a scheduler. */
async function stoppable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const signals = ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const;
  const stop = () => controller.abort();
  for (const signal of signals) process.on(signal, stop);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of signals) process.off(signal, stop);
  }
}

function requireDone(statuses: readonly TrialStatus[], advice: string): void {
  const failed = statuses.filter(({ state }) => state === 'failed');
  if (failed.length === 0) return;
  const [first] = failed;
  throw new TrialsFailedError(
    `${failed.length} of ${statuses.length} trials failed, the first ${first!.id}: ${first!.reason}; ${advice}.`,
  );
}

function statusTable(statuses: readonly TrialStatus[]): string {
  return formatTable({
    columns: ['trial', 'state', 'attempts', 'time (s)', 'host', 'reason'],
    rows: statuses.map(({ id, state, attempts, seconds, host, reason }) => [
      id,
      state,
      attempts,
      Math.round(seconds),
      host,
      reason,
    ]),
  });
}

/** How many trials stand how. */
export function countsOf(statuses: readonly TrialStatus[]): Record<string, number> {
  return Object.fromEntries(
    TRIAL_STATES.map((state) => [state, statuses.filter((one) => one.state === state).length]),
  );
}

/** The same in a sentence. */
export function summaryOf(statuses: readonly TrialStatus[]): string {
  const counts = Object.entries(countsOf(statuses)).filter(([, count]) => count > 0);
  return `${statuses.length} trials: ${counts.map(([state, count]) => `${count} ${state}`).join(', ')}.`;
}

function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
  };
}
