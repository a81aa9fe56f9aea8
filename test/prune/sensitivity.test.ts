import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { moduleSensitivities } from '../../lib/prune/sensitivity.js';
import { digestOf, randomBatch, usedModel } from '../train/tiny.js';
import '../collect-garbage.js';

let model: L.SpecModel;
let set: { images: L.Tensor; labels: L.Tensor<'i32'> }[];
beforeAll(() => {
  model = usedModel();
  set = L.own([randomBatch(6, 1), randomBatch(5, 2)]);
});
afterAll(() => model.dispose());

describe('module robustness sensitivity', () => {
  it('is 0 for radius 0, never falls, and is above 0 for a ball that allows something', async () => {
    const results = await moduleSensitivities(model, set, { epsilons: [0, 0.01, 0.05, 0.2] });
    expect(results.map(({ name }) => name)).toContain('layer2.0.downsample.0');
    expect(results).toHaveLength(16);
    for (const { sensitivity, curve } of results) {
      const increases = curve.map(({ increase }) => increase);
      expect(increases[0]).toBe(0);
      expect(increases).toEqual(increases.toSorted((a, b) => a - b));
      expect(sensitivity).toBe(increases.at(-1));
      expect(sensitivity).toBeGreaterThan(0);
    }
  });

  it('stays in the ball', async () => {
    const weights = new Map(model.namedParameters());
    const norms: number[] = [];
    const original = await weights.get('conv1.weight')!.data();
    // The weights are put back at the end, so they are looked at on the way: at each loss that is read.
    const forward = model.forward.bind(model);
    model.forward = (x: L.Tensor) => {
      const now = weights.get('conv1.weight')!.dataSync();
      norms.push(Math.hypot(...now.map((value, i) => value - original[i]!)));
      return forward(x);
    };
    try {
      await moduleSensitivities(model, set, { epsilons: [0.1], stepsPerEpsilon: 3, rate: 10 });
    } finally {
      Reflect.deleteProperty(model, 'forward');
    }
    const radius = 0.1 * Math.hypot(...original);
    expect(Math.max(...norms)).toBeLessThanOrEqual(radius * (1 + 1e-5));
    expect(Math.max(...norms)).toBeGreaterThan(radius * 0.99);
  });

  it('does not depend on how the set is cut into batches', async () => {
    const whole = L.own(
      L.scope(() => [
        {
          images: L.concat(
            set.map(({ images }) => images),
            0,
          ),
          labels: L.concat(
            set.map(({ labels }) => labels),
            0,
          ),
        },
      ]),
    );
    const [one, two] = [await moduleSensitivities(model, set), await moduleSensitivities(model, whole)];
    for (const [i, { sensitivity }] of one.entries()) {
      expect(sensitivity).toBeCloseTo(two[i]!.sensitivity, 3);
    }
  });

  it('puts everything back: weights, modes, who asks for gradients, and tensors', async () => {
    const digest = await digestOf(model);
    const [frozen] = model.parameters();
    frozen!.requiresGrad = false;
    model.train();
    const live = L.memory().liveTensors;
    await moduleSensitivities(model, set, { epsilons: [0.05] });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(moduleSensitivities(model, set, { signal })).rejects.toThrow('enough');
    await expect(moduleSensitivities(model, set, { rate: 1e30 })).resolves.toBeDefined();
    expect(L.memory().liveTensors).toBe(live);
    expect(await digestOf(model)).toBe(digest);
    expect([...model.modules()].every(({ training }) => training)).toBe(true);
    expect(
      [...model.parameters()].map(({ requiresGrad }) => requiresGrad).filter((needs) => !needs),
    ).toHaveLength(1);
    frozen!.requiresGrad = true;
  });

  it('refuses radii that do not rise, and an empty set', async () => {
    await expect(moduleSensitivities(model, set, { epsilons: [0.1, 0.05] })).rejects.toThrow(L.ArgumentError);
    await expect(moduleSensitivities(model, [])).rejects.toThrow(L.ArgumentError);
  });
});
