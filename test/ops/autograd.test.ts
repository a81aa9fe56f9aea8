import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';

const leaf = (...values: number[]): L.Tensor => L.tensor(values, undefined, { requiresGrad: true });

describe('backward', () => {
  it('accumulates into leaves', () => {
    L.scope(() => {
      const x = leaf(1, 2, 3);
      expect(x.grad).toBeNull();
      x.square().sum().backward();
      expect([...x.grad!.dataSync()]).toEqual([2, 4, 6]);
      x.sum().backward();
      expect([...x.grad!.dataSync()]).toEqual([3, 5, 7]);
      x.grad = null;
      expect(x.grad).toBeNull();
    });
  });

  it('starts from a seed', () => {
    L.scope(() => {
      const x = leaf(1, 2);
      expect(() => x.square().backward()).toThrow(L.ShapeError);
      x.square().backward({ seed: L.tensor([10, 100]) });
      expect([...x.grad!.dataSync()]).toEqual([20, 400]);
      expect(() => x.square().backward({ seed: L.ones([3]) })).toThrow(L.ShapeError);
    });
  });

  it('frees the graph unless it is retained', () => {
    L.scope(() => {
      const x = leaf(2);
      const y = x.square();
      y.backward({ retain: true });
      y.backward();
      expect([...x.grad!.dataSync()]).toEqual([8]);
      expect(() => y.backward()).toThrow(/retain/);
    });
  });

  it('records nothing under noGrad, nor after detach', async () => {
    await L.scope(async () => {
      const x = leaf(2);
      const quiet = await L.noGrad(async () => {
        await Promise.resolve();
        return x.square();
      });
      expect(() => quiet.backward()).toThrow(L.ArgumentError);
      expect(() => x.detach().square().backward()).toThrow(L.ArgumentError);
      x.square().backward();
      expect([...x.grad!.dataSync()]).toEqual([4]);
    });
  });

  it('tells both ops when a saved tensor was overwritten', () => {
    L.scope(() => {
      const x = leaf(2, 3);
      const y = x.square().sum();
      x.write(Float32Array.of(0, 0));
      expect(() => y.backward()).toThrow(
        expect.objectContaining({ code: 'ERR_STALE', message: expect.stringMatching(/unary.*write/) }),
      );
    });
  });

  it('keeps .grad out of scopes, and disposes it with its tensor', () => {
    const x = L.own(leaf(3));
    L.scope(() => x.square().sum().backward());
    const gradient = L.scope(() => x.grad!);
    expect([...gradient.dataSync()]).toEqual([6]);
    expect(x.grad).toBe(gradient);
    L.scope(() => x.sum().backward());
    expect([...x.grad!.dataSync()]).toEqual([7]);
    x.dispose();
    expect(gradient.disposed).toBe(true);
  });

  it('takes a gradient from outside', () => {
    L.scope(() => {
      const x = leaf(1, 2);
      x.grad = L.tensor([5, 6]);
      expect([...x.grad.dataSync()]).toEqual([5, 6]);
      expect(() => {
        x.grad = L.ones([3]);
      }).toThrow(L.ShapeError);
    });
  });
});

describe('grad', () => {
  it('leaves .grad alone and computes what is asked for', () => {
    L.scope(() => {
      const [x, w] = [leaf(1, 2), leaf(3, 4)];
      const [dx] = L.grad(L.sum(L.mul(x, w)), [x]);
      expect([...dx.dataSync()]).toEqual([3, 4]);
      expect(x.grad).toBeNull();
      expect(w.grad).toBeNull();
    });
  });

  it('gives gradients of intermediate results', () => {
    L.scope(() => {
      const x = leaf(1, 2);
      const hidden = x.mul(3);
      const [dh, dx] = L.grad(hidden.square().sum(), [hidden, x]);
      expect([...dh.dataSync()]).toEqual([6, 12]);
      expect([...dx.dataSync()]).toEqual([18, 36]);
    });
  });

  it('tells which x does not matter, or gives null for it', () => {
    L.scope(() => {
      const [x, other] = [leaf(1), leaf(1)];
      expect(() => L.grad(x.square(), [x, other])).toThrow(/xs\[1\]/);
      const [dx, none] = L.grad(x.square(), [x, other], { allowUnused: true });
      expect(dx?.itemSync()).toBe(2);
      expect(none).toBeNull();
    });
  });
});
