import { afterEach, describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';

describe('the CUDA device', () => {
  afterEach(() => {
    L.useDevice('cuda');
  });

  it('is the one that tensors are made on once it is in use, and only then', async () => {
    L.useDevice('cpu');
    expect(L.ones([2]).device).toBe('cpu');
    expect(L.ones([2], { device: 'cuda' }).device).toBe('cuda');
    expect(L.device().kind).toBe('cpu');
    const cuda = L.useDevice('cuda');
    expect(L.device()).toBe(cuda);
    expect(cuda.description).toMatch(/sm_\d\d/);
    const x = L.tensor([[1, 2, 3]]);
    expect(`${x}`).toBe('f32[1, 3] on cuda');
    expect([...(await x.add(1).data())]).toEqual([2, 3, 4]);
  });

  it('gives the processor the same numbers, and takes them back', async () => {
    const x = L.rand([33], { seed: 4 });
    const copy = await x.to('cpu');
    expect(copy.device).toBe('cpu');
    expect(await copy.data()).toEqual(await x.data());
    expect(await (await copy.to('cuda')).data()).toEqual(await x.data());
  });

  it('refuses inputs of several devices', () => {
    const x = L.ones([4]);
    const y = L.ones([4], { device: 'cpu' });
    expect(() => x.add(y)).toThrow(L.DeviceError);
  });

  it('counts its own memory', async () => {
    const cpu = L.useDevice('cpu');
    const before = L.memory().active;
    L.useDevice('cuda');
    const active = L.memory().active;
    const x = L.zeros([1 << 20]);
    expect(L.memory().active - active).toBeGreaterThanOrEqual(4 << 20);
    L.useDevice(cpu.kind);
    expect(L.memory().active).toBe(before);
    x.dispose();
  });

  it('reports a fault that depends on data when it is found, and what did not depend on it is well', async () => {
    const [loss, later, healthy] = L.scope(() => {
      const logits = L.rand([2, 4], { seed: 1 });
      const bad = L.crossEntropy(logits, L.tensor(Int32Array.of(1, 7)));
      return [bad, bad.mul(2), logits.mul(0).add(1)].map((tensor) => tensor.data());
    });
    await expect(loss).rejects.toThrow(/cross_entropy_forward.*rows=2 classes=4.*7/s);
    await expect(later).rejects.toThrow(L.IndexRangeError);
    expect(await healthy).toEqual(new Float32Array(8).fill(1));
    await expect(L.device().synchronize()).rejects.toThrow(L.IndexRangeError);
    await expect(L.device().synchronize()).resolves.toBeUndefined();
  });

  it('has room again for host data once its copies are done, also for more than the staging limit', async () => {
    const small = L.zeros([16]);
    small.write(new Float32Array(16).fill(2));
    await small.data();
    small.write(new Float32Array(16).fill(3));
    const large = L.tensor(new Uint8Array(257 * 2 ** 20));
    expect(large.size).toBe(257 * 2 ** 20);
    large.dispose();
    expect((await small.data())[15]).toBe(3);
  });

  it('keeps large inputs in order with what reads them', async () => {
    const target = L.zeros([1 << 18]);
    const sums: Promise<number>[] = [];
    for (let round = 1; round <= 5; round++) {
      target.write(new Float32Array(1 << 18).fill(round));
      sums.push(L.scope(() => target.mean().item()));
    }
    expect(await Promise.all(sums)).toEqual([1, 2, 3, 4, 5]);
  });
});
