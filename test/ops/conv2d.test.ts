import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { checkGradients, expectClose, normal } from './finite-differences.js';

/** The definition, in float64. */
function reference(
  x: ArrayLike<number>,
  [n, h, w, c]: readonly [number, number, number, number],
  filter: ArrayLike<number>,
  [k, r, s]: readonly [number, number, number],
  { stride = 1, padding = 0, dilation = 1, groups = 1 },
): number[] {
  const p = Math.floor((h + 2 * padding - dilation * (r - 1) - 1) / stride) + 1;
  const q = Math.floor((w + 2 * padding - dilation * (s - 1) - 1) / stride) + 1;
  const [inner, outer] = [c / groups, k / groups];
  const y: number[] = [];
  for (let image = 0; image < n; image++)
    for (let row = 0; row < p; row++)
      for (let column = 0; column < q; column++)
        for (let out = 0; out < k; out++) {
          let total = 0;
          for (let i = 0; i < r; i++)
            for (let j = 0; j < s; j++)
              for (let channel = 0; channel < inner; channel++) {
                const [top, left] = [
                  row * stride - padding + i * dilation,
                  column * stride - padding + j * dilation,
                ];
                if (top < 0 || top >= h || left < 0 || left >= w) continue;
                const from = Math.floor(out / outer) * inner + channel;
                total +=
                  x[((image * h + top) * w + left) * c + from]! *
                  filter[((out * r + i) * s + j) * inner + channel]!;
              }
          y.push(total);
        }
  return y;
}

describe('conv2d', () => {
  it.each([
    { stride: 1, padding: 1 },
    { stride: 2, padding: 1 },
    { stride: 1, padding: 2, dilation: 2 },
    { stride: 1, padding: 1, groups: 2 },
    { stride: 2, padding: 1, groups: 4 },
  ])('agrees with the definition and with finite differences: %o', (geometry) => {
    const [c, k] = [4, 4];
    const x = normal([2, 5, 4, c], 1);
    const filter = normal([k, 3, 3, c / (geometry.groups ?? 1)], 2);
    L.scope(() => {
      const y = L.conv2d(L.tensor(x.values, x.shape), L.tensor(filter.values, filter.shape), geometry);
      expectClose(y.dataSync(), reference(x.values, [2, 5, 4, c], filter.values, [k, 3, 3], geometry));
    });
    checkGradients((input, w) => L.conv2d(input, w, geometry), [x, filter]);
  });

  it.each([
    { c: 5, k: 5, r: 3, geometry: { padding: 1, groups: 5 } },
    { c: 18, k: 18, r: 3, geometry: { stride: 2, padding: 2, dilation: 2, groups: 18 } },
    { c: 4, k: 4, r: 5, geometry: { padding: 4, dilation: 2, groups: 4 } },
    { c: 2, k: 6, r: 3, geometry: { stride: 2, padding: 1, groups: 2 } },
    { c: 6, k: 9, r: 3, geometry: { padding: 1, groups: 3 } },
    { c: 8, k: 8, r: 1, geometry: { stride: 2, groups: 2 } },
    { c: 4, k: 34, r: 2, geometry: { padding: 1, groups: 2 } },
    { c: 40, k: 4, r: 1, geometry: { groups: 2 } },
    { c: 3, k: 4, r: 3, geometry: { padding: 3, dilation: 3 } },
  ])('agrees with finite differences in groups and with dilation: %o', ({ c, k, r, geometry }) => {
    const x = normal([2, 5, 4, c], 8);
    const filter = normal([k, r, r, c / (geometry.groups ?? 1)], 9);
    L.scope(() => {
      const y = L.conv2d(L.tensor(x.values, x.shape), L.tensor(filter.values, filter.shape), geometry);
      expectClose(y.dataSync(), reference(x.values, [2, 5, 4, c], filter.values, [k, r, r], geometry));
    });
    checkGradients((input, w) => L.conv2d(input, w, geometry), [x, filter]);
  });

  it('packs one filter anew for every number of groups', () => {
    L.scope(() => {
      const x = normal([1, 4, 4, 8], 10);
      const filter = normal([8, 1, 1, 4], 11);
      const w = L.tensor(filter.values, filter.shape);
      for (const [c, groups] of [
        [4, 1],
        [8, 2],
      ] as const) {
        const input = x.values.slice(0, 16 * c);
        const y = L.conv2d(L.tensor(input, [1, 4, 4, c]), w, { groups });
        expectClose(y.dataSync(), reference(input, [1, 4, 4, c], filter.values, [8, 1, 1], { groups }));
      }
    });
  });

  it('adds a bias', () => {
    checkGradients(
      (x, w, bias) => L.conv2d(x, w, { bias, padding: 1 }),
      [normal([1, 4, 4, 3], 3), normal([5, 3, 3, 3], 4), normal([5], 5)],
    );
  });

  it('takes a pair for each direction', () => {
    L.scope(() => {
      const y = L.conv2d(L.ones([1, 8, 9, 2]), L.ones([3, 1, 3, 2]), { stride: [2, 1], padding: [0, 1] });
      expect(y.shape).toEqual([1, 4, 9, 3]);
      expect(y.dataSync()[0]).toBe(4); // the first of three taps lies in the padding
      expect(y.dataSync()[3]).toBe(6);
    });
  });

  it('gives a sample the same bits in every batch', () => {
    L.scope(() => {
      const x = L.randn([7, 12, 12, 16], { seed: 6 });
      const w = L.randn([24, 3, 3, 16], { seed: 7 });
      const all = L.conv2d(x, w, { padding: 1 }).dataSync();
      const one = L.conv2d(L.slice(x, 0, 5, 1), w, { padding: 1 }).dataSync();
      expect(Buffer.compare(bytes(one), bytes(all.slice(5 * one.length, 6 * one.length)))).toBe(0);
    });
  });

  it('refuses what is no convolution', () => {
    L.scope(() => {
      const x = L.ones([1, 8, 8, 4]);
      expect(() => L.conv2d(x, L.ones([2, 3, 3, 3]))).toThrow(L.ShapeError);
      expect(() => L.conv2d(x, L.ones([2, 9, 9, 4]))).toThrow(L.ShapeError);
      expect(() => L.conv2d(L.ones([8, 8, 4]), L.ones([2, 3, 3, 4]))).toThrow(L.ShapeError);
      expect(() => L.conv2d(x, L.ones([2, 3, 3, 4]), { stride: 0 })).toThrow(L.ArgumentError);
      expect(() => L.conv2d(x, L.ones([2, 3, 3, 4]), { stride: 1.5 })).toThrow(L.ArgumentError);
      expect(() => L.conv2d(x, L.ones([2, 3, 3, 4]), { padding: -1 })).toThrow(L.ArgumentError);
    });
  });
});

function bytes(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
