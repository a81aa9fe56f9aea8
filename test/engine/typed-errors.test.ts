import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { addon } from '../../lib/native-addon.js';

function errorOf(call: () => unknown): L.LapidaryError {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(L.LapidaryError);
    return error as L.LapidaryError;
  }
  throw new Error('expected an error, but nothing was thrown');
}

describe('a wrong call throws at the call', () => {
  it('ShapeError names the operation and both sides', () => {
    L.scope(() => {
      const x = L.ones([2, 3]);
      const cases: [() => unknown, ...string[]][] = [
        [() => L.matmul(x, L.ones([4, 5])), '[matmul]', '[2, 3]', '[4, 5]'],
        [() => L.linear(x, L.ones([4, 5])), '[linear]', '[2, 3]', '[4, 5]'],
        [() => x.add(L.ones([2])), 'add', '[2, 3]', '[2]'],
        [
          () => L.conv2d(L.ones([1, 4, 4, 3]), L.ones([8, 3, 3, 5])),
          '[conv2d]',
          '[1, 4, 4, 3]',
          '[8, 3, 3, 5]',
        ],
        [() => L.conv2d(x, L.ones([8, 3, 3, 5])), '[conv2d]', 'rank 4', '[2, 3]'],
        [() => x.reshape([4]), '[reshape]', '[2, 3]', '[4]'],
        [() => L.concat([x, L.ones([2, 4])], 0), '[concat]', '[2, 3]', '[2, 4]'],
        [() => L.crossEntropy(x, L.tensor(Int32Array.of(1))), '[crossEntropy]', '[2]', '[1]'],
        [() => L.assign(x, L.ones([3, 2])), '[assign]', '[2, 3]', '[3, 2]'],
      ];
      for (const [call, ...parts] of cases) {
        const error = errorOf(call);
        expect(error).toBeInstanceOf(L.ShapeError);
        for (const part of parts) expect(error.message).toContain(part);
      }
    });
  });

  it('DTypeError names what was expected and what came', () => {
    L.scope(() => {
      const ints = L.tensor(Int32Array.of(1, 2));
      const bytes = L.tensor(Uint8Array.of(1, 2), [1, 2]);
      const unchecked = (tensor: unknown): L.Tensor => tensor as L.Tensor;
      const calls = [
        () => unchecked(ints).relu(),
        () => unchecked(ints).add(L.ones([2])),
        () => L.matmul(unchecked(bytes), L.ones([2, 2])),
        () => L.crossEntropy(L.ones([1, 2]), unchecked(L.ones([1])) as unknown as L.Tensor<'i32'>),
      ];
      for (const call of calls) {
        const error = errorOf(call);
        expect(error).toBeInstanceOf(L.DTypeError);
        expect(error.message).toMatch(/expected .*(f32|i32).*got (f32|i32|u8)\[/);
      }
    });
  });

  it('DeviceError for a device that is not there, IndexRangeError for an axis, ArgumentError for other numbers', () => {
    expect(() => L.ones([2], { device: 'cuda' })).toThrow(L.DeviceError);
    L.scope(() => {
      expect(() => L.ones([2]).sum(2)).toThrow(L.IndexRangeError);
      expect(() => L.dropout(L.ones([2]), { rate: 2, seed: 1, site: 0 })).toThrow(L.ArgumentError);
      expect(() => L.ones([2, 2]).backward()).toThrow(L.ArgumentError);
    });
  });
});

describe('a disposed tensor', () => {
  it('throws DisposedError wherever it is used', () => {
    L.scope(() => {
      const x = L.ones([2]);
      x.dispose();
      x.dispose();
      for (const call of [() => x.relu(), () => L.ones([2]).add(x), () => x.shape, () => x.dataSync()]) {
        expect(call).toThrow(L.DisposedError);
      }
    });
  });

  it('is recognised natively, also when its slot serves another tensor', () => {
    const shape = Int32Array.of(1);
    const stale: number[] = [];
    for (let round = 0; round < 100; round++) {
      const handle = addon.fromHost(Float32Array.of(round), 0, shape);
      for (const old of stale) expect(handle).not.toBe(old);
      expect(addon.toHostSync(handle)).toEqual(Float32Array.of(round));
      for (const old of stale.slice(-3)) {
        expect(() => addon.info(old)).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
        expect(() => addon.release(old)).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
      }
      addon.release(handle);
      stale.push(handle);
    }
  });

  it('rejects data() with DisposedError', async () => {
    const x = L.ones([2]);
    x.dispose();
    await expect(x.data()).rejects.toThrow(L.DisposedError);
  });
});
