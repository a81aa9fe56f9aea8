import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { RunFolder } from '../../lib/io/run-folder.js';
import { eventFiles, readEvents } from '../../lib/io/tensorboard.js';
import { loadModel } from '../../lib/train/model-file.js';
import { runTraining, type TrainConfig, trainSchema } from '../../lib/train/training-run.js';
import { temporaryFolder } from '../temporary-folder.js';
import { digestOf } from './tiny.js';

function config(changes: Record<string, unknown> = {}): TrainConfig {
  return trainSchema.parse({
    data: { source: 'shapes10:5', train: 64, validation: 32, test: 32 },
    model: 'resnet8',
    seed: 3,
    train: { objective: { kind: 'fast' }, epochs: 2, batch: 16 },
    attacks: [{ kind: 'fgsm' }, { kind: 'pgd', steps: 2 }],
    ...changes,
  });
}

const file = (run: RunFolder, name: string) => readFileSync(join(run.path, name));

it('a run that was stopped and resumed leaves the same bytes as one that was not', async () => {
  const whole = await RunFolder.open(join(temporaryFolder(), 'whole'), config());
  const expected = await runTraining(config(), { run: whole });
  expect(expected.test.images).toBe(32);
  expect(Object.keys(expected.test.underAttack)).toEqual(['FGSM', 'PGD-2']);

  const path = join(temporaryFolder(), 'stopped');
  const controller = new AbortController();
  let steps = 0;
  const progress = {
    stage() {},
    log() {},
    advance: () => void (++steps === 5 && controller.abort()),
  };
  const run = await RunFolder.open(path, config());
  const stopped = runTraining(config(), { run, progress, signal: controller.signal });
  await expect(stopped).rejects.toMatchObject({ code: 'ERR_ABORTED', resumable: true });
  expect(existsSync(join(path, 'model.safetensors'))).toBe(false);

  const again = await RunFolder.open(path, config(), { resume: true });
  const result = await runTraining(config(), { run: again });
  expect(result.test).toEqual(expected.test);
  for (const name of ['model.safetensors', 'metrics.jsonl', 'split.json']) {
    expect(file(again, name).equals(file(whole, name))).toBe(true);
  }

  using model = await loadModel(expected.model);
  using same = await loadModel(result.model);
  expect(await digestOf(model)).toBe(await digestOf(same));
  expect(L.memory().liveTensors).toBeGreaterThan(0);
});

it('shows histograms of the weights and augmented pictures in TensorBoard', async () => {
  const shown = config({
    train: { objective: { kind: 'standard' }, epochs: 1, batch: 16 },
    tensorBoard: { histograms: true, pictures: 5 },
  });
  const run = await RunFolder.open(join(temporaryFolder(), 'run'), shown);
  await runTraining(shown, { run });
  const [path] = await eventFiles(run.path);
  const values = (await readEvents(path!)).flatMap(({ step, summary }) =>
    (summary?.value ?? []).map((value) => ({ step, ...value })),
  );
  const picture = values.find(({ tag }) => tag === 'train/pictures')!;
  expect(picture.image).toMatchObject({ width: 96, height: 64, colorspace: 3 });
  const stem = values.find(({ tag }) => tag === 'weights/conv1.weight')!;
  expect(stem).toMatchObject({ step: 4, histo: { num: 16 * 27 } });
  expect(values.some(({ tag }) => tag === 'trainLoss')).toBe(true);
});

it.each([
  ['an auxiliary head', { auxiliary: { weight: 0.4 } }],
  [
    'AdamW, groups and averaged weights',
    {
      optimizer: { kind: 'adamw', rate: 0.01, groups: [{ match: 'fc.*', rateFactor: 10, decay: 0 }] },
      ema: { decay: 0.9 },
    },
  ],
])('trains with %s; stopped and resumed it ends with the same bytes', async (_, recipe) => {
  const changed = config({
    train: { objective: { kind: 'standard' }, epochs: 2, batch: 16, ...recipe },
    attacks: [],
  });
  const whole = await RunFolder.open(join(temporaryFolder(), 'whole'), changed);
  await runTraining(changed, { run: whole });
  const controller = new AbortController();
  let steps = 0;
  const progress = { stage() {}, log() {}, advance: () => void (++steps === 5 && controller.abort()) };
  const path = join(temporaryFolder(), 'stopped');
  const run = await RunFolder.open(path, changed);
  await expect(runTraining(changed, { run, progress, signal: controller.signal })).rejects.toThrow(
    L.AbortedError,
  );
  const again = await RunFolder.open(path, changed, { resume: true });
  await runTraining(changed, { run: again });
  expect(file(again, 'model.safetensors').equals(file(whole, 'model.safetensors'))).toBe(true);
  using model = await loadModel(join(path, 'model.safetensors'));
  expect([...model.namedParameters()].some(([name]) => name.includes('auxiliary'))).toBe(false);
});

it.each([
  { model: 'resnet8', objective: { kind: 'trades' }, says: /objective 'standard'/ },
  { model: 'mobilenet_v2', objective: { kind: 'standard' }, says: /inner map/ },
])('refuses an auxiliary head for $objective.kind on $model', async ({ model, objective, says }) => {
  const wrong = config({ model, train: { objective, epochs: 1, batch: 16, auxiliary: {} } });
  const run = await RunFolder.open(join(temporaryFolder(), 'run'), wrong);
  await expect(runTraining(wrong, { run })).rejects.toThrow(says);
});

it('a subset of files is chosen by the seed, apart from validation', async () => {
  const { openTrainingData } = await import('../../lib/train/data-recipe.js');
  const recipe = { source: 'shapes10', train: 40, validation: 10, test: 7 };
  const data = await openTrainingData(recipe, 1);
  expect(data.train).toHaveLength(40);
  expect(data.validation.some((index) => data.train.includes(index))).toBe(false);
  const { set, indices } = await data.readTest();
  expect(indices).toHaveLength(7);
  await expect(data.readTest()).rejects.toThrow(L.ArgumentError);
  set.dispose();
  data.dataset.dispose();
});
