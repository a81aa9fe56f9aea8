import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import '../collect-garbage.js';

const MiB = 1 << 20;
const { limit } = L.memory();

describe('memory', () => {
  beforeEach(async () => {
    await L.device().synchronize();
    L.emptyMemoryCache();
    L.resetPeakMemory();
  });
  afterEach(() => {
    L.setMemoryLimit(limit);
  });

  it('beyond the limit OutOfMemoryError prints the counters, and the process lives on', async () => {
    const held = L.full([4 * MiB], 1); // 16 MiB
    L.setMemoryLimit(64 * MiB);
    const before = L.memory();
    for (let round = 0; round < 20; round++) {
      expect(() => L.zeros([16 * MiB])).toThrow(
        /\[?.*64\.0 MiB; active 16\.0, cached \d+\.\d, packed filters 0\.0, limit 64\.0 MiB/,
      );
    }
    expect(() => L.zeros([16 * MiB])).toThrow(L.OutOfMemoryError);
    expect(L.memory().active).toBe(before.active);
    const small = held.add(1);
    expect((await small.data())[0]).toBe(2);
    L.setMemoryLimit(limit);
    const large = L.zeros([16 * MiB]);
    expect((await large.slice(0, 0, 2).data())[1]).toBe(0);
    for (const each of [held, small, large]) each.dispose();
  });

  it('in the middle of a step leaves nothing behind', async () => {
    const before = L.memory();
    const x = L.rand([4, 32, 32, 16], { seed: 1 });
    const filter = L.rand([16, 3, 3, 16], { seed: 2, requiresGrad: true });
    await L.device().synchronize();
    L.setMemoryLimit(L.memory().active + MiB);
    expect(() =>
      L.scope(() => {
        let y: L.Tensor = x;
        for (let layer = 0; layer < 10; layer++) y = L.conv2d(y, filter, { padding: 1 }).relu();
        y.sum().backward();
      }),
    ).toThrow(L.OutOfMemoryError);
    L.setMemoryLimit(limit);
    expect(L.memory().liveTensors).toBe(before.liveTensors + 2);
    expect(filter.grad).toBeNull();
    x.dispose();
    filter.dispose();
    expect(L.memory().active).toBe(before.active);
    await L.device().synchronize();
  });

  it('absurd sizes are refused, not tried', () => {
    expect(() => L.zeros([2 ** 31 - 1, 2 ** 31 - 1])).toThrow(L.OutOfMemoryError);
    expect(() => L.zeros([2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1, 4])).toThrow(L.OutOfMemoryError);
    L.scope(() => {
      const row = L.zeros([1, 200_000]);
      expect(() => row.add(L.zeros([200_000, 1]))).toThrow(L.OutOfMemoryError);
    });
  });

  it('counts what is live, what is kept, and the most there was', async () => {
    const before = L.memory();
    L.scope(() => {
      const x = L.zeros([MiB]); // 4 MiB
      expect(L.memory().active).toBe(before.active + 4 * MiB);
      expect(L.memory().liveTensors).toBe(before.liveTensors + 1);
      const view = x.reshape([1024, 1024]);
      expect(L.memory().active).toBe(before.active + 4 * MiB);
      expect(L.memory().liveTensors).toBe(before.liveTensors + 2);
      x.dispose();
      expect(L.memory().active).toBe(before.active + 4 * MiB);
      view.add(1);
      expect(L.memory().active).toBeGreaterThanOrEqual(before.active + 8 * MiB);
    });
    expect(L.memory()).toMatchObject({ active: before.active, liveTensors: before.liveTensors });
    expect(L.memory().cached).toBeGreaterThanOrEqual(before.cached + 8 * MiB);
    expect(L.memory().peak).toBeGreaterThanOrEqual(before.active + 8 * MiB);
    L.resetPeakMemory();
    expect(L.memory().peak).toBe(before.active);
    L.emptyMemoryCache();
    expect(L.memory().cached).toBe(0);
  });

  it('packed filters are counted, kept between calls, and given back', async () => {
    const before = L.memory();
    const x = L.rand([2, 16, 16, 16], { seed: 1 });
    const filter = L.rand([32, 3, 3, 16], { seed: 2 });
    const convolve = (): Promise<Float32Array> => L.scope(() => L.conv2d(x, filter, { padding: 1 }).data());
    const first = await convolve();
    const { packed } = L.memory();
    expect(packed - before.packed).toBeGreaterThanOrEqual(32 * 9 * 16 * 4);
    expect(await convolve()).toEqual(first);
    expect(L.memory().packed).toBe(packed);

    L.emptyMemoryCache();
    expect(L.memory().packed).toBe(0);
    expect(await convolve()).toEqual(first);
    filter.write(new Float32Array(32 * 9 * 16));
    expect((await convolve()).every((value) => value === 0)).toBe(true);
    expect(L.memory().packed).toBe(packed - before.packed);

    filter.dispose();
    expect(L.memory().packed).toBe(0);
    x.dispose();
    expect(L.memory().active).toBe(before.active);
  });

  it('packed filters give way under pressure', async () => {
    const x = L.rand([1, 8, 8, 768], { seed: 1 });
    const filter = L.rand([1024, 1, 1, 768], { seed: 2 }); // 3 MiB
    const first = await L.scope(() => L.conv2d(x, filter).data());
    L.emptyMemoryCache();
    await L.scope(() => L.conv2d(x, filter).data());
    const { active, packed } = L.memory();
    expect(packed).toBeGreaterThan(2 * MiB);
    L.setMemoryLimit(active + packed + MiB);
    const other = L.zeros([MiB / 2]); // 2 MiB: fits only without the packed filter
    expect(L.memory().packed).toBe(0);
    other.dispose();
    L.setMemoryLimit(limit);
    expect(await L.scope(() => L.conv2d(x, filter).data())).toEqual(first);
    x.dispose();
    filter.dispose();
  });
});
