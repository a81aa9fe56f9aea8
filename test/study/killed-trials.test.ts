import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { RunFolder } from '../../lib/io/run-folder.js';
import { collectStudy } from '../../lib/study/collect.js';
import { runTrials } from '../../lib/study/runner.js';
import { StudyFolder } from '../../lib/study/study-folder.js';
import { TrialClaim } from '../../lib/study/trial-claim.js';
import { writeTrialStatus } from '../../lib/study/trial-status.js';
import { runTraining, trainSchema } from '../../lib/train/training-run.js';
import { temporaryFolder } from '../temporary-folder.js';
import { tinyStudy } from './tiny-study.js';

const here = (path: string) => new URL(path, import.meta.url);
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
/** The command from source, with trials that die when the environment says so. */
const program = [
  process.execPath,
  ...['--import', tsx, '--import', here('./dying-trial.ts').href],
  fileURLToPath(here('../../lib/cli/main.ts')),
];

const config = tinyStudy({ seeds: [0, 1, 2, 3] });
const read = (folder: StudyFolder, name: string) => readFileSync(join(folder.path, name), 'utf8');

/** The same study, run in this process without a disturbance. */
async function undisturbed(): Promise<StudyFolder> {
  const folder = await StudyFolder.make(join(temporaryFolder(), 'whole'), config);
  for (const trial of folder.study.trials) {
    const claim = await TrialClaim.take(folder.trialPath(trial), 1, () => {});
    const run = await RunFolder.open(folder.runPath(trial), trial.config);
    await runTraining(trainSchema.parse(trial.config), { run });
    const status = await folder.status(trial);
    await writeTrialStatus(folder.trialPath(trial), { ...status, state: 'done', attempts: 1 });
    claim?.release();
  }
  await collectStudy(folder);
  return folder;
}

it('8 trials, two of them killed, two workers: after --rerun-failed the table of an undisturbed study', async () => {
  process.env.LAPIDARY_TEST_DOOMED = 'low-seed1,high-seed2';
  const folder = await StudyFolder.make(join(temporaryFolder(), 'killed'), config);
  const twoWorkers = async (rerunFailed: boolean) => {
    const work = () => runTrials(folder, { program, trialArgs: ['--threads', '1'], rerunFailed });
    await Promise.all([work(), work()]);
    const outcomes = await Promise.all([collectStudy(folder), collectStudy(folder)]);
    return outcomes[0].trials.map(({ status }) => status);
  };

  const first = await twoWorkers(false);
  const failed = first.filter(({ state }) => state !== 'done');
  expect(failed.map(({ id, state, reason }) => [id.slice(0, -9), state, reason])).toEqual([
    ['low-seed1', 'failed', 'killed by SIGKILL'],
    ['high-seed2', 'failed', 'killed by SIGKILL'],
  ]);
  // It was in the middle: there is a checkpoint, and no result.
  const killed = folder.study.trials.find(({ id }) => id === failed[0]!.id)!;
  expect(existsSync(join(folder.runPath(killed), 'checkpoints/step-3'))).toBe(true);
  expect(existsSync(join(folder.runPath(killed), 'result.json'))).toBe(false);
  // Nothing is dropped in silence.
  expect(read(folder, 'table.csv')).toMatch(/^low,,clean,1,3,/m);
  expect(read(folder, 'table.tex')).toContain('Incomplete');
  expect(read(folder, 'report.html')).toMatch(/Trials that are not done[\s\S]*killed by SIGKILL/);

  const second = await twoWorkers(true);
  expect(second.every(({ state }) => state === 'done')).toBe(true);
  expect(second.map(({ attempts }) => attempts)).toEqual([1, 2, 1, 1, 1, 1, 2, 1]);
  expect(readFileSync(folder.logPath(killed), 'utf8')).toContain('Going on from');
  const whole = await undisturbed();
  expect(read(folder, 'table.csv')).toBe(read(whole, 'table.csv'));
  expect(read(folder, 'table.tex')).toBe(read(whole, 'table.tex'));

  // A result that somebody damaged is named, and run again from the last checkpoint.
  const result = join(folder.runPath(killed), 'result.json');
  const bytes = readFileSync(result);
  writeFileSync(result, bytes.subarray(0, 40));
  expect(await folder.status(killed)).toMatchObject({
    state: 'failed',
    reason: expect.stringMatching(/result\.json/),
  });
  writeFileSync(result, bytes);
  // A finished study has nothing left to run.
  const again = await runTrials(folder, { program: ['no-such-program'], rerunFailed: true });
  expect(again).toEqual(second);
}, 240_000);
