import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { checkGradients, expectClose, normal } from './finite-differences.js';

function product(a: ArrayLike<number>, b: ArrayLike<number>, m: number, k: number, n: number): number[] {
  return Array.from({ length: m * n }, (_, at) => {
    let total = 0;
    for (let i = 0; i < k; i++) total += a[Math.floor(at / n) * k + i]! * b[i * n + (at % n)]!;
    return total;
  });
}

describe('matmul', () => {
  const a = normal([3, 5], 1);
  const b = normal([5, 4], 2);

  it('is the product of two matrices, transposed or not', () => {
    L.scope(() => {
      const left = L.tensor(a.values, a.shape);
      const right = L.tensor(b.values, b.shape);
      const expected = product(a.values, b.values, 3, 5, 4);
      expectClose(L.matmul(left, right).dataSync(), expected);
      expectClose(L.matmul(L.transpose(left), right, { transposeA: true }).dataSync(), expected);
      expectClose(L.matmul(left, L.transpose(right), { transposeB: true }).dataSync(), expected);
      const both = L.matmul(L.transpose(left), L.transpose(right), { transposeA: true, transposeB: true });
      expectClose(both.dataSync(), expected);
    });
  });

  it('has the gradient of finite differences', () => {
    checkGradients((x, y) => L.matmul(x, y), [a, b]);
    checkGradients((x, y) => L.matmul(y, x, { transposeA: true, transposeB: true }), [a, b]);
  });

  it('refuses inner extents that differ', () => {
    L.scope(() => expect(() => L.matmul(L.ones([2, 3]), L.ones([2, 3]))).toThrow(L.ShapeError));
  });
});

describe('linear', () => {
  const [x, weight, bias] = [normal([3, 5], 3), normal([4, 5], 4), normal([4], 5)];

  it('is x W^T + b', () => {
    L.scope(() => {
      const [input, w, b] = [x, weight, bias].map((leaf) => L.tensor(leaf.values, leaf.shape));
      const expected = L.add(L.matmul(input!, w!, { transposeB: true }), b!).dataSync();
      expectClose(L.linear(input!, w!, b!).dataSync(), [...expected]);
      expect(L.linear(input!, w!).shape).toEqual([3, 4]);
    });
  });

  it('has the gradient of finite differences', () => {
    checkGradients((input, w, b) => L.linear(input, w, b), [x, weight, bias]);
    checkGradients((input, w) => L.linear(input, w), [x, weight]);
  });

  it('gives a sample the same bits in every batch', () => {
    L.scope(() => {
      const many = L.randn([33, 64], { seed: 6 });
      const w = L.randn([10, 64], { seed: 7 });
      const all = L.linear(many, w).dataSync();
      const one = L.linear(L.slice(many, 0, 17, 1), w).dataSync();
      expect([...one]).toEqual([...all.subarray(170, 180)]);
    });
  });
});
