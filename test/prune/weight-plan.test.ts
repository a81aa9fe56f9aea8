import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { temporaryFolder } from '../temporary-folder.js';
import { narrowModel } from '../train/tiny.js';
import '../collect-garbage.js';

const inputShape = [32, 32, 3];
const layers = (model: L.SpecModel) =>
  L.complexity(model, inputShape).layers.filter(({ kind }) => kind === 'Conv2d' || kind === 'Linear');

describe('planWeights', () => {
  it.each(['parameters', 'macs'] as const)(
    'meets a budget of %s by the ranks of the sensitivities',
    async (measure) => {
      using model = narrowModel();
      const modules = layers(model).map(({ name }, i) => ({ name, sensitivity: i, curve: [] }));
      const options = { ratios: 'rank', measure, budget: 0.4, seed: 0, inputShape } as const;
      const { groups, masks } = await L.planWeights(model, modules, options);
      using _ = masks;
      const cost = (of: (group: L.GroupPlan) => number) =>
        groups.reduce((sum, group) => {
          const layer = layers(model).find(({ name }) => name === group.name)!;
          return sum + of(group) * (measure === 'macs' ? layer.macs / group.size : 1);
        }, 0);
      const share = cost(({ kept }) => kept) / cost(({ size }) => size);
      expect(share).toBeLessThanOrEqual(0.4);
      expect(share).toBeGreaterThan(0.395);
      // The more sensitive a layer, the less of it goes.
      for (const [i, { ratio }] of groups.entries()) {
        if (i > 0) expect(ratio).toBeLessThanOrEqual(groups[i - 1]!.ratio + 0.01);
      }
      const zeros = (await model.stateDict().get('conv1.weight')!.data()).filter(
        (weight) => weight === 0,
      ).length;
      expect(zeros).toBe(groups[0]!.size - groups[0]!.kept);
    },
  );

  it('compares magnitudes over all layers, by number only', async () => {
    using model = narrowModel();
    const options = { ratios: 'global', budget: 0.25, seed: 0, inputShape } as const;
    const { groups, masks } = await L.planWeights(model, [], { ...options, measure: 'parameters' });
    masks.dispose();
    const total = (of: (group: L.GroupPlan) => number) => groups.reduce((sum, group) => sum + of(group), 0);
    expect(total(({ kept }) => kept)).toBe(Math.round(0.25 * total(({ size }) => size)));
    expect(new Set(groups.map(({ ratio }) => ratio.toFixed(2))).size).toBeGreaterThan(1);
    await expect(L.planWeights(model, [], { ...options, measure: 'macs' })).rejects.toThrow(L.ArgumentError);
  });
});

describe('lapidary prune of single weights', () => {
  const config = (changes: Record<string, unknown> = {}) =>
    L.pruneSchema.parse({
      data: { source: 'shapes10:5', train: 64, validation: 16, test: 16 },
      dense: { objective: { kind: 'standard' }, epochs: 1, batch: 16 },
      finetune: { objective: { kind: 'standard' }, epochs: 2, batch: 16, optimizer: { rate: 0.02 } },
      prune: { structure: 'weights', ratios: 'global', measure: 'parameters', budget: 0.3 },
      compare: [{ ratios: 'uniform' }],
      evaluation: { steps: 1, validationSteps: 1, latencyRounds: 1 },
      ...changes,
    });
  const model = (run: L.RunFolder, name: string) => join(run.path, 'models', `${name}.safetensors`);

  it('keeps pruned weights at 0 through fine-tuning; stopped and resumed it ends with the same bytes', async () => {
    const whole = await L.RunFolder.open(join(temporaryFolder(), 'whole'), config());
    const { networks, variants } = await L.runPruning(config(), { run: whole });
    expect(variants.map(({ name }) => name)).toEqual(['magnitude-global', 'magnitude-uniform']);
    const nonzero = (name: string) => networks.find((network) => network.name === name)!.nonzero;
    const kept = variants[0]!.groups.reduce((sum, group) => sum + group.kept, 0);
    expect(nonzero('magnitude-global fine-tuned')).toBeLessThan(nonzero('dense') / 2);
    expect(nonzero('magnitude-global fine-tuned')).toBeGreaterThanOrEqual(kept);
    using pruned = await L.loadModel(model(whole, 'magnitude-global-pruned'));
    using tuned = await L.loadModel(model(whole, 'magnitude-global'));
    const filter = (of: L.SpecModel) => of.stateDict().get('layer3.0.conv1.weight')!.data();
    const [before, after] = [await filter(pruned), await filter(tuned)];
    expect(after.every((weight, i) => before[i] !== 0 || weight === 0)).toBe(true);
    expect(after.some((weight, i) => weight !== before[i])).toBe(true);

    const path = join(temporaryFolder(), 'stopped');
    const run = await L.RunFolder.open(path, config());
    const controller = new AbortController();
    let title = '';
    let steps = 0;
    const progress = {
      stage: (name: string) => {
        title = name;
      },
      log() {},
      advance: () => void (title.endsWith('uniform') && ++steps === 5 && controller.abort()),
    };
    await expect(L.runPruning(config(), { run, progress, signal: controller.signal })).rejects.toMatchObject({
      resumable: true,
    });
    const again = await L.RunFolder.open(path, config(), { resume: true });
    await L.runPruning(config(), { run: again });
    for (const file of ['models/magnitude-global', 'models/magnitude-uniform', 'masks/magnitude-uniform']) {
      const bytes = (of: L.RunFolder) => readFileSync(join(of.path, `${file}.safetensors`));
      expect(bytes(again).equals(bytes(whole)), file).toBe(true);
    }
  });

  it('refuses global ratios of channels before any work', async () => {
    const wrong = config({ prune: { ratios: 'global' } });
    const run = await L.RunFolder.open(join(temporaryFolder(), 'run'), wrong);
    await expect(L.runPruning(wrong, { run })).rejects.toThrow(L.ConfigError);
  });
});
