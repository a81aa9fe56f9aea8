import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { checkGradients, expectClose, spread } from './finite-differences.js';
import '../collect-garbage.js';

const positive = { shape: [2, 3], values: Float32Array.of(0.4, 2.5, 1.1, 0.7, 3.2, 1.9) };

describe('unary functions', () => {
  const cases: [name: string, (x: L.Tensor) => L.Tensor, (x: number) => number][] = [
    ['relu', L.relu, (x) => Math.max(x, 0)],
    ['relu6', L.relu6, (x) => Math.min(Math.max(x, 0), 6)],
    ['sigmoid', L.sigmoid, (x) => 1 / (1 + Math.exp(-x))],
    ['tanh', L.tanh, Math.tanh],
    ['exp', L.exp, Math.exp],
    ['square', L.square, (x) => x * x],
    ['abs', L.abs, Math.abs],
    ['neg', L.neg, (x) => -x],
    ['affine', (x) => L.affine(x, 3, -2), (x) => 3 * x - 2],
    ['clamp', (x) => L.clamp(x, -0.5, 0.8), (x) => Math.min(Math.max(x, -0.5), 0.8)],
    ['silu', L.silu, (x) => x / (1 + Math.exp(-x))],
    ['hardSwish', L.hardSwish, (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6],
    ['hardSigmoid', L.hardSigmoid, (x) => Math.min(Math.max(x + 3, 0), 6) / 6],
    ['elu', (x) => x.elu(0.5), (x) => (x > 0 ? x : 0.5 * Math.expm1(x))],
    ['leakyRelu', (x) => x.leakyRelu(0.1), (x) => (x > 0 ? x : 0.1 * x)],
    [
      'gelu by tanh',
      (x) => x.gelu('tanh'),
      (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    ],
  ];
  it.each(cases)('%s agrees with JavaScript and with finite differences', (_, f, reference) => {
    const leaf = spread([3, 5]);
    L.scope(() => {
      const y = f(L.tensor(leaf.values, leaf.shape));
      expect(y.shape).toEqual([3, 5]);
      expectClose(y.dataSync(), Array.from(leaf.values, reference));
    });
    checkGradients(f, [leaf]);
  });

  const positiveCases: [name: string, (x: L.Tensor) => L.Tensor, (x: number) => number][] = [
    ['log', L.log, Math.log],
    ['sqrt', L.sqrt, Math.sqrt],
    ['reciprocal', L.reciprocal, (x) => 1 / x],
  ];
  it.each(positiveCases)('%s agrees with JavaScript and with finite differences', (_, f, reference) => {
    L.scope(() => {
      expectClose(f(L.tensor(positive.values)).dataSync(), Array.from(positive.values, reference));
    });
    checkGradients(f, [positive]);
  });

  it('gelu has the gradient of finite differences, and Phi(1) is 0.8413', () => {
    L.scope(() => expectClose(L.gelu(L.tensor([-1, 0, 1])).dataSync(), [-0.15865525, 0, 0.84134475], 1e-6));
    checkGradients((x) => L.gelu(x), [spread([3, 5])]);
  });

  it('sign and step have no gradient', () => {
    L.scope(() => {
      const x = L.tensor([-2, 0, 3], undefined, { requiresGrad: true });
      expect([...L.sign(x).dataSync()]).toEqual([-1, 0, 1]);
      expect([...L.step(x).dataSync()]).toEqual([0, 0, 1]);
      expect(() => L.sum(L.sign(x)).backward()).toThrow(L.ArgumentError);
    });
  });

  it('relu has the gradient 0 at 0', () => {
    L.scope(() => {
      const x = L.tensor([-1, 0, 1], undefined, { requiresGrad: true });
      const [dx] = L.grad(L.sum(L.relu(x)), [x]);
      expect([...dx.dataSync()]).toEqual([0, 0, 1]);
    });
  });
});

describe('binary functions', () => {
  const cases: [name: string, (a: L.Tensor, b: L.Tensor) => L.Tensor, (a: number, b: number) => number][] = [
    ['add', L.add, (a, b) => a + b],
    ['sub', L.sub, (a, b) => a - b],
    ['mul', L.mul, (a, b) => a * b],
    ['div', L.div, (a, b) => a / b],
    ['maximum', L.maximum, Math.max],
    ['minimum', L.minimum, Math.min],
  ];
  const a = { shape: [2, 3], values: Float32Array.of(0.6, -1.1, 1.7, -0.5, 2.3, 0.8) };
  const b = { shape: [3], values: Float32Array.of(-0.9, 1.3, 2.1) };
  it.each(cases)('%s broadcasts, and its gradients sum what was repeated', (_, f, reference) => {
    L.scope(() => {
      const y = f(L.tensor(a.values, a.shape), L.tensor(b.values, b.shape));
      expect(y.shape).toEqual([2, 3]);
      expectClose(
        y.dataSync(),
        Array.from(a.values, (value, i) => reference(value, b.values[i % 3]!)),
      );
    });
    checkGradients(f, [a, b]);
    checkGradients((x, y) => f(y, x), [a, b]);
  });

  it('broadcasts [2, 1, 3] with [4, 1]', () => {
    L.scope(() => {
      const y = L.mul(L.ones([2, 1, 3]), L.tensor([[1], [2], [3], [4]]));
      expect(y.shape).toEqual([2, 4, 3]);
      expect([...y.dataSync().subarray(0, 6)]).toEqual([1, 1, 1, 2, 2, 2]);
    });
  });

  it('takes numbers', () => {
    L.scope(() => {
      const x = L.tensor([1, 2, 4]);
      expect([...x.add(1).dataSync()]).toEqual([2, 3, 5]);
      expect([...x.sub(1).dataSync()]).toEqual([0, 1, 3]);
      expect([...x.mul(3).dataSync()]).toEqual([3, 6, 12]);
      expect([...x.div(4).dataSync()]).toEqual([0.25, 0.5, 1]);
      expect([...x.maximum(2).dataSync()]).toEqual([2, 2, 4]);
      expect([...x.minimum(2).dataSync()]).toEqual([1, 2, 2]);
      expect([...x.equal(2).dataSync()]).toEqual([0, 1, 0]);
      expect([...x.greater(1).dataSync()]).toEqual([0, 1, 1]);
    });
    const before = L.memory().liveTensors;
    L.scope(() => void L.ones([2]).div(3));
    expect(L.memory().liveTensors).toBe(before);
  });

  it('refuses shapes that do not broadcast, naming both', () => {
    L.scope(() => {
      expect(() => L.add(L.ones([2, 3]), L.ones([2]))).toThrow(L.ShapeError);
      expect(() => L.add(L.ones([2, 3]), L.ones([2]))).toThrow(/\[2, 3\].*\[2\]/);
    });
  });
});

describe('cast', () => {
  it('keeps values, and truncates and saturates to i32', () => {
    L.scope(() => {
      expect([
        ...L.tensor(Uint8Array.of(0, 7, 255))
          .cast('f32')
          .dataSync(),
      ]).toEqual([0, 7, 255]);
      expect([...L.tensor(Int32Array.of(-3, 9)).cast('f32').dataSync()]).toEqual([-3, 9]);
      const extreme = L.tensor([1.9, -1.9, 1e20, Number.NaN]).cast('i32');
      expect(extreme.dtype).toBe('i32');
      expect([...extreme.dataSync()]).toEqual([1, -1, 2147483647, 0]);
      expect(() => L.ones([2]).cast('u8')).toThrow(L.DTypeError);
    });
  });
});
