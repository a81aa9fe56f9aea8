import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';

function messageOf(call: () => void): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(L.StaleTensorError);
    return (error as Error).message;
  }
  throw new Error('expected a StaleTensorError, but nothing was thrown');
}

describe('a tensor that backward needs was changed', () => {
  it('by write(): the error names both operations', () => {
    L.scope(() => {
      const x = L.tensor([1, 2], undefined, { requiresGrad: true });
      const w = L.tensor([3, 4]);
      const y = x.mul(w).sum();
      w.write(Float32Array.of(5, 6));
      const message = messageOf(() => y.backward());
      expect(message).toContain('[binary]');
      expect(message).toContain('write');
    });
  });

  it('by an optimiser, by assign(), and through a view of the same memory', () => {
    L.scope(() => {
      const x = L.rand([2, 3], { seed: 1 });
      const weight = L.rand([4, 3], { seed: 2, requiresGrad: true });
      const input = L.rand([2, 3], { seed: 3, requiresGrad: true });
      const { stepBlock } = L.device();
      const rateSlot = stepBlock.allocateSlot();
      const options = { rateSlot, momentum: 0, decay: 0, nesterov: false };

      const first = L.linear(input, weight).sum();
      L.sgd([weight], [L.ones([4, 3])], [], options);
      expect(messageOf(() => first.backward())).toMatch(/\[linear\].*sgd/);
      stepBlock.releaseSlot(rateSlot);

      const second = L.linear(input, weight).sum();
      L.assign(weight.detach(), L.ones([4, 3]));
      expect(messageOf(() => second.backward())).toMatch(/\[linear\].*assign/);

      const third = L.linear(x, weight).sum();
      weight.detach().reshape([12]).write(new Float32Array(12));
      expect(messageOf(() => third.backward())).toMatch(/\[linear\].*write/);
    });
  });

  it('but not when backward does not need it, and not when it changed before', async () => {
    const x = L.tensor([1, 2], undefined, { requiresGrad: true });
    const term = L.tensor([3, 4]);
    const y = x.add(term).sum();
    term.write(Float32Array.of(5, 6));
    y.backward();
    expect([...(await x.grad!.data())]).toEqual([1, 1]);
    const z = x.mul(term).sum();
    z.backward();
    expect([...(await x.grad!.data())]).toEqual([6, 7]);
    for (const each of [x, term, y, z]) each.dispose();
  });
});

describe('the graph', () => {
  it('is freed by backward', () => {
    L.scope(() => {
      const x = L.tensor([1, 2], undefined, { requiresGrad: true });
      const y = x.square().sum();
      y.backward();
      expect(() => y.backward()).toThrow(/retain/);
      expect(() => L.grad(y, [x])).toThrow(L.ArgumentError);
    });
  });

  it('is kept with retain', async () => {
    const x = L.tensor([1, 2], undefined, { requiresGrad: true });
    const y = x.square().sum();
    y.backward({ retain: true });
    const [again] = L.grad(y, [x], { retain: true });
    y.backward();
    expect([...(await x.grad!.data())]).toEqual([4, 8]);
    expect([...(await again.data())]).toEqual([2, 4]);
    for (const each of [x, y, again]) each.dispose();
  });

  it('goes through the reduction of a scalar', async () => {
    const x = L.tensor(3, [], { requiresGrad: true });
    const y = x.square().sum().mean();
    y.backward();
    expect(await x.grad!.item()).toBe(6);
    x.dispose();
    y.dispose();
  });

  it('gives every leaf a gradient of its own, even where one tensor serves several', async () => {
    const a = L.tensor([3, 4], undefined, { requiresGrad: true });
    const b = L.tensor([1, 1], undefined, { requiresGrad: true });
    const y = a.add(b).sum();
    y.backward();
    a.grad!.write(Float32Array.of(9, 9));
    expect([...(await b.grad!.data())]).toEqual([1, 1]);
    a.grad = null;
    b.grad = null;
    const z = a.add(b).sum();
    z.backward();
    const norm = L.clipGradNorm([a, b], 1)!; // in place: a shared gradient would be scaled twice
    const scaled = [...(await a.grad!.data()), ...(await b.grad!.data())];
    for (const value of scaled) expect(value).toBeCloseTo(0.5, 5);
    for (const each of [a, b, y, z, norm]) each.dispose();
  });
});
