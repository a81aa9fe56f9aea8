/**
 * A study under fire, with real processes and real signals: what test/study/killed-trials.test.ts does within one process.
 *
 *   node --import tsx scripts/check-study.ts
 *
 * Eight tiny trials, two processes at once. Two trials are killed in the middle (SIGKILL); then the study's own process is
 * killed, whose trial must end with it; then all is continued. The table must be that of a study nobody disturbed. At last a
 * pruning study is run tiny (`--smoke`). Exits with 1 and a sentence when something does not hold.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../lib/cli/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'lapidary-check-study-'));
const POLL_MS = 5;
const PATIENCE_MS = 120_000;

const STUDY = `
workflow: train
base:
  data: { source: 'shapes10:5', train: 64, validation: 16, test: 64 }
  model: resnet8
  train: { epochs: 25, batch: 16, schedule: { kind: constant } }
grid:
  rate:
    low: { train.optimizer.rate: 0.01 }
    high: { train.optimizer.rate: 0.1 }
seeds: [0, 1, 2, 3]
measures: [clean]
compare: [[high, low]]
`;
const PRUNING = `
workflow: prune
base:
  model: resnet8
  compare: [{ criterion: l2, ratios: uniform }]
seeds: [0]
parts: { mrs: l2-rank fine-tuned, uniform: l2-uniform fine-tuned }
measures: [clean, pgd, latency]
compare: [[mrs, uniform]]
`;

function require(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', main, 'study', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function codeOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

async function until<T>(what: string, look: () => T | undefined): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await wait(POLL_MS)) {
    const found = look();
    if (found !== undefined) return found;
  }
  throw new Error(`${what} did not happen within ${PATIENCE_MS / 1000} s`);
}

/** The pid of a trial's process, once it is in the middle of its training in the given attempt. */
function midTraining(out: string, name: string, attempt: number): Promise<number> {
  return until(`attempt ${attempt} at ${name}`, () => {
    const trials = join(out, 'trials');
    const id = existsSync(trials) ? readdirSync(trials).find((one) => one.startsWith(name)) : undefined;
    const file = id && join(trials, id, 'attempts', `${attempt}.json`);
    if (id === undefined || file === undefined || !existsSync(file)) return undefined;
    const { trialPid } = JSON.parse(readFileSync(file, 'utf8')) as { trialPid: number | null };
    const log = join(trials, id, 'log.txt');
    const inTheMiddle =
      existsSync(log) && readFileSync(log, 'utf8').split('epoch ').length - 1 >= 3 * attempt;
    return trialPid !== null && inTheMiddle ? trialPid : undefined;
  });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function check(): Promise<void> {
  const file = join(folder, 'study.yaml');
  writeFileSync(file, STUDY);
  const [whole, out] = [join(folder, 'whole'), join(folder, 'killed')];
  require((await codeOf(start('--config', file, '--out', whole))) === 0, 'the undisturbed study failed');

  const workers = [1, 2].map(() => start('--config', file, '--out', out, '--threads', '1'));
  const victims = ['low-seed1', 'high-seed2'].map(async (name) => {
    process.kill(await midTraining(out, name, 1), 'SIGKILL');
  });
  await Promise.all(victims);
  const codes = await Promise.all(workers.map(codeOf));
  require(codes.includes(1), `killed trials must be told by exit code 1, but the codes are ${codes}`);
  const table = (path: string) => readFileSync(join(path, 'table.csv'), 'utf8');
  require(table(out) !== table(whole), 'two trials were killed, and the table is complete');

  const doomed = start('--out', out, '--rerun-failed');
  const orphan = await midTraining(out, 'low-seed1', 2);
  doomed.kill('SIGKILL');
  await codeOf(doomed);
  await until('the end of the trial whose study was killed', () => (isRunning(orphan) ? undefined : true));

  const last = await Promise.all([1, 2].map(() => codeOf(start('--out', out, '--rerun-failed'))));
  require(last.every((code) => code === 0), `the continued study failed: ${last}`);
  require(table(out) === table(whole), `the table differs:\n${table(out)}\ninstead of\n${table(whole)}`);

  const pruning = join(folder, 'pruning.yaml');
  writeFileSync(pruning, PRUNING);
  require((await codeOf(start('--config', pruning, '--smoke'))) ===
    0, 'the smoke test of a pruning study failed');
}

try {
  await check();
  process.stdout.write(
    'A study with killed trials and a killed process ends with the table of an undisturbed one.\n',
  );
} catch (error) {
  process.stderr.write(`check-study: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
