import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import '../collect-garbage.js';

function dependsOn(y: L.Tensor, x: L.Tensor): boolean {
  try {
    L.grad(y, [x]);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(L.ArgumentError);
    return false;
  }
}

describe('asynchronous flows that interleave', () => {
  it('own what they made, whatever runs between', async () => {
    const before = L.memory().liveTensors;
    const made: L.Tensor[][] = [[], []];
    const flow = (index: number): Promise<L.Tensor> =>
      L.scope(async () => {
        let x = L.full([4], index);
        for (let round = 0; round < 5; round++) {
          await turn();
          expect(made[index]!.some((tensor) => tensor.disposed)).toBe(false);
          x = x.add(1);
          made[index]!.push(x);
          expect((await x.data())[0]).toBe(index + round + 1);
        }
        return x;
      });
    const results = await Promise.all([flow(0), flow(1)]);
    for (const [index, result] of results.entries()) {
      expect(result).toBe(made[index]!.at(-1));
      expect(result.disposed).toBe(false);
      expect(made[index]!.slice(0, -1).every((tensor) => tensor.disposed)).toBe(true);
      result.dispose();
    }
    expect(L.memory().liveTensors).toBe(before);
  });

  it('one that fails takes only its own tensors along', async () => {
    const before = L.memory().liveTensors;
    let gate = (): void => {};
    const opened = new Promise<void>((resolve) => {
      gate = resolve;
    });
    let inner: L.Tensor | undefined;
    const failing = L.scope(async () => {
      inner = L.ones([3]);
      await opened;
      throw new RangeError('on purpose');
    });
    const healthy = L.scope(async () => {
      const x = L.ones([3]);
      gate();
      await expect(failing).rejects.toThrow('on purpose');
      expect(inner?.disposed).toBe(true);
      return x.add(1);
    });
    const result = await healthy;
    expect([...(await result.data())]).toEqual([2, 2, 2]);
    result.dispose();
    expect(L.memory().liveTensors).toBe(before);
  });

  it('record or do not record, each as it asked', async () => {
    const x = L.tensor([1, 2], undefined, { requiresGrad: true });
    const recorded: boolean[] = [];
    const silent = L.noGrad(() =>
      L.scope(async () => {
        for (let round = 0; round < 5; round++) {
          recorded.push(dependsOn(x.mul(2).sum(), x));
          await turn();
        }
      }),
    );
    const loud = L.scope(async () => {
      for (let round = 0; round < 5; round++) {
        expect(dependsOn(x.mul(2).sum(), x)).toBe(true);
        await turn();
      }
    });
    await Promise.all([silent, loud]);
    expect(recorded).toEqual([false, false, false, false, false]);
    x.dispose();
  });
});
