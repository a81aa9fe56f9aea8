import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { occupyStream } from './training.js';

describe('memory released while work on it is queued', () => {
  it('a freed block serves the next tensor at once, and both results are right', async () => {
    const size = [100_000];
    occupyStream();
    const a = L.full(size, 3);
    const doubled = a.mul(2);
    a.dispose();
    const before = L.memory();
    const b = L.full(size, 5); // a's block: nothing else of this size is free
    const now = L.memory();
    expect(now.cached).toBeLessThan(before.cached);
    expect(now.active + now.cached).toBe(before.active + before.cached);
    expect((await doubled.data()).every((value) => value === 6)).toBe(true);
    expect((await b.data()).every((value) => value === 5)).toBe(true);
    doubled.dispose();
    b.dispose();
  });

  it('a long chain of short-lived tensors is computed as if none of them shared memory', async () => {
    occupyStream();
    let expected = 1;
    let x = L.full([5000], 1);
    const kept: { tensor: L.Tensor; value: number }[] = [];
    for (let step = 0; step < 500; step++) {
      const term = (step % 7) - 3;
      const next = x.affine(step % 2 === 0 ? 1 : -1, term);
      x.dispose();
      x = next;
      expected = (step % 2 === 0 ? 1 : -1) * expected + term;
      if (step % 50 === 0) kept.push({ tensor: x.clone(), value: expected });
    }
    kept.push({ tensor: x, value: expected });
    for (const { tensor, value } of kept) {
      const data = await tensor.data();
      expect(data.every((element) => element === value)).toBe(true);
      tensor.dispose();
    }
  });

  it('a tensor disposed right after data() was asked for still arrives', async () => {
    occupyStream();
    const x = L.full([1000], 7);
    const copy = x.data();
    x.dispose();
    const other = L.full([1000], 8);
    expect((await copy).every((value) => value === 7)).toBe(true);
    other.dispose();
  });
});
