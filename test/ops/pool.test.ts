import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { checkGradients, expectClose, spread } from './finite-differences.js';

const leaf = spread([2, 4, 4, 3], { gap: 0.05 });

describe('pooling', () => {
  it('takes the largest or the mean of each window', () => {
    L.scope(() => {
      const x = L.reshape(L.tensor([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]), [1, 4, 4, 1]);
      expect([...L.maxPool2d(x, 2).dataSync()]).toEqual([6, 8, 14, 16]);
      expect([...L.avgPool2d(x, 2).dataSync()]).toEqual([3.5, 5.5, 11.5, 13.5]);
      expect(L.maxPool2d(x, 3, { stride: 2, padding: 1 }).shape).toEqual([1, 2, 2, 1]);
      expectClose(L.avgPool2d(x, 3, { stride: 4, padding: 1 }).dataSync(), [14 / 9]);
      expectClose(L.avgPool2d(x, 3, { stride: 4, padding: 1, countPadding: false }).dataSync(), [14 / 4]);
      expect([...L.globalAvgPool2d(x).dataSync()]).toEqual([8.5]);
    });
  });

  it('has the gradient of finite differences', () => {
    checkGradients((x) => L.maxPool2d(x, 2), [leaf]);
    checkGradients((x) => L.maxPool2d(x, 3, { stride: 1, padding: 1 }), [leaf]);
    checkGradients((x) => L.avgPool2d(x, [3, 2], { stride: 2, padding: [1, 0] }), [leaf]);
    checkGradients((x) => L.avgPool2d(x, 3, { padding: 1, countPadding: false }), [leaf]);
    checkGradients(L.globalAvgPool2d, [leaf]);
  });

  it('refuses windows larger than the image, and strides that are none', () => {
    L.scope(() => {
      expect(() => L.maxPool2d(L.ones([1, 2, 2, 1]), 3)).toThrow(L.ShapeError);
      expect(() => L.maxPool2d(L.ones([1, 2, 2, 1]), 2, { stride: 0 })).toThrow(L.ArgumentError);
    });
  });
});
