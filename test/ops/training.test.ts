/** The ops of training, attacks and pruning: dropout, sgd, clipping, pgd, channel scores, augmentation. */

import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { expectClose } from './finite-differences.js';

describe('dropout', () => {
  it('keeps about 1 - rate, scaled; the mask depends on seed, site and step', () => {
    L.scope(() => {
      const drop = (seed: number, site: number): Float32Array =>
        L.dropout(L.ones([10_000]), { rate: 0.25, seed, site }).dataSync();
      L.device().stepBlock.manualStep(0);
      const first = drop(1, 0);
      const kept = first.filter((value) => value !== 0);
      expect(kept.length).toBeGreaterThan(7_300);
      expect(kept.length).toBeLessThan(7_700);
      expect(kept[0]).toBeCloseTo(1 / 0.75, 6);
      expect(drop(1, 0)).toEqual(first);
      expect(drop(2, 0)).not.toEqual(first);
      expect(drop(1, 1)).not.toEqual(first);
      L.device().stepBlock.manualStep(1);
      expect(drop(1, 0)).not.toEqual(first);
    });
  });

  it('passes the gradient where it kept', () => {
    L.scope(() => {
      const x = L.ones([64], { requiresGrad: true });
      const y = L.dropout(x, { rate: 0.5, seed: 3 });
      const [dx] = L.grad(L.sum(y), [x]);
      expect([...dx.dataSync()]).toEqual([...y.dataSync()]);
      expect(() => L.dropout(x, { rate: 1.5, seed: 3 })).toThrow(L.ArgumentError);
    });
  });
});

describe('clipGradNorm', () => {
  it('scales all gradients by one factor, down only', () => {
    L.scope(() => {
      const [a, b] = [L.zeros([1], { requiresGrad: true }), L.zeros([1], { requiresGrad: true })];
      a.grad = L.tensor([3]);
      b.grad = L.tensor([4]);
      expect(L.clipGradNorm([a, b], 10)!.itemSync()).toBeCloseTo(5, 6);
      expectClose(a.grad.dataSync(), [3]);
      expect(L.clipGradNorm([a, b], 1)!.itemSync()).toBeCloseTo(5, 6);
      expectClose(a.grad.dataSync(), [0.6]);
      expectClose(b.grad.dataSync(), [0.8]);
      expect(L.clipGradNorm([L.zeros([2])], 1)).toBeNull();
    });
  });
});

describe('pgd', () => {
  const epsilon = 0.1;

  it('starts within the ball and the box, by the index of the sample', () => {
    L.scope(() => {
      const x = L.rand([6, 4, 4, 3], { seed: 1 });
      const start = (index: number[]): Float32Array =>
        L.pgdStart(L.gather(x, L.tensor(Int32Array.from(index))), L.tensor(Int32Array.from(index)), {
          epsilon,
          seed: 2,
        }).dataSync();
      const all = start([0, 1, 2, 3, 4, 5]);
      const pixels = x.dataSync();
      expect(Math.max(...all.map((value, i) => Math.abs(value - pixels[i]!)))).toBeLessThanOrEqual(
        epsilon + 1e-6,
      );
      expect(Math.max(...all)).toBeLessThanOrEqual(1);
      expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
      expect(all).not.toEqual(pixels);
      expect(start([4])).toEqual(all.slice(4 * 48, 5 * 48));
    });
  });

  it('steps by the sign and projects', () => {
    L.scope(() => {
      const x = L.tensor([0.5, 0.5, 0.5, 0.98, 0.5]);
      const gradient = L.tensor([3, -2, 0, 1, 1]);
      const adversarial = L.tensor([0.5, 0.5, 0.5, 0.98, 0.58]);
      const y = L.pgdStep(adversarial, gradient, x, { step: 0.05, epsilon });
      expectClose(y.dataSync(), [0.55, 0.45, 0.5, 1, 0.6], 1e-6);
    });
  });
});

describe('channelScores', () => {
  it('gives the norm of each output channel', () => {
    L.scope(() => {
      const filter = L.tensor([
        [3, -4],
        [0, 2],
      ]);
      expect([...L.channelScores(filter, 'l1').dataSync()]).toEqual([7, 2]);
      expect([...L.channelScores(filter, 'l2').dataSync()]).toEqual([5, 2]);
      const kept = L.channelGather(filter, L.tensor(Int32Array.of(1)), 1);
      expect([...kept.dataSync()]).toEqual([-4, 2]);
    });
  });
});

describe('augment', () => {
  const images = (): L.Tensor<'u8'> =>
    L.tensor(
      Uint8Array.from({ length: 3 * 8 * 8 * 3 }, (_, i) => i % 251),
      [3, 8, 8, 3],
    );

  it('without augmentation gives pixels in [0, 1]', () => {
    L.scope(() => {
      const y = L.augment(images(), L.tensor(Int32Array.of(2, 0)));
      const pixels = images().dataSync();
      expect(y.shape).toEqual([2, 8, 8, 3]);
      expectClose(
        y.dataSync(),
        Array.from([...pixels.slice(384), ...pixels.slice(0, 192)], (value) => value / 255),
      );
    });
  });

  it('depends on seed, epoch and index, not on the batch', () => {
    L.scope(() => {
      const view = (index: number[], seed: number, epoch: number): Float32Array => {
        L.device().stepBlock.setEpoch(epoch);
        const options = { pad: 2, flip: true, cutout: 3, seed };
        return L.augment(images(), L.tensor(Int32Array.from(index)), options).dataSync();
      };
      const all = view([0, 1, 2], 5, 0);
      expect(view([1], 5, 0)).toEqual(all.slice(192, 384));
      expect(view([0, 1, 2], 6, 0)).not.toEqual(all);
      expect(view([0, 1, 2], 5, 1)).not.toEqual(all);
    });
  });

  it('rejects an index outside', async () => {
    await L.scope(async () => {
      await expect(L.augment(images(), L.tensor(Int32Array.of(3))).data()).rejects.toThrow(L.IndexRangeError);
      await expect(L.device().synchronize()).rejects.toThrow(L.IndexRangeError);
    });
  });
});
