import { describe, expect, it } from 'vitest';
import { arbitrate, relativeDistance, requireAgreement } from '../../bench/agreement.js';
import { workloads } from '../../bench/workloads/index.js';
import { probed, runSteps, startState } from '../../bench/workloads/workload.js';
import * as L from '../../lib/index.js';
import '../collect-garbage.js';

// ResNet-152 at 224 x 224 takes a second alone; its blocks, and inference, are tested elsewhere.
const small = [...workloads.values()].filter(({ name }) => name !== 'resnet152');

describe.each(small)('the workload $name', (workload) => {
  it('takes steps, gives the outputs that are compared, and holds nothing but its own', async () => {
    const work = await workload.create(2, 1);
    await runSteps(work, 1);
    const before = L.memory().liveTensors;
    const { ms, enqueueMs, outputs } = await runSteps(work, 2);
    expect(L.memory().liveTensors).toBe(before);
    expect(work.flops).toBeGreaterThan(0);
    expect(ms).toBeGreaterThanOrEqual(enqueueMs);
    const values = new Map([...(await probed(work)), ...outputs]);
    expect(L.memory().liveTensors).toBe(before);
    expect([...values.keys()].sort()).toEqual(Object.keys(workload.tolerances).sort());
    for (const { data } of values.values()) {
      expect(data.every(Number.isFinite)).toBe(true);
      expect(data.some((value) => value !== 0)).toBe(true);
    }
    work.model.dispose();
  });
});

describe('the FLOPs of a workload', () => {
  // PyTorch's flop_counter on the same networks.
  it.each([
    ['resnet20', 31.23],
    ['resnet18', 106.5],
    ['pgd10', 209.0],
  ])('%s: %f GFLOP', async (name, gflop) => {
    const workload = workloads.get(name)!;
    const work = await workload.create(1, 1);
    expect((work.flops * workload.batch) / 1e9).toBeCloseTo(gflop, 1);
    work.model.dispose();
  });
});

describe('the state that a peer starts from', () => {
  it('holds weights, buffers and inputs by name', async () => {
    const work = await workloads.get('simsiam')!.create(2, 1);
    const state = await startState(work);
    expect(state.get('model.projector.bn1.running_var')?.shape).toEqual([2048]);
    expect(state.has('model.projector.bn2.weight')).toBe(false);
    expect(state.get('input.view2')?.shape).toEqual([2, 32, 32, 3]);
    expect(state.get('input.view1')!.data).not.toEqual(state.get('input.view2')!.data);
    work.model.dispose();
  });
});

describe('requireAgreement', () => {
  const values = (...data: number[]) =>
    new Map([['loss', { dtype: 'f32' as const, shape: [data.length], data: Float32Array.from(data) }]]);

  it('measures the distance in 2-norms', () => {
    expect(relativeDistance([3, 0], [3, 4])).toBeCloseTo(0.8, 12);
    expect(relativeDistance([0, 0], [0, 0])).toBe(0);
    expect(requireAgreement(values(1, 2), values(1, 2), { loss: 1e-3 })).toEqual(new Map([['loss', 0]]));
  });

  it('refuses outputs that are far, missing, of another size or no numbers', () => {
    const limits = { loss: 1e-3 };
    expect(() => requireAgreement(values(1), values(1.1), limits)).toThrow(
      /'loss' is 9.09e-2 from the peer's/,
    );
    expect(() => requireAgreement(values(1), new Map(), limits)).toThrow(/got nothing/);
    expect(() => requireAgreement(values(1), values(1, 1), limits)).toThrow(/got \[2\]/);
    expect(() => requireAgreement(values(Number.NaN), values(1), limits)).toThrow(/do not do the same work/);
    expect(() => requireAgreement(values(1), values(Number.NaN), limits)).toThrow(/do not do the same work/);
  });
});

describe('arbitrate', () => {
  const values = (data: number) =>
    new Map([['loss', { dtype: 'f32' as const, shape: [1], data: Float32Array.of(data) }]]);

  it('allows the tolerance, or three times the distance of the peer from float64', () => {
    const judged = arbitrate(values(1.25), values(1.125), values(1), { loss: 1e-3 });
    expect(judged).toEqual(new Map([['loss', { ours: 0.25, peer: 0.125 }]]));
    expect(arbitrate(values(1.25), values(1), values(1), { loss: 0.25 }).get('loss')!.peer).toBe(0);
    expect(() => arbitrate(values(1.5), values(1.125), values(1), { loss: 1e-3 })).toThrow(
      /'loss' is 5.00e-1 from float64's.* at most 0.375/,
    );
  });
});
