import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { resolveStudyConfig } from '../../lib/study/config.js';
import { expandStudy, matchTrials } from '../../lib/study/trials.js';
import { temporaryFolder } from '../temporary-folder.js';
import { tinyStudy } from './tiny-study.js';

it('cells take one setting of each axis; trials have every seed and a configuration of their own', async () => {
  const grid = {
    objective: { plain: {}, fast: { 'train.objective': { kind: 'fast', epsilon: 0.02 } } },
    length: { short: {}, long: { 'train.epochs': 9 } },
  };
  const { cells, trials, rows } = await expandStudy(
    tinyStudy({ grid, compare: [['fast-long', 'plain-long']] }),
  );
  expect(cells.map(({ name }) => name)).toEqual(['plain-short', 'plain-long', 'fast-short', 'fast-long']);
  expect(rows.map(({ name }) => name)).toEqual(cells.map(({ name }) => name));
  expect(trials).toHaveLength(8);
  expect(new Set(trials.map(({ id }) => id)).size).toBe(8);
  expect(trials.at(-1)).toMatchObject({
    id: expect.stringMatching(/^fast-long-seed1-[0-9a-f]{8}$/),
    seed: 1,
    config: {
      seed: 1,
      train: { epochs: 9, batch: 16, objective: { kind: 'fast', epsilon: 0.02, step: 1.25 } },
    },
  });
});

it('an id follows the configuration, not the order of keys', async () => {
  const ids = async (base: object) =>
    (await expandStudy(tinyStudy({ base, grid: {}, compare: [] }))).trials.map(({ id }) => id);
  const data = { source: 'shapes10', train: 32 };
  const first = await ids({ model: 'resnet8', data });
  expect(await ids({ data, model: 'resnet8' })).toEqual(first);
  expect(await ids({ data, model: 'resnet20' })).not.toEqual(first);
});

it('several rows come from one trial where there are parts', async () => {
  const study = tinyStudy({
    workflow: 'prune',
    base: { compare: [{ criterion: 'l2', ratios: 'uniform' }] },
    grid: {},
    parts: { mrs: 'l2-rank fine-tuned', uniform: 'l2-uniform fine-tuned' },
    measures: ['pgd', 'latency'],
    compare: [['mrs', 'uniform']],
  });
  const { trials, rows } = await expandStudy(study);
  expect(trials).toHaveLength(2);
  expect(rows.map(({ name, prefix }) => [name, prefix])).toEqual([
    ['mrs', 'l2-rank fine-tuned.'],
    ['uniform', 'l2-uniform fine-tuned.'],
  ]);
});

it.each([
  [
    'an unknown key of a cell',
    { grid: { a: { b: { 'train.epoch': 3 } } } },
    /Cell b: .*did you mean train.epochs/,
  ],
  [
    'settings that change nothing',
    { grid: { a: { b: {}, c: {} } }, compare: [] },
    /b and c are the same run/,
  ],
  ['a comparison with no row', { compare: [['high', 'lou']] }, /names lou.*did you mean low/],
  ['a measure that there will not be', { measures: ['claen'] }, /no measure claen.*did you mean clean/],
  ['an axis without settings', { grid: { a: {} } }, /grid\.a has no settings/],
])('refuses %s', async (_, changes, message) => {
  await expect(expandStudy(tinyStudy(changes))).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringMatching(message),
  });
});

it('patterns choose trials', async () => {
  const { trials } = await expandStudy(tinyStudy());
  const seeds = (pattern: string) =>
    matchTrials(trials, pattern).map(({ cell, seed }) => `${cell.name}${seed}`);
  expect(seeds('high')).toEqual(['high0', 'high1']);
  expect(seeds('*-seed1-*')).toEqual(['low1', 'high1']);
  expect(seeds('seed?')).toEqual([]);
});

it('the base may be another file, and --set reaches into it', async () => {
  const folder = temporaryFolder();
  writeFileSync(
    join(folder, 'base.yaml'),
    'model: resnet8\ntrain: { epochs: 4, objective: { kind: fast } }\n',
  );
  writeFileSync(join(folder, 'study.yaml'), 'workflow: train\nbase: base.yaml\nmeasures: [clean]\n');
  const config = await resolveStudyConfig(join(folder, 'study.yaml'), ['base.train.epochs=2', 'seeds=[5]']);
  expect(config).toMatchObject({
    base: { model: 'resnet8', train: { epochs: 2, objective: { kind: 'fast' } } },
    seeds: [5],
  });
  await expect(resolveStudyConfig(join(folder, 'study.yaml'), ['seeds=[1, 1]'])).rejects.toThrow(
    /seeds that differ/,
  );
});
