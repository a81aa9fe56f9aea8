import { afterEach, describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { runChild } from './child.js';

/** Rejects later: a label outside of the classes is found when the kernel runs. */
function badLoss(logits: L.Tensor, label: number): L.Tensor {
  return L.crossEntropy(logits, L.tensor(Int32Array.of(1, label)));
}

const logits = (): L.Tensor => L.rand([2, 4], { seed: 1, requiresGrad: true });

describe('a task that fails in the middle of a step', () => {
  afterEach(async () => {
    await L.device().synchronize(); // each test has taken the error it made
  });

  it('rejects what depends on it, with the operation and the problem; the rest still works', async () => {
    const values = L.scope(() => {
      const x = logits();
      const loss = badLoss(x, 7);
      loss.backward();
      const healthy = x.mul(0).add(1);
      return [loss, loss.mul(2).add(1), x.grad!.mul(1), healthy].map((tensor) => tensor.data());
    });
    const [loss, downstream, gradient, healthy] = await Promise.allSettled(values);
    for (const result of [loss!, downstream!, gradient!]) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_INDEX' } });
      const { message } = (result as PromiseRejectedResult).reason as L.IndexRangeError;
      expect(message).toMatch(/cross_entropy_forward.*rows=2 classes=4/);
      expect(message).toContain('7');
      expect((result as PromiseRejectedResult).reason).toBeInstanceOf(L.IndexRangeError);
    }
    expect(healthy).toEqual({ status: 'fulfilled', value: new Float32Array(8).fill(1) });

    await expect(L.device().synchronize()).rejects.toThrow(L.IndexRangeError);
    await expect(L.device().synchronize()).resolves.toBeUndefined();
  });

  it('is reported once, and the first one counts', async () => {
    L.scope(() => {
      const x = logits();
      badLoss(x, 11);
      badLoss(x, -3);
    });
    await expect(L.device().synchronize()).rejects.toThrow(/11/);
    expect(() => L.device().synchronizeSync()).not.toThrow();
    L.scope(() => {
      const loss = badLoss(logits(), 12);
      expect(() => loss.itemSync()).toThrow(L.IndexRangeError);
      expect(() => L.device().synchronizeSync()).toThrow(/12/);
    });
  });

  it('leaves what a mutating operation would have changed as it was, and healthy', async () => {
    const x = logits();
    const { stepBlock } = L.device();
    const rateSlot = stepBlock.allocateSlot();
    stepBlock.set(rateSlot, 0.5);
    const momentum = L.full([2, 4], 2);
    const old = await x.data();
    const mean = L.full([4], 3);
    const variance = L.full([4], 4);
    const target = L.full([], 5);
    L.scope(() => {
      const loss = badLoss(x, 9);
      loss.backward();
      L.sgd([x], [x.grad!], [momentum], { rateSlot, momentum: 0.9, decay: 0, nesterov: false });
      L.batchNorm(x.grad!, { training: true, runningMean: mean, runningVariance: variance, momentum: 0.1 });
      L.assign(target, loss);
    });
    expect(await x.data()).toEqual(old);
    expect(new Set(await momentum.data())).toEqual(new Set([2]));
    expect(new Set(await mean.data())).toEqual(new Set([3]));
    expect(new Set(await variance.data())).toEqual(new Set([4]));
    expect(await target.item()).toBe(5);
    await expect(L.device().synchronize()).rejects.toThrow(L.IndexRangeError);

    // The next step is an ordinary one.
    x.grad = null;
    L.scope(() => {
      badLoss(x, 2).backward();
      L.sgd([x], [x.grad!], [momentum], { rateSlot, momentum: 0.9, decay: 0, nesterov: false });
    });
    expect(await x.data()).not.toEqual(old);
    stepBlock.releaseSlot(rateSlot);
    for (const each of [x, momentum, mean, variance, target]) each.dispose();
  });

  it('a poisoned tensor is healed by a write', async () => {
    const poisoned = L.scope(() => badLoss(logits(), 8).detach());
    await expect(poisoned.data()).rejects.toThrow(L.IndexRangeError);
    const sum = poisoned.add(1);
    poisoned.write(Float32Array.of(4));
    expect(await poisoned.item()).toBe(4);
    await expect(sum.item()).rejects.toThrow(L.IndexRangeError);
    await expect(L.device().synchronize()).rejects.toThrow(L.IndexRangeError);
    poisoned.dispose();
    sum.dispose();
  });

  it('gather finds a wrong index', async () => {
    L.scope(() => {
      const gathered = L.gather(L.ones([3, 2]), L.tensor(Int32Array.of(0, 3)));
      expect(() => gathered.dataSync()).toThrow(L.IndexRangeError);
    });
    await expect(L.device().synchronize()).rejects.toThrow(/gather/);
  });

  it('keeps what comes after it from running, and tells in debug mode where it was called', async () => {
    const { code, stdout, stderr } = await runChild('poison', {
      env: { LAPIDARY_VERBOSE: '1', LAPIDARY_DEBUG: '1' },
    });
    expect(code).toBe(0);
    const kernels = [...stderr.matchAll(/^lapidary,exec,cpu,[^,]*,(\w+)/gm)].map(([, kernel]) => kernel);
    expect(kernels).toContain('unary_forward');
    for (const kernel of ['cross_entropy_backward', 'sgd', 'binary']) expect(kernels).not.toContain(kernel);
    expect(stdout).toMatch(/ERR_INDEX[\s\S]*enqueued by[\s\S]*functionThatPassesABadLabel/);
  });
});
