import { expect, it } from 'vitest';
import { nasBench201FromString } from '../../lib/nn/nas-bench-201-string.js';
import { searchSchema } from '../../lib/search/config.js';
import type { OwnTable } from '../../lib/search/tables/own-table.js';
import type { TrialOutcome } from '../../lib/study/analysis.js';
import { PlanClock } from '../../lib/study/plan-clock.js';
import { compareSearches, comparisonSchema, studyOf } from '../../lib/study/search-comparison.js';
import { comparisonTable } from '../../lib/study/search-comparison-report.js';
import type { StudyFolder } from '../../lib/study/study-folder.js';
import { expandStudy, type Study } from '../../lib/study/trials.js';
import { searchWorkflow } from '../../lib/study/workflows/search.js';

const data = { source: 'shapes10:4?size=16', train: 64, validation: 16, test: 16 };
const comparison = comparisonSchema.parse({
  methods: {
    darts: {},
    'beta-darts': {},
    fast: { method: 'gdas', 'architecture.rate': 0.01 },
    random: {},
  },
  base: { data, space: { name: 'nas-bench-201', channels: 4, cells: 1 }, epochs: 3, batch: 8 },
  table: 'table.json',
  seeds: [0, 1],
});

const convolutions =
  '|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|';
const skips =
  '|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|';
const pools =
  '|avg_pool_3x3~0|+|avg_pool_3x3~0|avg_pool_3x3~1|+|avg_pool_3x3~0|avg_pool_3x3~1|avg_pool_3x3~2|';
const table: OwnTable = {
  schemaVersion: 1,
  space: {},
  recipeSha256: '0'.repeat(64),
  rows: [
    { arch: convolutions, seed: 0, valid: 0.8, test: 0.7, parameters: 2, macs: 2 },
    { arch: skips, seed: 0, valid: 0.3, test: 0.2, parameters: 1, macs: 1 },
  ],
};

/** What each method found with each seed; null: not done. */
const found: Record<string, readonly (string | null)[]> = {
  darts: [skips, skips],
  'beta-darts': [convolutions, pools],
  fast: [convolutions, null],
  random: [skips, convolutions],
};

function outcomesOf({ trials }: Study): TrialOutcome[] {
  return trials.map((trial) => {
    const arch = found[trial.cell.name]![trial.seed]!;
    const result =
      arch === null
        ? undefined
        : {
            schemaVersion: 1 as const,
            workflow: 'search',
            configSha256: trial.configSha256,
            seed: trial.seed,
            measures: { collapsed: Number(arch === skips), skipShare: 0, tau: 0.5 },
            timings: { search: 2000 },
            resources: { memory: 1e6 },
            details: { genotype: nasBench201FromString(arch) },
          };
    return { trial, status: {} as never, result };
  });
}

it('methods stand under their classes, with what the table says of their cells', async () => {
  const study = await expandStudy(studyOf(comparison));
  const folder = { study } as StudyFolder;
  const { groups, missingCells } = compareSearches(folder, outcomesOf(study), table);
  expect(groups.map(({ title, methods }) => [title, methods.map(({ name }) => name)])).toEqual([
    [expect.stringMatching(/^Class I:/), ['beta-darts']],
    ['Not classified by the survey', ['darts', 'fast', 'random']],
  ]);
  const method = (name: string) => groups.flatMap(({ methods }) => methods).find((one) => one.name === name)!;
  expect(method('darts')).toMatchObject({
    accuracy: { summary: { n: 2, mean: 0.2, deviation: 0 } },
    regret: { summary: { mean: expect.closeTo(0.5) } },
    percentile: { summary: { mean: 25 } },
    collapsed: { summary: { mean: 1 } },
    seconds: { summary: { mean: 2 } },
  });
  expect(method('beta-darts')).toMatchObject({ accuracy: { values: [0.7] }, missingCells: [pools] });
  expect(method('fast')).toMatchObject({
    done: [0],
    missing: [1],
    preset: { title: expect.stringMatching(/GDAS/) },
  });
  expect(missingCells).toEqual([pools]);
  const shown = comparisonTable({ groups, missingCells, table: 'table.json' });
  const row = (name: string) => shown.rows.find(([first]) => first === `  ${name}`)!;
  expect(row('beta-darts').slice(0, 4)).toEqual(['  beta-darts', 'I, II', '2', '70 (1)']);
  expect(row('fast').slice(0, 4)).toEqual(['  fast', null, '1 of 2', '70']);
});

it('all methods share space and length, but for those that train no search network', async () => {
  const { trials } = await expandStudy(studyOf(comparison));
  const config = (name: string) => searchSchema.parse(trials.find(({ cell }) => cell.name === name)!.config);
  expect(config('darts')).toMatchObject({ epochs: 3, batch: 8, table: 'table.json', space: { channels: 4 } });
  expect(config('fast')).toMatchObject({ method: 'gdas', architecture: { rate: 0.01 } });
  expect(config('random')).toMatchObject({ epochs: 0, selector: { kind: 'random-search' } });
  expect(() => studyOf({ ...comparison, methods: ['dart'] })).toThrow(/did you mean darts/);
});

it('a plan times what a search will do: steps before and after the architecture moves, selection, retraining', async () => {
  const config = searchSchema.parse({
    data,
    space: { name: 'nas-bench-201', channels: 4, cells: 1 },
    epochs: 4,
    batch: 8,
    architecture: { start: 1 },
    selector: { kind: 'perturbation', tuneEvery: 1 },
    retrain: { train: { objective: { kind: 'standard' }, epochs: 2, batch: 8 } },
  });
  const { stages, diskBytes } = await searchWorkflow.cost(config, new PlanClock());
  const names = ['open data', 'search: weights alone', 'search', 'search: validate', 'select'];
  expect(stages.map(({ name }) => name)).toEqual([...names, 'retrain', 'retrain: validate', 'test']);
  const seconds = (name: string) => stages.find((stage) => stage.name === name)!.seconds;
  expect(seconds('search')).toBeGreaterThan(seconds('search: weights alone'));
  expect(seconds('select')).toBeGreaterThan(0);
  expect(diskBytes).toBeGreaterThan(0);
  const shrunk = searchWorkflow.shrink(config);
  expect(shrunk).toMatchObject({ epochs: 1, architecture: { start: 0 }, selector: { tuneEvery: 1 } });
  expect(searchWorkflow.measures(config)).toEqual(
    expect.arrayContaining(['supernet', 'clean', 'search', 'memory']),
  );
});
