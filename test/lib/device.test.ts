import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';

describe('device', () => {
  it('is one a process, and describes itself', () => {
    const cpu = L.device();
    expect(L.device('cpu')).toBe(cpu);
    expect(['base', 'avx2', 'avx512']).toContain(cpu.isa);
    expect(cpu.threads).toBeGreaterThan(0);
    expect(String(cpu)).toContain(cpu.isa);
  });

  it('computes the same bits with any number of threads', async () => {
    const cpu = L.device();
    const { threads } = cpu;
    const compute = (): Float32Array =>
      L.scope(() => {
        const x = L.randn([4, 16, 16, 8], { seed: 1 });
        return L.conv2d(x, L.randn([8, 3, 3, 8], { seed: 2 }), { padding: 1 }).dataSync();
      });
    cpu.setThreads(1);
    expect(cpu.threads).toBe(1);
    const one = compute();
    cpu.setThreads(2);
    expect(compute()).toEqual(one);
    cpu.setThreads(threads);
    expect(() => cpu.setThreads(0)).toThrow(L.ArgumentError);
  });

  it('waits for its work', async () => {
    await L.device().ready();
    await expect(L.device().synchronize()).resolves.toBeUndefined();
    L.device().synchronizeSync();
  });

  it('hands out the slots of the step block', () => {
    const { stepBlock } = L.device();
    const slots = Array.from({ length: 32 }, () => stepBlock.allocateSlot());
    expect(new Set(slots).size).toBe(32);
    expect(() => stepBlock.allocateSlot()).toThrow(L.ArgumentError);
    stepBlock.releaseSlot(slots[5]!);
    expect(stepBlock.allocateSlot()).toBe(slots[5]);
    expect(() => stepBlock.set(32, 0)).toThrow(L.ArgumentError);
    expect(() => stepBlock.manualStep(-1)).toThrow(L.ArgumentError);
    for (const slot of slots) stepBlock.releaseSlot(slot);
  });

  it('counts memory, and survives running out of it', async () => {
    const { limit } = L.memory();
    const x = L.zeros([1 << 20]);
    expect(L.memory().active).toBeGreaterThanOrEqual(4 << 20);
    await L.device().synchronize();
    L.setMemoryLimit(L.memory().active + (8 << 20));
    L.emptyMemoryCache();
    expect(() => L.zeros([64 << 20])).toThrow(L.OutOfMemoryError);
    expect(x.sum().itemSync()).toBe(0);
    L.setMemoryLimit(limit);
    x.dispose();
    L.resetPeakMemory();
    expect(L.memory().peak).toBeLessThan(64 << 20);
  });
});
