import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../../lib/config.js';
import * as L from '../../lib/index.js';
import { RunFolder } from '../../lib/io/run-folder.js';
import { formatGenotype } from '../../lib/search/genotype-text.js';
import { type ModelChoice, resolveModelChoice } from '../../lib/train/model-choice.js';
import { loadModel } from '../../lib/train/model-file.js';
import { runTraining, TRAIN_DEFAULTS, type TrainConfig, trainSchema } from '../../lib/train/training-run.js';
import { temporaryFolder } from '../temporary-folder.js';

const options = { classes: 10, normalization: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } };
const v2 = L.publishedGenotype('DARTS_V2');

const specOf = async (choice: ModelChoice) => (await resolveModelChoice(choice))(options);

describe('the model of a configuration', () => {
  it('is a name, or a genotype: published, inline, as text, or in a file of either kind', async () => {
    expect(await specOf('resnet8')).toEqual(L.modelSpec('resnet8', options));
    const json = join(temporaryFolder(), 'v2.json');
    const text = join(temporaryFolder(), 'v2.txt');
    writeFileSync(json, JSON.stringify(v2));
    writeFileSync(text, `DARTS_V2 = ${formatGenotype(v2)}\n`);
    for (const genotype of ['DARTS_V2', v2, formatGenotype(v2), json, text]) {
      expect(await specOf({ genotype, channels: 8 })).toEqual(
        L.cellsSpec(v2, options, { channels: 8, cells: 20 }),
      );
    }
  });

  it('is a network of the space that the genotype is of', async () => {
    const cell = '|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|';
    expect(await specOf({ genotype: cell, cells: 2 })).toMatchObject({
      model: 'nas-bench-201',
      channels: 16,
      cells: 2,
    });
    const layers: L.Genotype = { space: 'layerwise', layers: ['skip'] };
    const size = { stem: 4, stemStride: 1, first: 4, stages: [{ width: 4, blocks: 1, stride: 1 }], head: 8 };
    expect(await specOf({ genotype: layers, ...size })).toMatchObject({ model: 'layerwise', head: 8 });
  });

  it.each([
    [{ genotype: 'DARTS_V3' }, L.ArgumentError, /did you mean DARTS_V[12]\?/],
    [{ genotype: './none.json' }, L.FileSystemError, /none\.json/],
    [{ genotype: '|nor_conv_3x3~0|' }, L.ArgumentError, /3 nodes/],
    [
      { genotype: 'DARTS_V2', chanels: 8 },
      L.ConfigError,
      /model\.chanels \(did you mean model\.channels\?\)/,
    ],
    [
      { genotype: '|none~0|+|none~0|none~1|+|none~0|none~1|none~2|', stem: 'cifar' },
      L.ConfigError,
      /known are channels, cells/,
    ],
    [{ genotype: 'DARTS_V2', channels: 0 }, L.ConfigError, /model\.channels: /],
    [{ genotype: { space: 'layerwise', layers: ['skip'] } }, L.ConfigError, /model\.stages: /],
  ] as [ModelChoice, new () => Error, RegExp][])('refuses %j', async (choice, kind, says) => {
    await expect(specOf(choice)).rejects.toThrow(kind);
    await expect(specOf(choice)).rejects.toThrow(says);
  });

  it.each([
    ['resnet9', /model: expected one of .*resnet8.*, found "resnet9"/],
    [{ channels: 8 }, /model\.genotype: /],
    [{ genotype: { space: 'dart' } }, /model\.genotype\.space: /],
  ])('is checked with the rest of the configuration: %j', async (model, says) => {
    const wrong = resolveConfig(trainSchema, { defaults: TRAIN_DEFAULTS, values: { model } });
    await expect(wrong).rejects.toThrow(L.ConfigError);
    await expect(wrong).rejects.toThrow(says);
  });

  it.each(['{"space": "darts"}', '{', 'Genotype(normal=1)', ''])(
    'refuses a file with %j',
    async (content) => {
      const path = join(temporaryFolder(), 'genotype.json');
      writeFileSync(path, content);
      await expect(specOf({ genotype: path })).rejects.toThrow(L.FileFormatError);
    },
  );
});

describe('training a genotype', () => {
  function config(changes: Record<string, unknown> = {}): TrainConfig {
    return trainSchema.parse({
      data: { source: 'shapes10:5', train: 64, validation: 16, test: 16 },
      model: { genotype: 'DARTS_V2', channels: 2, cells: 3, stemMultiplier: 2 },
      seed: 3,
      train: {
        objective: { kind: 'standard' },
        epochs: 2,
        batch: 16,
        dropPath: { rate: 0.6 },
        auxiliary: {},
      },
      ...changes,
    });
  }

  it('with drop-path and an auxiliary head, stopped and resumed, ends with the same bytes', async () => {
    const found = join(temporaryFolder(), 'found.json');
    writeFileSync(found, JSON.stringify(v2));
    const model = { genotype: found, channels: 2, cells: 3, stemMultiplier: 2 };
    const whole = await RunFolder.open(join(temporaryFolder(), 'whole'), config({ model }));
    const { model: trained } = await runTraining(config({ model }), { run: whole });
    const path = join(temporaryFolder(), 'stopped');
    const controller = new AbortController();
    let steps = 0;
    const progress = { stage() {}, log() {}, advance: () => void (++steps === 6 && controller.abort()) };
    const run = await RunFolder.open(path, config({ model }));
    await expect(
      runTraining(config({ model }), { run, progress, signal: controller.signal }),
    ).rejects.toThrow(L.AbortedError);
    const again = await RunFolder.open(path, config({ model }), { resume: true });
    // The run has kept the genotype.
    rmSync(found);
    await runTraining(config({ model }), { run: again });
    for (const name of ['model.safetensors', 'metrics.jsonl', 'genotype.json']) {
      expect(readFileSync(join(path, name)).equals(readFileSync(join(whole.path, name)))).toBe(true);
    }
    expect(JSON.parse(readFileSync(join(path, 'genotype.json'), 'utf8'))).toEqual(v2);
    using loaded = await loadModel(trained);
    expect(loaded.spec).toMatchObject({ model: 'cells', genotype: v2, channels: 2, cells: 3 });
  });

  it('changes with drop-path, but not before its second epoch, as the rate begins at 0', async () => {
    const losses = async (recipe: object) => {
      const changed = config({ train: { objective: { kind: 'standard' }, epochs: 2, batch: 16, ...recipe } });
      const run = await RunFolder.open(join(temporaryFolder(), 'run'), changed);
      await runTraining(changed, { run });
      return (await run.readMetrics()).flatMap(({ trainLoss }) => trainLoss ?? []);
    };
    const [without, withDropPath] = [await losses({}), await losses({ dropPath: {} })];
    expect(withDropPath[0]).toBe(without[0]);
    expect(withDropPath[1]).not.toBe(without[1]);
  });

  it('refuses drop-path for networks without such branches', async () => {
    const wrong = config({ model: 'resnet8' });
    const run = await RunFolder.open(join(temporaryFolder(), 'run'), wrong);
    await expect(runTraining(wrong, { run })).rejects.toThrow(/branches to leave out .* got resnet-cifar/);
  });
});
