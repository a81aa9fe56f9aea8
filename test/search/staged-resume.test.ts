import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { RunFolder } from '../../lib/index.js';
import { searchSchema } from '../../lib/search/config.js';
import { runSearch } from '../../lib/search/run-search.js';
import { temporaryFolder } from '../temporary-folder.js';

const tiny = {
  data: { source: 'shapes10:4', train: 24, validation: 8, test: 8 },
  space: { name: 'darts', channels: 4, cells: 3, nodes: 2 },
  epochs: 1,
  batch: 8,
};

const staged = {
  ...tiny,
  relaxation: { kind: 'softmax' },
  stages: [
    { relaxation: { kind: 'grouped-softmax' }, keepPerGroup: 1 },
    {
      weightImages: 'all',
      update: { kind: 'single-level' },
      relaxation: {
        kind: 'edge-pairs',
        temperature: { form: 'exponential', from: 10, to: 0.02, reached: 'last' },
      },
    },
  ],
  selector: { kind: 'edge-pairs' },
};

const perturbed = {
  ...tiny,
  space: { ...tiny.space, candidates: ['none', 'skip_connect'] },
  selector: { kind: 'perturbation', tuneEvery: 1 },
};

it.each([
  { name: 'stages', config: staged, stops: ['search, stage 1', 'search, stage 2'], at: 1 },
  { name: 'perturbation', config: perturbed, stops: ['select'], at: 2 },
])('stopped within $name, a search ends with the same bits', async ({ config: given, stops, at }) => {
  const config = searchSchema.parse(given);
  const runUntil = async (run: RunFolder, stop?: string) => {
    const controller = new AbortController();
    let stage = '';
    let advances = 0;
    const progress = {
      stage(title: string) {
        stage = title;
      },
      log() {},
      advance: () => void (stage === stop && ++advances === at && controller.abort()),
    };
    return runSearch(config, { run, progress, signal: controller.signal });
  };
  const whole = await RunFolder.open(join(temporaryFolder(), 'whole'), config);
  const expected = await runUntil(whole);
  const path = join(temporaryFolder(), 'stopped');
  for (const [i, stop] of stops.entries()) {
    const run = await RunFolder.open(path, config, { resume: i > 0 });
    await expect(runUntil(run, stop), stop).rejects.toMatchObject({ code: 'ERR_ABORTED', resumable: true });
  }
  const resumed = await RunFolder.open(path, config, { resume: true });
  expect((await runUntil(resumed)).result).toEqual(expected.result);
  const genotype = (run: RunFolder) => readFileSync(join(run.path, 'genotype.json'), 'utf8');
  expect(genotype(resumed)).toBe(genotype(whole));
});
