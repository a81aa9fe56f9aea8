// Parts of the workflows give on a CUDA device what they give on the processor.
import { describe, expect, it } from 'vitest';
import { darts } from '../../bench/workloads/darts.js';
import * as L from '../../lib/index.js';
import { narrow, resnet20, Training } from '../engine/training.js';
import { expectEqualNorms, type HostValues, onBothDevices } from './both-devices.js';

async function gradientsOf(module: L.Module): Promise<[string, Float32Array][]> {
  const values: [string, Float32Array][] = [];
  for (const [name, { grad }] of module.namedParameters()) {
    if (grad !== null) values.push([`gradient ${name}`, await grad.data()]);
  }
  return values;
}

async function stateOf(module: L.SpecModel): Promise<[string, Float32Array][]> {
  const state = await module.hostState();
  return [...state].flatMap(([name, { data }]) =>
    data instanceof Float32Array ? [[`state ${name}`, data] as [string, Float32Array]] : [],
  );
}

describe('on both devices', () => {
  it('ResNet-20 takes the same training steps', async () => {
    const results = await onBothDevices(async (): Promise<HostValues> => {
      const training = new Training(resnet20(), 2);
      const losses: number[] = [];
      losses.push(await training.step().item());
      const first = await gradientsOf(training.model);
      for (let step = 1; step < 3; step++) losses.push(await training.step().item());
      const values = new Map([
        ['losses', Float32Array.from(losses)],
        ...first,
        ...(await stateOf(training.model)),
      ]);
      training.dispose();
      return values;
    });
    expectEqualNorms(results, () => 1e-3);
  });

  it('PGD finds the same images', async () => {
    const results = await onBothDevices(async (): Promise<HostValues> => {
      const model = L.modelFromSpec(narrow, 3);
      const images = L.rand([4, 32, 32, 3], { seed: 9 });
      const labels = L.tensor(Int32Array.of(1, 0, 5, 9));
      const values = new Map<string, Float32Array>();
      for (const norm of ['linf', 'l2'] as const) {
        const epsilon = norm === 'linf' ? 8 / 255 : 0.5;
        const found = await L.pgd(model, images, labels, { epsilon, norm, steps: 4, seed: 2 });
        values.set(`perturbation ${norm}`, await L.scope(() => found.sub(images).data()));
        values.set(
          `loss ${norm}`,
          Float32Array.of(await L.scope(() => L.crossEntropy(model.forward(found), labels).item())),
        );
        found.dispose();
      }
      model.dispose();
      for (const tensor of [images, labels]) tensor.dispose();
      return values;
    });
    // A gradient near 0 may change its sign between devices, and l_inf takes its sign.
    expectEqualNorms(results, (name) => (name.startsWith('loss') ? 1e-3 : 2e-2));
  });

  it('Module Robustness Sensitivity and the masks that follow from magnitudes', async () => {
    const results = await onBothDevices(async (): Promise<HostValues> => {
      const model = L.modelFromSpec(narrow, 4);
      const set = [
        { images: L.rand([4, 32, 32, 3], { seed: 5 }), labels: L.tensor(Int32Array.of(3, 1, 4, 1)) },
      ];
      const found = await L.moduleSensitivities(model, set, { epsilons: [0.05], stepsPerEpsilon: 1 });
      const masks = await L.magnitudeMasks(model, { ratio: 0.5 });
      const values = new Map([
        ['sensitivities', Float32Array.from(found, ({ sensitivity }) => sensitivity)],
        ...(await stateOf(model)),
      ]);
      masks.dispose();
      model.dispose();
      for (const { images, labels } of set) {
        images.dispose();
        labels.dispose();
      }
      return values;
    });
    // The weights that both drew are equal to the last bits of a normal number.
    expectEqualNorms(results, (name) => (name === 'sensitivities' ? 1e-3 : 1e-6));
    for (const [name, wanted] of results.cpu) {
      const kept = (values: Float32Array): string => values.map((value) => (value === 0 ? 0 : 1)).join('');
      expect(kept(results.cuda.get(name)!), name).toBe(kept(wanted));
    }
  });

  it('a bilevel step of DARTS', { timeout: 120_000 }, async () => {
    const results = await onBothDevices(async (): Promise<HostValues> => {
      const work = await darts.create(2, 1);
      const values = new Map<string, Float32Array>();
      for (const [name, loss] of Object.entries(work.step())) values.set(name, await loss.data());
      for (const [name, parameter] of work.model.namedParameters()) values.set(name, await parameter.data());
      work.model.dispose();
      return values;
    });
    expect(results.cpu.size).toBeGreaterThan(1000);
    expectEqualNorms(results, () => 1e-3);
  });
});
