/** `status.json` of a trial: how it stands, written in one step by whoever owns its newest attempt. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import { FileFormatError, FileSystemError, isSystemError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic-file.js';
import { lookAtAttempt, newestAttempt } from './trial-claim.js';

export const TRIAL_STATES = ['pending', 'running', 'done', 'failed', 'stopped'] as const;

export const trialStatusSchema = z.object({
  schemaVersion: z.literal(1),
  id: z.string(),
  /** `stopped`: by a signal, or its machine went away; it is continued. `failed`: only with `--rerun-failed`. */
  state: z.enum(TRIAL_STATES),
  /** Why it failed or was stopped. */
  reason: z.string().nullable(),
  /** How often it was begun or continued. */
  attempts: z.int().nonnegative(),
  host: z.string().nullable(),
  pid: z.int().positive().nullable(),
  /** Of the last attempt, ISO 8601, UTC. */
  startedAt: z.string().nullable(),
  endedAt: z.string().nullable(),
  /** Wall-clock seconds of all attempts that ended. */
  seconds: z.number().nonnegative(),
});

/** The content of `status.json`. */
export type TrialStatus = z.infer<typeof trialStatusSchema>;

const STATUS_FILE = 'status.json';

/** The status of a trial that nobody has begun. */
export function pendingStatus(id: string): TrialStatus {
  return {
    schemaVersion: 1,
    id,
    state: 'pending',
    reason: null,
    attempts: 0,
    host: null,
    pid: null,
    startedAt: null,
    endedAt: null,
    seconds: 0,
  };
}

/** Writes the status of the trial in `folder`. @throws FileSystemError */
export async function writeTrialStatus(folder: string, status: TrialStatus): Promise<void> {
  await writeFileAtomic(join(folder, STATUS_FILE), `${JSON.stringify(status, null, 2)}\n`);
}

/**
 * How a trial stands: what its status says, or, where its newest attempt has not ended, whether somebody works at it.
 *
 * @throws FileFormatError when the status is damaged; FileSystemError
 */
export async function readTrialStatus(folder: string, id: string): Promise<TrialStatus> {
  const number = await newestAttempt(folder);
  const written = (await statusIfThere(join(folder, STATUS_FILE))) ?? pendingStatus(id);
  if (number === 0) return written;
  const ended = written.attempts === number && written.state !== 'running' && written.state !== 'pending';
  if (ended) return written;
  const { alive, attempt } = await lookAtAttempt(folder, number);
  // It may have ended between the two looks.
  const again = (await statusIfThere(join(folder, STATUS_FILE))) ?? written;
  if (again.attempts >= number && again.state !== 'running' && again.state !== 'pending') return again;
  const { host = null, pid = null, startedAt = null } = attempt ?? {};
  return {
    ...written,
    state: alive ? 'running' : 'stopped',
    reason: alive ? null : `the process that ran it on ${host ?? 'another machine'} ended without a word`,
    attempts: number,
    host,
    pid,
    startedAt,
    endedAt: null,
  };
}

async function statusIfThere(path: string): Promise<TrialStatus | undefined> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return undefined;
    throw FileSystemError.from(error, 'read', path);
  }
  const result = trialStatusSchema.safeParse(json(content));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new FileFormatError(
    `${path}: expected the status of a trial, but ${issue?.path.join('.') || 'the file'}: ${issue?.message}; remove the file to run the trial again.`,
  );
}

function json(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
