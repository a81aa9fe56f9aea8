/**
 * Who works at a trial, where several processes on several machines share a study's folder.
 *
 * Every attempt at a trial is a file `attempts/N.json`, made exclusively: of several processes that try for attempt N one
 * succeeds. Its owner touches it while it works. An attempt that nobody touched for `LEASE_SECONDS`, or whose processes are gone
 * from this machine, is dead, and attempt N + 1 may be claimed. Numbers only grow, so there is no moment at which a stale
 * claim could be taken away from somebody who has just renewed it; and an owner that slept through its lease sees from
 * the later number that it is no longer one.
 */

import { mkdir, readdir, readFile, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

import { FileSystemError, isSystemError } from '../errors.js';
import { createFileAtomic, writeFileAtomic } from '../io/atomic-file.js';

/** So long an attempt counts as alive after its owner last touched it. */
export const LEASE_SECONDS = 120;
const TOUCH_SECONDS = 15;

const attemptSchema = z.object({
  host: z.string(),
  /** Of the process that runs the study. */
  pid: z.int().positive(),
  /** Of the trial's own process; null until it is started. */
  trialPid: z.int().positive().nullable(),
  /** ISO 8601, UTC. */
  startedAt: z.string(),
});

/** The content of an attempt's file. */
export type Attempt = z.infer<typeof attemptSchema>;

/** An attempt that this process owns. */
export class TrialClaim {
  readonly number: number;
  readonly attempt: Attempt;
  readonly #folder: string;
  readonly #timer: NodeJS.Timeout;

  private constructor(folder: string, number: number, attempt: Attempt, onLost: () => void) {
    this.#folder = folder;
    this.number = number;
    this.attempt = attempt;
    this.#timer = setInterval(() => void this.#renew(onLost), TOUCH_SECONDS * 1000);
    this.#timer.unref();
  }

  /**
   * Claims attempt `number` of the trial in `folder`, and keeps it alive until `release()`.
   *
   * @param onLost called when a later attempt has been claimed meanwhile, because this process slept through its lease
   * @returns undefined when another process was first
   */
  static async take(folder: string, number: number, onLost: () => void): Promise<TrialClaim | undefined> {
    const attempt: Attempt = {
      host: hostname(),
      pid: process.pid,
      trialPid: null,
      startedAt: new Date().toISOString(),
    };
    await FileSystemError.during('make', attemptsPath(folder), () =>
      mkdir(attemptsPath(folder), { recursive: true }),
    );
    const made = await createFileAtomic(attemptPath(folder, number), text(attempt));
    return made ? new TrialClaim(folder, number, attempt, onLost) : undefined;
  }

  /** Writes down the trial's own process: while it lives, nobody else begins. */
  async setTrialPid(trialPid: number): Promise<void> {
    await writeFileAtomic(attemptPath(this.#folder, this.number), text({ ...this.attempt, trialPid }));
  }

  /** Whether there is no later attempt. */
  async isCurrent(): Promise<boolean> {
    return (await newestAttempt(this.#folder)) === this.number;
  }

  /** Stops keeping the attempt alive. */
  release(): void {
    clearInterval(this.#timer);
  }

  async #renew(onLost: () => void): Promise<void> {
    if (!(await this.isCurrent().catch(() => true))) {
      onLost();
      return;
    }
    const now = new Date();
    // A file system that fails for a moment costs one renewal of several within the lease.
    await utimes(attemptPath(this.#folder, this.number), now, now).catch(() => {});
  }
}

/** The number of the newest attempt at the trial in `folder`; 0 when there is none. */
export async function newestAttempt(folder: string): Promise<number> {
  try {
    const numbers = (await readdir(attemptsPath(folder))).flatMap((name) => {
      const match = /^(\d+)\.json$/.exec(name);
      return match === null ? [] : [Number(match[1])];
    });
    return Math.max(0, ...numbers);
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return 0;
    throw FileSystemError.from(error, 'list', attemptsPath(folder));
  }
}

/** Whether somebody still works at an attempt, and who. */
export async function lookAtAttempt(
  folder: string,
  number: number,
): Promise<{ alive: boolean; attempt: Attempt | undefined }> {
  const path = attemptPath(folder, number);
  const [content, touched] = await FileSystemError.during('read', path, () =>
    Promise.all([readFile(path, 'utf8'), stat(path)]),
  );
  const parsed = attemptSchema.safeParse(json(content));
  const fresh = Date.now() - touched.mtimeMs < LEASE_SECONDS * 1000;
  if (!parsed.success) return { alive: fresh, attempt: undefined };
  const { host, pid, trialPid } = parsed.data;
  // The processes of another machine cannot be looked at: there, the lease alone decides.
  const running = host !== hostname() || isRunning(pid) || (trialPid !== null && isRunning(trialPid));
  return { alive: fresh && running, attempt: parsed.data };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, as somebody else.
    return isSystemError(error) && error.code === 'EPERM';
  }
}

function attemptsPath(folder: string): string {
  return join(folder, 'attempts');
}

function attemptPath(folder: string, number: number): string {
  return join(attemptsPath(folder), `${number}.json`);
}

function text(attempt: Attempt): string {
  return `${JSON.stringify(attempt)}\n`;
}

function json(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
