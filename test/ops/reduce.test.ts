import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { checkGradients, expectClose, spread } from './finite-differences.js';

const leaf = spread([2, 3, 4]);

describe('reductions', () => {
  it('reduces every axis to a scalar', () => {
    L.scope(() => {
      const x = L.tensor(leaf.values, leaf.shape);
      const total = leaf.values.reduce((sum, value) => sum + value, 0);
      expect(L.sum(x).shape).toEqual([]);
      expectClose(L.sum(x).dataSync(), [total]);
      expectClose(L.mean(x).dataSync(), [total / 24]);
      expectClose(L.max(x).dataSync(), [Math.max(...leaf.values)]);
      expectClose(L.min(x).dataSync(), [Math.min(...leaf.values)]);
    });
  });

  it('reduces the axes asked for, from the back too, and keeps them on demand', () => {
    L.scope(() => {
      const x = L.tensor(leaf.values, leaf.shape);
      expect(L.sum(x, 1).shape).toEqual([2, 4]);
      expect(L.sum(x, [0, -1]).shape).toEqual([3]);
      expect(L.sum(x, [0, 2], { keepDims: true }).shape).toEqual([1, 3, 1]);
      const expected = [0, 1, 2].map((j) => {
        return leaf.values.reduce((sum, value, i) => (Math.floor(i / 4) % 3 === j ? sum + value : sum), 0);
      });
      expectClose(L.sum(x, [0, 2]).dataSync(), expected);
    });
  });

  it.each([
    ['sum', L.sum],
    ['mean', L.mean],
    ['max', L.max],
    ['min', L.min],
  ] as const)('%s has the gradient of finite differences', (_, f) => {
    checkGradients((x) => f(x), [leaf]);
    checkGradients((x) => f(x, [0, 2]), [leaf]);
    checkGradients((x) => f(x, 1, { keepDims: true }), [leaf]);
  });

  it('of a scalar passes the gradient', () => {
    L.scope(() => {
      const x = L.tensor(3, undefined, { requiresGrad: true });
      expect(L.sum(L.sum(x.square())).shape).toEqual([]);
      L.mean(L.sum(x.square())).backward();
      expect(x.grad!.itemSync()).toBe(6);
    });
  });

  it('argMax gives the first largest', () => {
    L.scope(() => {
      const x = L.tensor([
        [1, 5, 5],
        [7, 2, 0],
      ]);
      expect(L.argMax(x).dtype).toBe('i32');
      expect([...L.argMax(x).dataSync()]).toEqual([1, 0]);
      expect([...L.argMax(x, 0).dataSync()]).toEqual([1, 0, 0]);
    });
  });

  it('refuses axes that are not there or named twice', () => {
    L.scope(() => {
      expect(() => L.sum(L.ones([2, 3]), 2)).toThrow(L.IndexRangeError);
      expect(() => L.sum(L.ones([2, 3]), 0.5)).toThrow(L.IndexRangeError);
      expect(() => L.sum(L.ones([2, 3]), [0, -2])).toThrow(L.ArgumentError);
    });
  });
});
