import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { resolveConfig } from '../../lib/config.js';
import { pruneSchema } from '../../lib/prune/config.js';
import { searchDefaults, searchSchema } from '../../lib/search/config.js';
import { TABLE_DEFAULTS, tableSchema, tableTrials } from '../../lib/search/tables/train-table.js';
import { resolveStudyConfig } from '../../lib/study/config.js';
import { comparisonSchema, studyOf } from '../../lib/study/search-comparison.js';
import { expandStudy } from '../../lib/study/trials.js';
import { trainSchema } from '../../lib/train/training-run.js';

const file = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));

it('the example configurations are right', async () => {
  const train = await resolveConfig(trainSchema, { file: file('cifar10-resnet20.yaml') });
  expect(train).toMatchObject({
    model: 'resnet20',
    train: { epochs: 15, batch: 128, objective: { kind: 'standard' } },
  });
  const darts = await resolveConfig(trainSchema, { file: file('cifar10-darts-v2.yaml') });
  expect(darts).toMatchObject({
    model: { genotype: 'DARTS_V2', channels: 36, cells: 20 },
    train: { objective: { kind: 'standard' }, augmentation: { cutout: 16 }, dropPath: { rate: 0.2 } },
  });
  const prune = await resolveConfig(pruneSchema, { file: file('cifar10-prune.yaml') });
  expect(prune).toMatchObject({
    model: 'resnet8',
    prune: { budget: 0.5, ratios: 'rank' },
    finetune: { objective: { kind: 'trades' } },
  });
  expect(prune.evaluation.epsilon).toBe(8 / 255);
});

it.each([
  ['search-nas-bench-201.yaml', { method: 'beta-darts', regularizers: [{ kind: 'logsumexp' }], epochs: 20 }],
  ['search-darts-small.yaml', { diagnostics: { eigenvalueEvery: 1 } }],
  ['search-darts.yaml', { method: 'darts', retrain: { train: { dropPath: { rate: 0.2 } } } }],
])('the example search %s is right', async (name, expected) => {
  const config = await resolveConfig(searchSchema, { defaults: searchDefaults, file: file(name) });
  expect(config).toMatchObject(expected);
});

it.each([
  ['study-prune-resnet20.yaml', 3, ['dense', 'mrs', 'uniform']],
  ['study-prune-resnet20-full.yaml', 15, ['macs50/dense', 'macs50/mrs', 'macs50/uniform']],
])('the example study %s is right', async (name, trials, rows) => {
  const study = await expandStudy(await resolveStudyConfig(file(name), []));
  expect(study.trials).toHaveLength(trials);
  expect(study.rows.map((row) => row.name)).toEqual(expect.arrayContaining(rows));
});

it('the example table and comparisons are right', async () => {
  const table = await resolveConfig(tableSchema, {
    defaults: TABLE_DEFAULTS,
    file: file('search-table-201.yaml'),
  });
  expect(tableTrials(table)).toHaveLength(140);
  const comparison = async (name: string) =>
    expandStudy(studyOf(await resolveConfig(comparisonSchema, { file: file(name) })));
  const small = await comparison('search-compare-201.yaml');
  expect([small.cells.length, small.trials.length]).toEqual([9, 36]);
  const full = await comparison('search-compare-201-full.yaml');
  expect(full.config.measures).toContainEqual(expect.objectContaining({ name: 'clean' }));
});
