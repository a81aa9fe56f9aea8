import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';

describe('making tensors', () => {
  it('takes nested arrays, flat arrays with a shape, and typed arrays', () => {
    L.scope(() => {
      expect(L.tensor(5).shape).toEqual([]);
      expect(L.tensor([[[1, 2]], [[3, 4]]]).shape).toEqual([2, 1, 2]);
      expect(L.tensor([1, 2, 3, 4, 5, 6], [2, 3]).shape).toEqual([2, 3]);
      const floats = L.tensor(Float32Array.of(1, 2));
      const ints: L.Tensor<'i32'> = L.tensor(Int32Array.of(1, 2));
      const bytes: L.Tensor<'u8'> = L.tensor(Uint8Array.of(1, 2));
      expect([floats.dtype, ints.dtype, bytes.dtype]).toEqual(['f32', 'i32', 'u8']);
      expect(L.tensor([1, 2], undefined, { dtype: 'u8' }).dataSync()).toEqual(Uint8Array.of(1, 2));
    });
  });

  it('refuses what is no tensor', () => {
    L.scope(() => {
      expect(() => L.tensor([[1, 2], [3]])).toThrow(L.ShapeError);
      expect(() => L.tensor([1, 2, 3], [2, 2])).toThrow(L.ShapeError);
      expect(() => L.tensor([])).toThrow(L.ShapeError);
      expect(() => L.tensor([1], [-1, -1])).toThrow(L.ShapeError);
      expect(() => L.zeros([2, 0])).toThrow(L.ShapeError);
      expect(() => L.tensor([1, 2, 3, 4, 5, 6, 7], [1, 1, 1, 1, 1, 1, 7])).toThrow(L.ShapeError);
      expect(() => L.tensor([1.5], undefined, { dtype: 'i32' })).toThrow(L.ArgumentError);
      expect(() => L.tensor([256], undefined, { dtype: 'u8' })).toThrow(L.ArgumentError);
      expect(() => L.ones([2], { dtype: 'i32', requiresGrad: true })).toThrow(L.DTypeError);
    });
  });

  it('copies the array at the call', async () => {
    const values = Float32Array.of(1, 2);
    const x = L.tensor(values);
    values.fill(9);
    expect([...(await x.data())]).toEqual([1, 2]);
    x.dispose();
  });

  it('fills with constants of any type', () => {
    L.scope(() => {
      expect([...L.full([2], 2.5).dataSync()]).toEqual([2.5, 2.5]);
      expect(L.zeros([2], { dtype: 'u8' }).dataSync()).toEqual(Uint8Array.of(0, 0));
      expect(L.ones([2], { dtype: 'i32' }).dataSync()).toEqual(Int32Array.of(1, 1));
    });
  });

  it('draws random numbers that are a function of seed, stream and place', () => {
    L.scope(() => {
      const a = L.randn([1000], { seed: 7 }).dataSync();
      expect(L.randn([1000], { seed: 7 }).dataSync()).toEqual(a);
      expect(L.randn([10], { seed: 7 }).dataSync()).toEqual(a.slice(0, 10));
      expect(L.randn([1000], { seed: 8 }).dataSync()).not.toEqual(a);
      expect(L.randn([1000], { seed: 7, stream: 1 }).dataSync()).not.toEqual(a);
      const mean = a.reduce((sum, value) => sum + value, 0) / 1000;
      const variance = a.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 1000;
      expect(Math.abs(mean)).toBeLessThan(0.15);
      expect(Math.abs(variance - 1)).toBeLessThan(0.2);
      const uniform = L.rand([1000], { seed: 7, low: -3, high: -1 }).dataSync();
      expect(Math.min(...uniform)).toBeGreaterThanOrEqual(-3);
      expect(Math.max(...uniform)).toBeLessThan(-1);
      expect(() => L.randn([2], { seed: -1 })).toThrow(L.ArgumentError);
      expect(() => L.randn([2], { seed: 0.5 })).toThrow(L.ArgumentError);
    });
  });

  it('refuses a device that is not there, with the reason', () => {
    process.env.LAPIDARY_CUDA_DRIVER = 'no-such-libcuda.so';
    expect(() => L.zeros([2], { device: 'cuda' })).toThrow(L.DeviceError);
    expect(() => L.device('cuda')).toThrow(/but found none: no CUDA driver/);
  });
});

describe('a tensor', () => {
  it('knows its shape and size', () => {
    L.scope(() => {
      const x = L.zeros([2, 3]);
      expect([x.shape, x.size, x.rank, x.device]).toEqual([[2, 3], 6, 2, 'cpu']);
      expect(Object.isFrozen(x.shape)).toBe(true);
    });
  });

  it('gives the value of one element, and refuses more', async () => {
    await L.scope(async () => {
      expect(await L.tensor([[4]]).item()).toBe(4);
      expect(L.tensor(4).itemSync()).toBe(4);
      await expect(L.ones([2]).item()).rejects.toThrow(L.ShapeError);
      expect(() => L.ones([2]).itemSync()).toThrow(L.ShapeError);
    });
  });

  it('is overwritten in stream order', () => {
    L.scope(() => {
      const x = L.tensor([1, 2]);
      const before = x.add(0);
      x.write(Float32Array.of(3, 4));
      expect([...before.dataSync()]).toEqual([1, 2]);
      expect([...x.dataSync()]).toEqual([3, 4]);
      expect(() => x.write(Float32Array.of(1))).toThrow(L.ShapeError);
      expect(() => x.write(Int32Array.of(1, 2) as never)).toThrow(L.DTypeError);
    });
  });

  it('prints its state, never its values, and is not thenable', () => {
    L.scope(() => {
      const x = L.ones([2, 3], { requiresGrad: true });
      expect(inspect(x)).toBe('Tensor f32[2, 3] on cpu, requires grad');
      expect(inspect(L.zeros([1], { dtype: 'i32' }))).toBe('Tensor i32[1] on cpu');
      expect(JSON.stringify({ x })).toBe('{"x":"f32[2, 3] on cpu, requires grad"}');
      expect('then' in x).toBe(false);
      x.dispose();
      expect(inspect(x)).toBe('Tensor f32[2, 3] on cpu, disposed');
    });
  });

  it('throws DisposedError once disposed; disposing twice is fine', async () => {
    const x = L.ones([2]);
    expect(x.disposed).toBe(false);
    x.dispose();
    x.dispose();
    expect(x.disposed).toBe(true);
    expect(() => x.add(1)).toThrow(L.DisposedError);
    L.scope(() => expect(() => L.add(L.ones([2]), x)).toThrow(L.DisposedError));
    await expect(x.data()).rejects.toThrow(L.DisposedError);
  });

  it('lives to the end of its block with `using`', () => {
    const outer = (() => {
      using x = L.ones([2]);
      expect(x.disposed).toBe(false);
      return x;
    })();
    expect(outer.disposed).toBe(true);
  });

  it('sets requiresGrad on leaves only', () => {
    L.scope(() => {
      const x = L.ones([2]);
      expect(x.requiresGrad).toBe(false);
      x.requiresGrad = true;
      expect(x.requiresGrad).toBe(true);
      const y = x.add(1);
      expect(() => {
        y.requiresGrad = true;
      }).toThrow(L.ArgumentError);
    });
  });

  it('has every function as a method', () => {
    L.scope(() => {
      const x = L.tensor([[0.5, 2]]);
      const same: [L.Tensor, L.Tensor][] = [
        [x.relu(), L.relu(x)],
        [x.sigmoid(), L.sigmoid(x)],
        [x.softmax(), L.softmax(x)],
        [x.logSoftmax(), L.logSoftmax(x)],
        [x.sum(), L.sum(x)],
        [x.mean(1), L.mean(x, 1)],
        [x.reshape([2]), L.reshape(x, [2])],
        [x.transpose(), L.transpose(x)],
        [x.slice(1, 1), L.slice(x, 1, 1)],
        [x.matmul(x, { transposeB: true }), L.matmul(x, x, { transposeB: true })],
        [x.clamp(0, 1), L.clamp(x, 0, 1)],
        [
          x.pad([
            [0, 0],
            [1, 1],
          ]),
          L.pad(x, [
            [0, 0],
            [1, 1],
          ]),
        ],
      ];
      for (const [method, functional] of same) {
        expect(method.shape).toEqual(functional.shape);
        expect(method.dataSync()).toEqual(functional.dataSync());
      }
      expect(x.argMax().dataSync()).toEqual(Int32Array.of(1));
    });
  });
});
