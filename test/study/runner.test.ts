import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { jsonSha256 } from '../../lib/io/json-digest.js';
import { runTrials } from '../../lib/study/runner.js';
import { StudyFolder } from '../../lib/study/study-folder.js';
import { temporaryFolder } from '../temporary-folder.js';
import { tinyStudy } from './tiny-study.js';

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const oneTrial = tinyStudy({ grid: {}, seeds: [0], compare: [] });

/** A study of one trial, whose command is the given JavaScript. */
async function studyOf(script: string, config = oneTrial) {
  const path = temporaryFolder();
  const folder = await StudyFolder.make(join(path, 'study'), config);
  writeFileSync(join(path, 'command.mjs'), script);
  return { folder, program: [process.execPath, '--import', tsx, join(path, 'command.mjs')] };
}

it.each([
  [
    'that tells why',
    `console.log('{"ok":false,"error":{"code":"X","message":"no such data"}}'); process.exit(1)`,
    'no such data',
  ],
  ['that says nothing', 'process.exit(3)', /^exit code 3; .*log\.txt/],
  ['without a result', '', /result\.json.*ENOENT/],
])('a trial %s has failed', async (_, script, reason) => {
  const { folder, program } = await studyOf(script);
  const [status] = await runTrials(folder, { program });
  expect(status).toMatchObject({ state: 'failed', attempts: 1, reason: expect.stringMatching(reason) });
  // Once in each call, and only when it is asked for.
  expect(await runTrials(folder, { program })).toMatchObject([{ attempts: 1 }]);
  expect(await runTrials(folder, { program, rerunFailed: true })).toMatchObject([{ attempts: 2 }]);
});

it('a result of another configuration is none', async () => {
  const { folder, program } = await studyOf(`
    import { mkdirSync, writeFileSync } from 'node:fs';
    const out = process.argv[process.argv.indexOf('--out') + 1];
    mkdirSync(out);
    writeFileSync(out + '/result.json', JSON.stringify({ schemaVersion: 1, workflow: 'train', configSha256: '${jsonSha256({})}',
      seed: 0, measures: {}, timings: {}, details: null }));
  `);
  expect(await runTrials(folder, { program })).toMatchObject([
    { state: 'failed', reason: 'its result is of another configuration' },
  ]);
});

it('the command gets the trial as options, and its messages go to the log', async () => {
  const { folder, program } = await studyOf(
    'process.stderr.write(process.argv.slice(2).join(" ")); process.exit(1)',
  );
  await runTrials(folder, { program, trialArgs: ['--threads', '1'] });
  const trial = folder.study.trials[0]!;
  expect(readFileSync(folder.logPath(trial), 'utf8')).toBe(
    `train --config ${folder.trialConfigPath(trial)} --out ${folder.runPath(trial)} --resume --json --threads 1`,
  );
});

it('a study that is told to stop tells its trial, and both can go on', async () => {
  const { folder, program } = await studyOf(
    `process.on('SIGTERM', () => process.exit(75)); process.stdout.write('.'); setInterval(() => {}, 1000);`,
    tinyStudy({ grid: {}, seeds: [0, 1], compare: [] }),
  );
  const controller = new AbortController();
  const progress = {
    stage() {},
    advance() {},
    log: (line: string) => void (line.includes('started') && controller.abort()),
  };
  const run = runTrials(folder, { program, progress, signal: controller.signal });
  await expect(run).rejects.toMatchObject({ code: 'ERR_ABORTED', resumable: true });
  const [first, second] = await Promise.all(folder.study.trials.map((trial) => folder.status(trial)));
  expect(first).toMatchObject({ state: 'stopped', attempts: 1, reason: expect.stringMatching(/checkpoint/) });
  expect(second).toMatchObject({ state: 'pending', attempts: 0 });
});

it('a trial that was told to stop by somebody else stops the study', async () => {
  const { folder, program } = await studyOf('process.exit(75)');
  await expect(runTrials(folder, { program })).rejects.toMatchObject({
    code: 'ERR_ABORTED',
    resumable: true,
  });
  expect(await folder.status(folder.study.trials[0]!)).toMatchObject({
    state: 'stopped',
    reason: 'stopped after a checkpoint',
  });
});

it('a folder is opened again only with an equal configuration, and says what differs', async () => {
  const path = join(temporaryFolder(), 'study');
  await StudyFolder.make(path, tinyStudy());
  expect((await StudyFolder.open(path)).study.trials).toHaveLength(4);
  await StudyFolder.make(path, tinyStudy());
  await expect(
    StudyFolder.make(path, tinyStudy({ seeds: [0, 1, 2], measures: ['steps'] })),
  ).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringMatching(/seeds\.2: nothing, now 2; measures\.0: \{.*clean.*\}, now "steps"/),
  });
  await expect(StudyFolder.open(join(path, 'trials'))).rejects.toMatchObject({ code: 'ERR_CONFIG' });
});
