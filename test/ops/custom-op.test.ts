import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import '../collect-garbage.js';
import { checkGradients, spread } from './finite-differences.js';

const values = (t: L.Tensor | null): number[] => [...t!.dataSync()];

/** x y, and what its backward saw. */
function product() {
  const seen: { needs: readonly boolean[]; gradients: number }[] = [];
  const op = L.customOp<[L.Tensor, L.Tensor], L.Tensor>({
    name: 'product',
    forward({ save }, a, b) {
      save(a, b);
      return a.mul(b);
    },
    backward({ gradients: [dy], saved: [a, b], needs }) {
      seen.push({ needs: [...needs], gradients: dy!.size });
      return [needs[0] ? dy!.mul(b!) : null, needs[1] ? dy!.mul(a!) : null];
    },
  });
  return { op, seen };
}

describe('customOp', () => {
  it('computes and differentiates like an operation of the library', () => {
    const { op } = product();
    L.scope(() => {
      const a = L.tensor([1, 2, 3], undefined, { requiresGrad: true });
      const b = L.tensor([4, 5, 6], undefined, { requiresGrad: true });
      const y = op(a, b).tanh().sum();
      y.backward();
      const [da, db] = L.grad(a.mul(b).tanh().sum(), [a, b]);
      expect(values(a.grad)).toEqual(values(da));
      expect(values(b.grad)).toEqual(values(db));
    });
  });

  it('gets the needs-mask, and is not called for what nobody asked for', () => {
    const { op, seen } = product();
    L.scope(() => {
      const a = L.tensor([1, 2], undefined, { requiresGrad: true });
      const b = L.tensor([3, 4]);
      op(a, b).sum().backward();
      const c = L.tensor([5, 6], undefined, { requiresGrad: true });
      L.grad(op(a, b).mul(c).sum(), [c]);
      L.grad(op(a, c).sum(), [c]);
      expect(seen.map(({ needs }) => needs)).toEqual([
        [true, false],
        [false, true],
      ]);
      const y = op(b, b);
      expect(() => y.sum().backward()).toThrow(L.ArgumentError);
      expect(L.noGrad(() => op(a, c)).sum().requiresGrad).toBe(false);
    });
  });

  it('has several outputs, some of which get no gradient, and saves tensors of any type', () => {
    const arrived: boolean[][] = [];
    const op = L.customOp<[L.Tensor, L.Tensor<'i32'>], readonly L.Tensor[]>({
      name: 'splitAndPick',
      forward({ save }, x, index) {
        save(index);
        return [x.mul(2), L.gather(x, index), x];
      },
      backward({ gradients: [doubled, picked, same], saved }) {
        arrived.push([doubled, picked, same].map((each) => each !== null));
        expect(saved[0]!.dtype).toBe('i32');
        const parts = [doubled?.mul(2), same].filter((each) => each != null);
        return [parts.reduce((sum, each) => sum.add(each)), null];
      },
    });
    L.scope(() => {
      const x = L.tensor([1, 2, 3], undefined, { requiresGrad: true });
      const index = L.tensor(Int32Array.of(2));
      const [doubled, , same] = op(x, index);
      expect(same).not.toBe(x);
      doubled!.add(same!).sum().backward();
      expect(values(x.grad)).toEqual([3, 3, 3]);
      x.grad = null;
      op(x, index)[2]!.sum().backward();
      expect(values(x.grad)).toEqual([1, 1, 1]);
      expect(arrived).toEqual([
        [true, false, true],
        [false, false, true],
      ]);
    });
  });

  it('can be nested, walked twice with retain, and walk a tape of its own in backward', () => {
    const { op: inner, seen } = product();
    const outer = L.customOp<[L.Tensor], L.Tensor>({
      name: 'cubeByRecomputing',
      forward({ save }, x) {
        save(x);
        return inner(inner(x, x), x);
      },
      // Gradient checkpointing: the forward pass is recorded again and differentiated here.
      backward({ gradients: [dy], saved: [x] }) {
        const leaf = x!.detach();
        leaf.requiresGrad = true;
        const y = L.enableGrad(() => inner(inner(leaf, leaf), leaf));
        return L.grad(y, [leaf], { seed: dy! });
      },
    });
    L.scope(() => {
      const x = L.tensor([1, 2, 3], undefined, { requiresGrad: true });
      const y = outer(x).sum();
      for (const retain of [true, false]) {
        const [dx] = L.grad(y, [x], { retain });
        expect(values(dx)).toEqual([3, 12, 27]);
      }
      expect(seen.length).toBeGreaterThan(0);
      expect(() => y.backward()).toThrow(/freed/);
    });
    checkGradients((x) => outer(x), [spread([5])]);
  });

  it('can walk its own tape while that is being walked', () => {
    let y: L.Tensor;
    let depth = 0;
    const op = L.customOp<[L.Tensor], L.Tensor>({
      name: 'reentrant',
      forward: (_, x) => x.mul(3),
      backward({ gradients: [dy] }) {
        if (++depth === 1) expect(() => y.backward()).toThrow(/freed/);
        return [dy!.mul(3)];
      },
    });
    L.scope(() => {
      const x = L.tensor([1], undefined, { requiresGrad: true });
      y = op(x).sum();
      y.backward();
      expect(values(x.grad)).toEqual([3]);
      depth = 0;
      y = op(x).sum();
      const again = L.customOp<[L.Tensor], L.Tensor>({
        name: 'again',
        forward: (_, z) => z.mul(1),
        backward: ({ gradients: [dy] }) => {
          y.backward(); // another tape, fully walked meanwhile
          return [dy!];
        },
      });
      depth = 1;
      again(x).sum().backward();
      expect(values(x.grad)).toEqual([7]);
    });
  });

  it('lets errors of backward out and leaves the tape sound', () => {
    let fail = true;
    const op = L.customOp<[L.Tensor], L.Tensor>({
      name: 'moody',
      forward({ save }, x) {
        save(x);
        return x.square();
      },
      backward({ gradients: [dy], saved: [x] }) {
        const slope = x!.mul(2);
        if (fail) throw new RangeError('not today');
        return [dy!.mul(slope)];
      },
    });
    const before = L.memory().liveTensors;
    L.scope(() => {
      const x = L.tensor([3], undefined, { requiresGrad: true });
      const y = op(x);
      const live = L.memory().liveTensors;
      expect(() => y.backward()).toThrow(RangeError);
      expect(L.memory().liveTensors).toBe(live);
      expect(x.grad).toBeNull();
      fail = false;
      y.backward(); // the node that threw is still there
      expect(values(x.grad)).toEqual([6]);
    });
    expect(L.memory().liveTensors).toBe(before);
  });

  it('refuses wrong gradients, by name', () => {
    const returning = (gradients: unknown) =>
      L.customOp<[L.Tensor, L.Tensor], L.Tensor>({
        name: 'wrong',
        forward: (_, a, b) => a.add(b),
        backward: () => gradients as never,
      });
    L.scope(() => {
      const a = L.tensor([1, 2], undefined, { requiresGrad: true });
      const bad: [unknown, new (message: string) => Error][] = [
        [[L.ones([3]), null], L.ShapeError],
        [[null], L.ArgumentError],
        [[null, null, null], L.ArgumentError],
        [undefined, L.ArgumentError],
        [Promise.resolve([]), L.ArgumentError],
        [[1, 2], L.ArgumentError],
        [[L.zeros([2]).cast('i32'), null], L.ShapeError],
      ];
      for (const [gradients, Class] of bad) {
        const y = L.scope(() => returning(gradients)(a, a));
        const seed = L.ones([2]);
        expect(() => y.backward({ seed })).toThrow(Class);
        expect(() => y.backward({ seed })).toThrow(/\[wrong\]/);
      }
      const gone = L.ones([2]);
      gone.dispose();
      expect(() => returning([gone, null])(a, a).sum().backward()).toThrow(L.DisposedError);
      const one = L.ones([2]);
      returning([one, one])(a, a).sum().backward();
      expect(values(a.grad)).toEqual([2, 2]);
      expect(one.disposed).toBe(false);
    });
  });

  it('refuses wrong outputs, names and saved tensors', () => {
    const op = (forward: (context: L.CustomForward, x: L.Tensor) => unknown, name = 'bad') =>
      L.customOp<[L.Tensor], L.Tensor>({ name, forward: forward as never, backward: () => [null] });
    L.scope(() => {
      const x = L.tensor([1], undefined, { requiresGrad: true });
      for (const result of [undefined, 3, null, [x, 4], Promise.resolve(x), L.ones([1]).cast('i32')]) {
        expect(() => op(() => result)(x)).toThrow(L.ArgumentError);
      }
      expect(() => op(() => x, '')).toThrow(L.ArgumentError);
      expect(() =>
        op(({ save }) => {
          const gone = L.ones([1]);
          save(gone);
          gone.dispose();
          return x;
        })(x),
      ).toThrow(L.DisposedError);
      expect(() =>
        op(() => {
          throw new RangeError('boom');
        })(x),
      ).toThrow(RangeError);
    });
  });

  it('checks that saved tensors have not changed since', () => {
    const { op } = product();
    L.scope(() => {
      const a = L.tensor([1], undefined, { requiresGrad: true });
      const b = L.tensor([2]);
      const y = op(a, b);
      b.write(Float32Array.of(5));
      expect(() => y.backward()).toThrow(/\[product\].*write/);
      expect(() => y.backward()).toThrow(L.StaleTensorError);
    });
  });

  it('releases what it makes; a graph that is dropped releases what it saved', async () => {
    const { op } = product();
    const before = L.memory();
    const a = L.rand([100], { seed: 1, requiresGrad: true });
    for (let round = 0; round < 3; round++) {
      L.scope(() => {
        const y = op(op(a, a), L.ones([100])).sum();
        if (round < 2) y.backward();
      });
      a.grad = null;
    }
    a.dispose();
    await L.device().synchronize();
    expect(L.memory().active).toBe(before.active);
    expect(L.memory().liveTensors).toBe(before.liveTensors);
  });

  it('is captured as the work that both functions enqueue', () => {
    const { op, seen } = product();
    L.scope(() => {
      const a = L.tensor([1, 2], undefined, { requiresGrad: true });
      const b = L.tensor([3, 4]);
      using step = L.capture(() => L.grad(op(a, b).sum(), [a]));
      b.write(Float32Array.of(7, 8));
      step.replay();
      expect(values(step.outputs[0])).toEqual([7, 8]);
      expect(seen).toHaveLength(1);
    });
  });

  it('may capture in its backward', () => {
    const op = L.customOp<[L.Tensor], L.Tensor>({
      name: 'capturing',
      forward: (_, x) => x.mul(2),
      backward({ gradients: [dy] }) {
        using step = L.capture(() => dy!.mul(2));
        step.replay();
        return [step.outputs.clone()];
      },
    });
    L.scope(() => {
      const x = L.tensor([1, 2], undefined, { requiresGrad: true });
      op(op(x).square()).sum().backward();
      expect(values(x.grad)).toEqual([16, 32]);
    });
  });
});
