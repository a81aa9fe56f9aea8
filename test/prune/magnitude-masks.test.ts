import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { standardObjective } from '../../lib/train/objectives/standard.js';
import { Trainer } from '../../lib/train/trainer.js';
import { narrowModel } from '../train/tiny.js';
import '../collect-garbage.js';

const matrices = (model: L.SpecModel) => [...model.namedParameters()].filter(([, { rank }]) => rank > 1);

/** All bits of zeros are 0, -0 not among them, where the masks are 0; and there only. */
async function expectZeros(model: L.SpecModel, masks: L.WeightMasks): Promise<void> {
  for (const [name, parameter] of matrices(model)) {
    const weights = await parameter.data();
    const mask = await masks.tensors.get(name)!.data();
    const wrong = weights.filter((weight, i) => (mask[i] === 0) !== Object.is(weight, 0));
    expect(wrong, name).toHaveLength(0);
  }
}

describe('magnitude masks', () => {
  it.each([0, 0.3, 0.5, 0.999])('global: the smallest %d of all filters and matrices go', async (ratio) => {
    using model = narrowModel();
    const before = new Map(await model.hostState());
    using masks = await L.magnitudeMasks(model, { ratio });
    await expectZeros(model, masks);
    const sizes = matrices(model).flatMap(([name]) =>
      Array.from(before.get(name)!.data as Float32Array, Math.abs),
    );
    const pruned = [...(await masks.sparsity()).values()].reduce((sum, layer) => sum + layer.pruned, 0);
    expect(pruned).toBe(Math.round(ratio * sizes.length));
    const threshold = Float64Array.from(sizes).sort()[pruned] ?? Infinity;
    for (const [name] of matrices(model)) {
      const kept = await masks.tensors.get(name)!.data();
      const old = before.get(name)!.data as Float32Array;
      expect(old.every((value, i) => (kept[i] === 1) === Math.abs(value) >= threshold)).toBe(true);
    }
    const bias = model.stateDict().get('fc.bias')!;
    expect(await bias.data()).toEqual(before.get('fc.bias')!.data);
  });

  it('by layer, with one ratio or one each; halves round to even as in PyTorch', async () => {
    using model = narrowModel();
    using even = await L.magnitudeMasks(model, { ratio: 0.5, scope: 'layer' });
    for (const { weights, pruned } of (await even.sparsity()).values())
      expect(pruned).toBe(weights % 2 === 0 ? weights / 2 : 2 * Math.round(weights / 4));
    using other = narrowModel();
    const ratio = new Map([
      ['conv1.weight', 0.25],
      ['fc.weight', 0.9],
    ]);
    using some = await L.magnitudeMasks(other, { ratio, scope: 'layer' });
    const sparsity = await some.sparsity();
    expect(sparsity.get('conv1.weight')).toEqual({ weights: 108, pruned: 27 });
    expect(sparsity.get('fc.weight')).toEqual({ weights: 120, pruned: 108 });
    expect(sparsity.get('layer1.0.conv1.weight')!.pruned).toBe(0);
  });

  it('refuses NaN and changes no weight then', async () => {
    using model = narrowModel();
    const weight = model.stateDict().get('fc.weight') as L.Tensor;
    const spoiled = (await weight.data()).with(7, Number.NaN);
    weight.write(spoiled);
    const before = await model.hostState();
    await expect(L.magnitudeMasks(model, { ratio: 0.5 })).rejects.toThrow(L.NonFiniteError);
    expect(await model.hostState()).toEqual(before);
    await expect(L.device().synchronize()).rejects.toThrow(L.NonFiniteError);
  });

  it('refuses ratios that cannot be', async () => {
    using model = narrowModel();
    for (const ratio of [1, -0.1, Number.NaN])
      await expect(L.magnitudeMasks(model, { ratio })).rejects.toThrow(L.ArgumentError);
    const bias = new Map([['fc.bias', 0.5]]);
    await expect(L.magnitudeMasks(model, { ratio: bias, scope: 'layer' })).rejects.toThrow(/fc\.bias/);
    await expect(L.magnitudeMasks(model, { ratio: bias })).rejects.toThrow(/scope/);
  });

  it('go onto another model', async () => {
    using model = narrowModel(1);
    using other = narrowModel(2);
    using masks = await L.magnitudeMasks(model, { ratio: 0.8 });
    using copy = L.WeightMasks.from(await masks.hostState());
    copy.apply(other.namedParameters());
    await expectZeros(other, masks);
  });
});

it.each(['sgd', 'adamw'])('training with masks by %s leaves pruned weights exactly 0', async (kind) => {
  const data = await L.shapes10({ seed: 3, train: 64, test: 1 });
  using model = narrowModel();
  using masks = await L.magnitudeMasks(model, { ratio: 0.7 });
  const before = await model.hostState();
  const options = { rate: 0.01, masks: masks.tensors, decay: 0.01 };
  using optimizer =
    kind === 'sgd'
      ? new L.SGD(model.namedParameters(), { ...options, momentum: 0.9, nesterov: true })
      : new L.AdamW(model.namedParameters(), options);
  const snapshots: L.TrainingSnapshot[] = [];
  await new Trainer({
    model,
    optimizer,
    masks,
    schedule: () => 0.01,
    objective: standardObjective(),
    batches: new L.Loader(data.train, { batch: 16 }),
    epochs: 1,
    onSnapshot: async (snapshot) => void snapshots.push(snapshot),
  }).run();
  data.dispose();
  await expectZeros(model, masks);
  expect((await model.hostState()).get('conv1.weight')).not.toEqual(before.get('conv1.weight'));
  expect(snapshots[0]!.tensors.get('mask.fc.weight')).toEqual((await masks.hostState()).get('fc.weight'));
});
