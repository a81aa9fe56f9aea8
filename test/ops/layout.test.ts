import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { checkGradients, spread } from './finite-differences.js';

const leaf = spread([2, 3, 4]);
const counted = (): L.Tensor<'i32'> =>
  L.reshape(L.tensor(Int32Array.from({ length: 24 }, (_, i) => i)), [2, 3, 4]);

describe('layout', () => {
  it('reshape keeps the order and completes a -1', () => {
    L.scope(() => {
      expect(L.reshape(counted(), [4, -1]).shape).toEqual([4, 6]);
      expect([...L.reshape(counted(), [-1]).dataSync()]).toEqual([...Array(24).keys()]);
      expect(() => L.reshape(counted(), [5, 5])).toThrow(L.ShapeError);
      expect(() => L.reshape(counted(), [-1, -1])).toThrow(L.ShapeError);
      expect(() => L.reshape(counted(), [4, 6.5])).toThrow(L.ShapeError);
    });
  });

  it('transpose permutes axes, by default reversed', () => {
    L.scope(() => {
      const y = L.transpose(counted(), [2, 0, -2]);
      expect(y.shape).toEqual([4, 2, 3]);
      expect([...y.dataSync().subarray(0, 6)]).toEqual([0, 4, 8, 12, 16, 20]);
      expect(L.transpose(counted()).shape).toEqual([4, 3, 2]);
      expect(() => L.transpose(counted(), [0, 0, 1])).toThrow(L.ArgumentError);
    });
  });

  it('slice and concat take apart and put together', () => {
    L.scope(() => {
      const x = counted();
      const parts = [L.slice(x, 1, 0, 1), L.slice(x, 1, 1)];
      expect(parts.map((part) => part.shape)).toEqual([
        [2, 1, 4],
        [2, 2, 4],
      ]);
      expect([...L.concat(parts, 1).dataSync()]).toEqual([...x.dataSync()]);
      expect(L.concat([x, x]).shape).toEqual([2, 3, 8]);
      expect(() => L.slice(x, 1, 2, 2)).toThrow(L.ShapeError);
      expect(() => L.slice(x, 3, 0)).toThrow(L.IndexRangeError);
      expect(() => L.concat([])).toThrow(L.ArgumentError);
      expect(() => L.concat([x, L.slice(x, 0, 0, 1)], 1)).toThrow(L.ShapeError);
    });
  });

  it('moves bytes too', () => {
    L.scope(() => {
      const x = L.tensor(Uint8Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
      expect([...L.transpose(x).dataSync()]).toEqual([1, 4, 2, 5, 3, 6]);
      expect([...L.slice(x, 1, 1, 2).dataSync()]).toEqual([2, 3, 5, 6]);
      expect([...L.gather(x, L.tensor(Int32Array.of(1, 0, 1))).dataSync()]).toEqual([
        4, 5, 6, 1, 2, 3, 4, 5, 6,
      ]);
    });
  });

  it('pad puts a value around', () => {
    L.scope(() => {
      const y = L.pad(
        L.ones([1, 2]),
        [
          [1, 0],
          [0, 2],
        ],
        7,
      );
      expect(y.shape).toEqual([2, 4]);
      expect([...y.dataSync()]).toEqual([7, 7, 7, 7, 1, 1, 7, 7]);
      expect(() => L.pad(L.ones([1, 2]), [[1, 0]])).toThrow(L.ArgumentError);
    });
  });

  it('gather picks, with repeats; an index outside rejects', async () => {
    await L.scope(async () => {
      const picked = L.gather(counted(), L.tensor(Int32Array.of(3, 0, 3)), { axis: 2 });
      expect(picked.shape).toEqual([2, 3, 3]);
      expect([...picked.dataSync().subarray(0, 3)]).toEqual([3, 0, 3]);
      const outside = L.gather(counted(), L.tensor(Int32Array.of(2)));
      await expect(outside.data()).rejects.toThrow(L.IndexRangeError);
      await expect(L.device().synchronize()).rejects.toThrow(L.IndexRangeError);
    });
  });

  it('has the gradients of finite differences', () => {
    checkGradients((x) => L.reshape(x, [6, 4]), [leaf]);
    checkGradients((x) => L.transpose(x, [1, 2, 0]), [leaf]);
    checkGradients((x) => L.slice(x, 1, 1, 2), [leaf]);
    checkGradients((x, y) => L.concat([x, y, x], 1), [leaf, spread([2, 1, 4])]);
    checkGradients(
      (x) =>
        L.pad(x, [
          [1, 0],
          [0, 2],
          [1, 1],
        ]),
      [leaf],
    );
    checkGradients((x) => L.clone(x), [leaf]);
    L.scope(() => {
      const index = L.tensor(Int32Array.of(2, 0, 2, 2));
      checkGradients((x) => L.gather(x, index, { axis: 1 }), [leaf]);
    });
  });

  it('detach shares memory and stops gradients; clone has its own', () => {
    L.scope(() => {
      const x = L.tensor([1, 2], undefined, { requiresGrad: true });
      const [detached, copy] = [L.detach(x), L.clone(x)];
      expect(() => L.sum(detached).backward()).toThrow(L.ArgumentError);
      L.assign(x, L.tensor([5, 6]));
      expect([...detached.dataSync()]).toEqual([5, 6]);
      expect([...copy.dataSync()]).toEqual([1, 2]);
      expect(() => L.assign(x, L.tensor([1, 2, 3]))).toThrow(L.ShapeError);
    });
  });
});
