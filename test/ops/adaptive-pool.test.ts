import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { checkGradients, expectClose, spread } from './finite-differences.js';

/** The definition of PyTorch's AdaptiveAvgPool2d, for one channel. */
function expected(map: readonly (readonly number[])[], height: number, width: number): number[] {
  const bounds = (i: number, extent: number, size: number): [number, number] => [
    Math.floor((i * extent) / size),
    Math.ceil(((i + 1) * extent) / size),
  ];
  return Array.from({ length: height * width }, (_, at) => {
    const rows = map.slice(...bounds(Math.floor(at / width), map.length, height));
    const values = rows.flatMap((row) => row.slice(...bounds(at % width, row.length, width)));
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  });
}

describe('adaptive average pooling', () => {
  it.each([
    [1, 1, 7, 7],
    [2, 2, 7, 7],
    [14, 7, 7, 7],
    [5, 8, 3, 4],
    [6, 10, 4, 3],
    [3, 3, 1, 2],
  ])('takes a map of %i x %i to %i x %i', (h, w, height, width) => {
    const map = Array.from({ length: h }, (_, i) => Array.from({ length: w }, (_, j) => Math.sin(7 * i + j)));
    L.scope(() => {
      const y = L.adaptiveAvgPool2d(L.tensor(map).reshape([1, h, w, 1]), [height, width]);
      expect(y.shape).toEqual([1, height, width, 1]);
      expectClose(y.dataSync(), expected(map, height, width));
    });
  });

  it('has the gradient of finite differences', () => {
    checkGradients((x) => L.adaptiveAvgPool2d(x, [3, 2]), [spread([2, 4, 5, 3])]);
    checkGradients((x) => L.adaptiveAvgPool2d(x, 3), [spread([1, 2, 2, 2])]);
  });

  it('refuses sizes that are none', () => {
    L.scope(() => {
      expect(() => L.adaptiveAvgPool2d(L.ones([1, 2, 2, 1]), 0)).toThrow(L.ArgumentError);
      expect(() => L.adaptiveAvgPool2d(L.ones([1, 2, 2, 1]), 1.5)).toThrow(L.ArgumentError);
      expect(() => L.adaptiveAvgPool2d(L.ones([2, 2]), 1)).toThrow(L.ShapeError);
    });
  });
});
