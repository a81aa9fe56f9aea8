import { spawnSync } from 'node:child_process';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LEASE_SECONDS, newestAttempt, TrialClaim } from '../../lib/study/trial-claim.js';
import { pendingStatus, readTrialStatus, writeTrialStatus } from '../../lib/study/trial-status.js';
import { temporaryFolder } from '../temporary-folder.js';

const startedAt = '2026-01-01T00:00:00.000Z';

/** The pid of a process that has ended. */
const gone = spawnSync(process.execPath, ['--version']).pid;

function leaveAttempt(folder: string, attempt: object, ageSeconds = 0): void {
  mkdirSync(join(folder, 'attempts'), { recursive: true });
  const path = join(folder, 'attempts', '1.json');
  writeFileSync(path, JSON.stringify({ pid: gone, trialPid: null, startedAt, ...attempt }));
  const touched = new Date(Date.now() - ageSeconds * 1000);
  utimesSync(path, touched, touched);
}

it('of many that claim an attempt at once, one gets it', async () => {
  const folder = temporaryFolder();
  const claims = await Promise.all(Array.from({ length: 20 }, () => TrialClaim.take(folder, 1, () => {})));
  const got = claims.filter((claim) => claim !== undefined);
  expect(got).toHaveLength(1);
  expect(await newestAttempt(folder)).toBe(1);
  const later = await TrialClaim.take(folder, 2, () => {});
  expect(await got[0]!.isCurrent()).toBe(false);
  expect(await later!.isCurrent()).toBe(true);
  for (const claim of [...got, later!]) claim.release();
});

it.each([
  ['runs while its process does', { host: hostname(), pid: process.pid }, 0, 'running'],
  ['runs while the trial itself does', { host: hostname(), trialPid: process.pid }, 0, 'running'],
  ['was stopped when both are gone from this machine', { host: hostname() }, 0, 'stopped'],
  ['runs on another machine while its lease lasts', { host: 'elsewhere' }, 0, 'running'],
  ['was stopped when that lease is over', { host: 'elsewhere' }, LEASE_SECONDS + 1, 'stopped'],
])('a trial %s', async (_, attempt, age, state) => {
  const folder = temporaryFolder();
  leaveAttempt(folder, attempt, age);
  await writeTrialStatus(folder, { ...pendingStatus('a'), state: 'running', attempts: 1 });
  expect(await readTrialStatus(folder, 'a')).toMatchObject({ state, attempts: 1 });
});

it('what an ended attempt wrote holds, and a damaged status is named', async () => {
  const folder = temporaryFolder();
  leaveAttempt(folder, { host: hostname() });
  await writeTrialStatus(folder, { ...pendingStatus('a'), state: 'failed', reason: 'because', attempts: 1 });
  expect(await readTrialStatus(folder, 'a')).toMatchObject({ state: 'failed', reason: 'because' });
  writeFileSync(join(folder, 'status.json'), '{"state": "don');
  await expect(readTrialStatus(folder, 'a')).rejects.toMatchObject({
    code: 'ERR_FILE_FORMAT',
    message: expect.stringContaining('status.json'),
  });
});
