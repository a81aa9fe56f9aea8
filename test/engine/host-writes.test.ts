import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { occupyStream } from './training.js';

describe('host writes race queued kernels', () => {
  it('an operation enqueued before a write reads the old value, one enqueued after it the new', async () => {
    const x = L.tensor([1, 2, 3]);
    occupyStream();
    const before = x.mul(2);
    x.write(Float32Array.of(10, 20, 30));
    const after = x.mul(2);
    expect([...(await before.data())]).toEqual([2, 4, 6]);
    expect([...(await after.data())]).toEqual([20, 40, 60]);
    for (const each of [x, before, after]) each.dispose();
  });

  it('a copy to the host asked for before a write has the old value', async () => {
    const x = L.tensor([1, 2, 3]);
    occupyStream();
    const copies = [x.data()];
    for (const value of [4, 5, 6]) {
      x.write(new Float32Array(3).fill(value));
      copies.push(x.data());
    }
    const values = await Promise.all(copies);
    expect(values.map((copy) => [...copy])).toEqual([
      [1, 2, 3],
      [4, 4, 4],
      [5, 5, 5],
      [6, 6, 6],
    ]);
    x.dispose();
  });

  it('host arrays are copied at the call: changing or detaching them afterwards changes nothing', async () => {
    occupyStream();
    const source = Float32Array.of(1, 2, 3);
    const x = L.tensor(source);
    source.fill(-1);
    const y = L.zeros([3]);
    source.set([4, 5, 6]);
    y.write(source);
    structuredClone(source, { transfer: [source.buffer] });
    expect(source).toHaveLength(0);
    expect([...(await x.data())]).toEqual([1, 2, 3]);
    expect([...(await y.data())]).toEqual([4, 5, 6]);
    x.dispose();
    y.dispose();
  });

  it('a mutating operation keeps the order of the calls', async () => {
    const target = L.tensor([0, 0]);
    const results: Promise<Float32Array>[] = [];
    occupyStream();
    for (let value = 1; value <= 50; value++) {
      const source = L.full([2], value);
      L.assign(target, source);
      source.dispose();
      results.push(target.data());
    }
    const values = (await Promise.all(results)).map((copy) => copy[0]);
    expect(values).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    target.dispose();
  });
});
