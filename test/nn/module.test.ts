import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import '../collect-garbage.js';

class Pair extends L.Module {
  readonly first: L.Linear;
  readonly rest: readonly L.Linear[];
  readonly scale = new L.StateBuffer(L.full([1], 2));
  readonly none = null;

  constructor(seed: number) {
    super();
    this.first = new L.Linear(3, 4);
    this.rest = [new L.Linear(4, 4, { bias: false }), new L.Linear(4, 2)];
    this.initialize(seed);
  }

  override forward(x: L.Tensor): L.Tensor {
    let y = this.first.forward(x).relu();
    for (const layer of this.rest) y = layer.forward(y);
    return y.mul(this.scale);
  }
}

const names = ['scale', 'first.weight', 'first.bias', 'rest.0.weight', 'rest.1.weight', 'rest.1.bias'];

describe('Module', () => {
  it('finds parameters, buffers and modules by its fields', () => {
    using pair = new Pair(1);
    expect([...pair.stateDict().keys()]).toEqual(names);
    expect([...pair.namedParameters()].map(([name]) => name)).toEqual(names.slice(1));
    expect([...pair.namedBuffers()].map(([name]) => name)).toEqual(['scale']);
    expect([...pair.namedModules()].map(([name]) => name)).toEqual(['', 'first', 'rest.0', 'rest.1']);
  });

  it('initialises every parameter from its own stream of one seed', () => {
    using a = new Pair(1);
    using b = new Pair(1);
    using c = new Pair(2);
    const weights = (pair: Pair): Float32Array[] =>
      [...pair.parameters()].map((parameter) => parameter.dataSync());
    expect(weights(a)).toEqual(weights(b));
    for (const [i, values] of weights(a).entries()) expect(values).not.toEqual(weights(c)[i]);
    const [first, , second] = weights(a);
    expect(first!.slice(0, 4)).not.toEqual(second!.slice(0, 4));
  });

  it('belongs to no scope, and gives everything back', () => {
    const before = L.memory().liveTensors;
    const pair = L.scope(() => {
      const inner = new Pair(1);
      inner.forward(L.ones([1, 3]));
      return { inner };
    }).inner;
    expect(L.memory().liveTensors - before).toBe(6);
    expect(L.scope(() => pair.forward(L.ones([5, 3])).shape)).toEqual([5, 2]);
    pair.dispose();
    expect(L.memory().liveTensors).toBe(before);
    expect(() => pair.first.weight.add(1)).toThrow(L.DisposedError);
  });

  it('switches training on and off below', () => {
    using pair = new Pair(1);
    expect(pair.training).toBe(true);
    pair.eval();
    expect([...pair.modules()].map((module) => module.training)).toEqual([false, false, false, false]);
    pair.train();
    expect(pair.rest[1]!.training).toBe(true);
  });

  it('clears gradients', () => {
    using pair = new Pair(1);
    L.scope(() =>
      pair
        .forward(L.ones([2, 3]))
        .sum()
        .backward(),
    );
    expect([...pair.parameters()].every((parameter) => parameter.grad !== null)).toBe(true);
    pair.zeroGrad();
    expect([...pair.parameters()].every((parameter) => parameter.grad === null)).toBe(true);
  });
});

describe('state', () => {
  it('goes to the host and back', async () => {
    using a = new Pair(1);
    using b = new Pair(2);
    const state = await a.hostState();
    expect(state.get('first.weight')).toMatchObject({ dtype: 'f32', shape: [4, 3] });
    b.loadStateDict(state);
    expect(await b.hostState()).toEqual(state);
    using c = new Pair(3);
    c.loadStateDict(a.stateDict());
    expect(await c.hostState()).toEqual(state);
    expect(c.first.weight.requiresGrad).toBe(true);
  });

  it('writes nothing unless everything fits, and tells what does not', async () => {
    using pair = new Pair(1);
    const state = await pair.hostState();
    const changed = new Map(
      [...state].map(([name, each]) => [name, { ...each, data: each.data.map(() => 9) }]),
    );
    const without = new Map(changed);
    without.delete('first.bias');
    without.set('second.bias', changed.get('first.bias')!);
    expect(() => pair.loadStateDict(without)).toThrow(L.ArgumentError);
    expect(() => pair.loadStateDict(without)).toThrow(/missing: first.bias; unexpected: second.bias/);
    const misshapen = new Map(changed).set('rest.1.bias', {
      dtype: 'f32',
      shape: [3],
      data: new Float32Array(3),
    });
    expect(() => pair.loadStateDict(misshapen)).toThrow(L.ShapeError);
    const mistyped = new Map(changed).set('rest.1.bias', {
      dtype: 'i32',
      shape: [2],
      data: new Int32Array(2),
    });
    expect(() => pair.loadStateDict(mistyped)).toThrow(L.DTypeError);
    expect(await pair.hostState()).toEqual(state);
  });
});

describe('layers', () => {
  it('Sequential numbers its modules', () => {
    using chain = new L.Sequential(new L.Linear(3, 4), new L.Linear(4, 2, { bias: false }));
    expect([...chain.stateDict().keys()]).toEqual(['0.weight', '0.bias', '1.weight']);
    expect(L.scope(() => chain.forward(L.ones([2, 3])).shape)).toEqual([2, 2]);
  });

  it('Conv2d is drawn as torchvision does: deviation sqrt(2 / fan out)', () => {
    using conv = new L.Conv2d(16, 64, 3, { bias: false, seed: 5 });
    const weights = conv.weight.dataSync();
    expect(conv.weight.shape).toEqual([64, 3, 3, 16]);
    const variance = weights.reduce((sum, value) => sum + value * value, 0) / weights.length;
    expect(Math.sqrt(variance)).toBeCloseTo(Math.sqrt(2 / (64 * 9)), 2);
    expect(() => new L.Conv2d(3, 4, 3, { groups: 2 })).toThrow(L.ArgumentError);
  });

  it('Linear is drawn as PyTorch does: uniform within 1 / sqrt(fan in)', () => {
    using layer = new L.Linear(64, 50, { seed: 5 });
    const largest = Math.max(...layer.weight.dataSync().map(Math.abs));
    expect(largest).toBeLessThanOrEqual(1 / 8);
    expect(largest).toBeGreaterThan(0.124);
    expect(Math.max(...layer.bias!.dataSync().map(Math.abs))).toBeLessThanOrEqual(1 / 8);
  });

  it('BatchNorm2d moves its statistics in training only, and unless told not to', () => {
    using bn = new L.BatchNorm2d(2);
    L.scope(() => {
      const x = L.tensor([[[[1, 10]], [[3, 30]]]]);
      bn.eval();
      bn.forward(x);
      expect([...bn.running_mean.dataSync()]).toEqual([0, 0]);
      bn.train();
      bn.updateStatistics = false;
      bn.forward(x);
      expect([...bn.running_mean.dataSync()]).toEqual([0, 0]);
      bn.updateStatistics = true;
      bn.forward(x);
      expect(bn.running_mean.dataSync()[1]).toBeCloseTo(2, 5);
      bn.resetStatistics();
      expect([...bn.running_mean.dataSync(), ...bn.running_var.dataSync()]).toEqual([0, 0, 1, 1]);
    });
  });

  it('Normalize takes pixels to mean 0 and deviation 1, and passes gradients', () => {
    using normalize = new L.Normalize({ mean: [0.5, 0.25], std: [0.5, 0.125] });
    L.scope(() => {
      const x = L.tensor([[[[1, 0.5]]]], undefined, { requiresGrad: true });
      const y = normalize.forward(x);
      expect(y.dataSync()[0]).toBeCloseTo(1, 5);
      expect(y.dataSync()[1]).toBeCloseTo(2, 5);
      const [dx] = L.grad(y.sum(), [x]);
      expect(dx.dataSync()[0]).toBeCloseTo(2, 5);
      expect(dx.dataSync()[1]).toBeCloseTo(8, 5);
    });
    expect([...normalize.parameters()]).toEqual([]);
    expect(() => new L.Normalize({ mean: [0], std: [0] })).toThrow(L.ArgumentError);
  });

  it('convBnAct is conv, bn and ReLU, and refuses a bias', () => {
    using conv = new L.Conv2d(2, 3, 3, { bias: false, padding: 1 });
    using bn = new L.BatchNorm2d(3);
    using biased = new L.Conv2d(2, 3, 3);
    L.scope(() => {
      const x = L.randn([2, 4, 4, 2], { seed: 1 });
      bn.updateStatistics = false;
      const fused = L.convBnAct(x, conv, bn).tensor().dataSync();
      const plain = bn.forward(conv.forward(x)).relu().dataSync();
      expect(Math.max(...fused.map((value, i) => Math.abs(value - plain[i]!)))).toBeLessThan(1e-5);
      expect(() => L.convBnAct(x, biased, bn)).toThrow(L.ArgumentError);
    });
  });
});
