/** Works through the trials of a study, one after the other, beside any number of other processes that do the same. */

import { AbortedError } from '../errors.js';
import { type ProgressSink, silentProgress } from '../train/progress-sink.js';
import type { StudyFolder } from './study-folder.js';
import { TrialClaim } from './trial-claim.js';
import { runTrialProcess, type TrialExit } from './trial-process.js';
import { type TrialStatus, writeTrialStatus } from './trial-status.js';
import type { Trial } from './trials.js';

export interface StudyRunOptions {
  /** The `lapidary` command: Node, its options, and the script. */
  readonly program: readonly string[];
  /** Options for every trial's command, such as `--threads 1`. */
  readonly trialArgs?: readonly string[];
  /** The trials to run; by default all. */
  readonly trials?: readonly Trial[];
  /** Whether trials that have failed are run again, from their last checkpoints: each once. */
  readonly rerunFailed?: boolean;
  /** Once it is aborted, the running trial writes a checkpoint, and the study stops. */
  readonly signal?: AbortSignal;
  readonly progress?: ProgressSink;
}

/** The exit code of a trial that was stopped after a checkpoint. */
const RESUMABLE = 75;

/**
 * Runs what is left of a study: trials that nobody has begun, or that were stopped. What another process works at is left
 * to it.
 *
 * @returns how the trials stand now
 * @throws AbortedError, resumable, when the study was stopped
 */
export async function runTrials(folder: StudyFolder, options: StudyRunOptions): Promise<TrialStatus[]> {
  const { trials = folder.study.trials, rerunFailed = false, signal, progress = silentProgress } = options;
  const before = new Map<Trial, TrialStatus>();
  for (const trial of trials) before.set(trial, await folder.status(trial));
  const done = [...before.values()].filter(({ state }) => state === 'done').length;
  progress.stage('trials', { total: trials.length, done, unit: 'trials' });
  const isDue = (trial: Trial, { state, attempts }: TrialStatus) =>
    state === 'pending' ||
    state === 'stopped' ||
    // What has failed since this process began has had its chance.
    (rerunFailed && state === 'failed' && attempts <= before.get(trial)!.attempts);
  // Another process may stop and leave a trial behind one that was passed, so until nothing is left to take.
  for (let worked = true; worked; ) {
    worked = false;
    for (const trial of trials) {
      if (signal?.aborted) throw stopped(signal);
      const status = await folder.status(trial);
      if (!isDue(trial, status)) continue;
      worked = (await runTrial(folder, trial, status, options)) || worked;
    }
  }
  return Promise.all(trials.map((trial) => folder.status(trial)));
}

/** @returns whether this process got the trial to run */
async function runTrial(
  folder: StudyFolder,
  trial: Trial,
  before: TrialStatus,
  { program, trialArgs = [], signal, progress = silentProgress }: StudyRunOptions,
): Promise<boolean> {
  const path = folder.trialPath(trial);
  const lost = new AbortController();
  const claim = await TrialClaim.take(path, before.attempts + 1, () => lost.abort());
  if (claim === undefined) return false;
  try {
    const { host, pid, startedAt } = claim.attempt;
    const running: TrialStatus = {
      ...before,
      state: 'running',
      reason: null,
      attempts: claim.number,
      host,
      pid,
      startedAt,
      endedAt: null,
    };
    await writeTrialStatus(path, running);
    progress.log(`${trial.id}: ${claim.number === 1 ? 'started' : `attempt ${claim.number}`}`);
    const exit = await runTrialProcess({
      program,
      args: [
        folder.study.config.workflow,
        ...['--config', folder.trialConfigPath(trial), '--out', folder.runPath(trial), '--resume', '--json'],
        ...trialArgs,
      ],
      log: folder.logPath(trial),
      onStart: (pid) => claim.setTrialPid(pid),
      stop: signal,
      kill: lost.signal,
    });
    if (!(await claim.isCurrent())) return true; // somebody else's by now
    const { state, reason } = await outcomeOf(exit, folder, trial, signal);
    const seconds = before.seconds + (Date.now() - Date.parse(startedAt)) / 1000;
    await writeTrialStatus(path, { ...running, state, reason, endedAt: new Date().toISOString(), seconds });
    progress.log(`${trial.id}: ${state}${reason === null ? '' : `, ${reason}`}`);
    if (state === 'done') progress.advance(1);
    // Whoever tells a trial to stop, a scheduler say, means the study.
    if (state === 'stopped') throw stopped(signal);
    return true;
  } finally {
    claim.release();
  }
}

async function outcomeOf(
  { code, signal: killedBy, message }: TrialExit,
  folder: StudyFolder,
  trial: Trial,
  stop: AbortSignal | undefined,
): Promise<Pick<TrialStatus, 'state' | 'reason'>> {
  if (code === RESUMABLE) return { state: 'stopped', reason: 'stopped after a checkpoint' };
  if (killedBy !== null) {
    return stop?.aborted
      ? { state: 'stopped', reason: `ended by ${killedBy}, goes on from its last checkpoint` }
      : { state: 'failed', reason: `killed by ${killedBy}` };
  }
  if (code !== 0) {
    return { state: 'failed', reason: message ?? `exit code ${code}; ${folder.logPath(trial)} says more` };
  }
  const { fault } = await folder.result(trial);
  return fault === undefined ? { state: 'done', reason: null } : { state: 'failed', reason: fault };
}

function stopped(signal: AbortSignal | undefined): AbortedError {
  return new AbortedError('The study was stopped. The same command continues it.', {
    cause: signal?.reason,
    resumable: true,
  });
}
