import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';

/** w' A w / 2 + b' w: its Hessian is A, wherever w is. */
function quadratic() {
  const a = [4, 1, -2, 1, 3, 0.5, -2, 0.5, 5];
  const matrix = L.tensor(a, [3, 3]);
  const b = L.tensor([1, -2, 3]);
  const w = L.tensor([0.3, -0.7, 1.1], undefined, { requiresGrad: true });
  const loss = (): L.Tensor => {
    const row = w.reshape([1, 3]);
    return row.matmul(matrix).mul(row).sum().mul(0.5).add(b.mul(w).sum());
  };
  return {
    w,
    loss,
    product: (v: readonly number[]) =>
      [0, 1, 2].map((i) => v.reduce((sum, x, j) => sum + a[3 * i + j]! * x, 0)),
  };
}

describe('hvp', () => {
  it('is the matrix of a quadratic times the vector, at any length of it and any step', () => {
    L.scope(() => {
      const { w, loss, product } = quadratic();
      for (const scale of [1e-3, 1, 1e4]) {
        for (const step of [undefined, 0.1, 1]) {
          const v = [1, -2, 0.5].map((x) => x * scale);
          const [hv] = L.hvp(loss, [w], [L.tensor(v)], step === undefined ? {} : { step });
          for (const [i, value] of hv!.dataSync().entries()) {
            expect(Math.abs(value - product(v)[i]!)).toBeLessThan((step ? 1e-4 : 1e-3) * scale * 10);
          }
        }
      }
      const [zero] = L.hvp(loss, [w], [L.zeros([3])]);
      expect([...zero!.dataSync()]).toEqual([0, 0, 0]);
    });
  });

  it('puts the parameters back to the bit, also when the loss throws, and leaves .grad alone', () => {
    L.scope(() => {
      const { w, loss } = quadratic();
      const before = [...w.dataSync()];
      const v = L.tensor([1e8, 3, -7]); // w + v - v would lose them
      L.hvp(loss, [w], [v]);
      expect([...w.dataSync()]).toEqual(before);
      expect(w.grad).toBeNull();
      let calls = 0;
      const failing = (): L.Tensor => {
        if (++calls === 2) throw new RangeError('boom');
        return loss();
      };
      expect(() => L.hvp(failing, [w], [v])).toThrow(RangeError);
      expect([...w.dataSync()]).toEqual(before);
      expect(() => L.hvp(loss, [w], [L.ones([2])])).toThrow(L.ShapeError);
      expect([...w.dataSync()]).toEqual(before);
    });
  });

  it('gives null for what the loss does not depend on, and refuses wrong lists and steps', () => {
    L.scope(() => {
      const { w, loss } = quadratic();
      const other = L.ones([2], { requiresGrad: true });
      const v = L.ones([3]);
      expect(L.hvp(loss, [w], [v], { of: [other] })).toEqual([null]);
      expect(() => L.hvp(loss, [w], [])).toThrow(L.ArgumentError);
      expect(() => L.hvp(loss, [], [])).toThrow(L.ArgumentError);
      for (const step of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(() => L.hvp(loss, [w], [v], { step })).toThrow(L.ArgumentError);
      }
    });
  });

  it('waits for nothing, so it can be captured', () => {
    L.scope(() => {
      const { w, loss, product } = quadratic();
      const v = L.tensor([1, 0, 0]);
      using step = L.capture(() => L.hvp(loss, [w], [v], { step: 0.5 }));
      v.write(Float32Array.of(0, 2, 0));
      step.replay();
      for (const [i, value] of step.outputs[0]!.dataSync().entries()) {
        expect(value).toBeCloseTo(product([0, 2, 0])[i]!, 3);
      }
    });
  });
});
