import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { addon } from '../../lib/native-addon.js';
import { runJson } from './child.js';
import { narrow, resnet8, trained } from './training.js';

const { threads } = L.device();
const { isas } = addon.engine();
let reference: { loss: number; digest: string };

describe('the bits of a training run', () => {
  beforeAll(async () => {
    reference = await trained(20);
  });
  afterAll(() => {
    L.device().setThreads(threads);
    addon.forceImplementation('');
  });

  it('are the same again', async () => {
    expect(Number.isFinite(reference.loss)).toBe(true);
    expect(await trained(20)).toEqual(reference);
  });

  it.each([1, 2, 3])('are the same with %i threads', async (count) => {
    L.device().setThreads(count);
    expect(await trained(20)).toEqual(reference);
  });

  it.each(isas)('on %s are those of a process that LAPIDARY_ISA forces to it', async (isa) => {
    addon.forceImplementation(isa);
    const here = await trained(3);
    expect(await runJson('train', { args: ['3'], env: { LAPIDARY_ISA: isa } })).toEqual({ isa, ...here });
    addon.forceImplementation('');
    const { loss } = await trained(3);
    expect(here.loss).toBeCloseTo(loss, 3);
  });

  it('depend on the seed', async () => {
    expect((await trained(20, 2)).digest).not.toBe(reference.digest);
  });
});

describe('the result of a sample in evaluation', () => {
  it.each(isas)('does not depend on its batch, on %s', async (isa) => {
    addon.forceImplementation(isa);
    for (const spec of [narrow, resnet8()]) {
      using model = L.modelFromSpec(spec, 5).eval();
      using images = L.rand([64, 32, 32, 3], { seed: 6 });
      const predict = (first: number, count: number): Promise<Float32Array> =>
        L.scope(() => L.noGrad(() => model.forward(images.slice(0, first, count)).data()));
      const all = await predict(0, 64);
      for (const [first, count] of [
        [0, 1],
        [1, 1],
        [63, 1],
        [10, 7],
      ] as const) {
        expect(await predict(first, count)).toEqual(all.slice(first * 10, (first + count) * 10));
      }
    }
    addon.forceImplementation('');
  });
});
