import { expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { expectClose } from '../ops/finite-differences.js';
import '../collect-garbage.js';

/** A module of one weight. */
class Weight extends L.Module {
  readonly weight = new L.Parameter(L.tensor([1, 2, 3]));
  override forward(x: L.Tensor): L.Tensor {
    return x;
  }
}

const values = [
  [0, 4, 3],
  [-1, 0, 3],
  [5, 5, 5],
];

it.each([false, true])('moves by 1 - decay, warm-up %s', async (warmup) => {
  using module = new Weight();
  using average = new L.WeightAverage(module, { decay: 0.75, warmup });
  const expected = [1, 2, 3];
  for (const [step, weights] of values.entries()) {
    module.weight.write(Float32Array.from(weights));
    average.update();
    const decay = warmup ? Math.min(0.75, (2 + step) / (11 + step)) : 0.75;
    for (const [i, weight] of weights.entries()) expected[i] = decay * expected[i]! + (1 - decay) * weight;
  }
  const { data } = (await average.hostState()).get('weight')!;
  expectClose(data, expected, 1e-6);
  const inside = await average.during(async () => Array.from(await module.weight.data()));
  expectClose(inside, expected, 1e-6);
  expect([...module.weight.dataSync()]).toEqual([5, 5, 5]);
  await expect(average.during(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect([...module.weight.dataSync()]).toEqual([5, 5, 5]);
});

it('goes on from its state, and refuses another', async () => {
  using module = new Weight();
  using average = new L.WeightAverage(module, { decay: 0.9, warmup: true });
  module.weight.write(Float32Array.of(7, 7, 7));
  average.update();
  const state = { updates: average.updates, tensors: await average.hostState() };
  using again = new L.WeightAverage(module, { decay: 0.9, warmup: true });
  again.loadState(state);
  average.update();
  again.update();
  expect(await again.hostState()).toEqual(await average.hostState());
  expect(() => again.loadState({ updates: 1, tensors: new Map() })).toThrow(L.ArgumentError);
  expect(() => new L.WeightAverage(module, { decay: 1 })).toThrow(L.ArgumentError);
});
