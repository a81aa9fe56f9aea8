import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';

function firstTen({ images }: L.ImageSet): string {
  return createHash('sha256')
    .update(images.dataSync().subarray(0, 10 * 3072))
    .digest('hex');
}

describe('shapes10', () => {
  it('draws balanced classes, a function of the seed', async () => {
    using a = (await L.shapes10({ seed: 3, train: 200, test: 50 })).train;
    using b = (await L.shapes10({ seed: 3, train: 200, test: 10 })).train;
    using c = (await L.shapes10({ seed: 4, train: 200, test: 50 })).train;
    expect(a.size).toBe(200);
    expect(a.imageShape).toEqual([32, 32, 3]);
    expect(a.sha256).toBe(b.sha256);
    expect(a.sha256).not.toBe(c.sha256);
    const counts = new Array<number>(10).fill(0);
    for (const label of a.hostLabels) counts[label]!++;
    expect(counts).toEqual(new Array(10).fill(20));
    expect(a.labels.dataSync()).toEqual(a.hostLabels);
  });

  it('draws the first images of a larger set, and other ones for the test', async () => {
    const [small, large] = await Promise.all([
      L.shapes10({ train: 10, test: 10 }),
      L.shapes10({ train: 30, test: 20 }),
    ]);
    expect(firstTen(large.train)).toEqual(firstTen(small.train));
    using smallTest = await small.test.readOnce();
    using largeTest = await large.test.readOnce();
    expect(firstTen(largeTest)).toEqual(firstTen(smallTest));
    expect(firstTen(smallTest)).not.toEqual(firstTen(small.train));
    small.dispose();
    large.dispose();
  });

  it('has about the pixel statistics that it names', async () => {
    const set = await L.shapes10({ train: 1000, test: 10 });
    L.scope(() => {
      const x = set.train.images.cast('f32').mul(1 / 255);
      const mean = x.mean([0, 1, 2]);
      const std = x.sub(mean).square().mean([0, 1, 2]).sqrt();
      for (const channel of [0, 1, 2]) {
        expect(Math.abs(mean.dataSync()[channel]! - set.normalization.mean[channel]!)).toBeLessThan(0.02);
        expect(Math.abs(std.dataSync()[channel]! - set.normalization.std[channel]!)).toBeLessThan(0.02);
      }
    });
    set.dispose();
  });

  it('lets the test images be read once', async () => {
    const set = await L.shapes10({ train: 10, test: 10 });
    expect(set.test.reads).toBe(0);
    using test = await set.test.readOnce();
    expect(test.size).toBe(10);
    expect(set.test.reads).toBe(1);
    await expect(set.test.readOnce()).rejects.toThrow(L.ArgumentError);
    set.dispose();
  });

  it('refuses numbers out of range', async () => {
    await expect(L.shapes10({ train: 0 })).rejects.toThrow(L.ArgumentError);
    await expect(L.shapes10({ seed: -1, train: 10 })).rejects.toThrow(L.ArgumentError);
  });
});

describe('parseDataSpec', () => {
  it('reads kinds and their arguments', () => {
    expect(L.parseDataSpec('cifar10:/a:b')).toEqual({ kind: 'cifar10', path: '/a:b' });
    expect(L.parseDataSpec('shapes10')).toEqual({ kind: 'shapes10', seed: 0 });
    expect(L.parseDataSpec('shapes10:12')).toEqual({ kind: 'shapes10', seed: 12 });
  });

  it.each(['cifar10', 'cifar10:', 'shapes10:', 'shapes10:x', 'shapes10:-1', 'emnist:/a', ''])(
    'refuses %j',
    (text) => {
      expect(() => L.parseDataSpec(text)).toThrow(L.ArgumentError);
    },
  );

  it('opens what it names', async () => {
    const set = await L.openDataset('shapes10:5', { train: 20, test: 10 });
    expect([set.name, set.train.size, set.classes.length]).toEqual(['shapes10:5', 20, 10]);
    set.dispose();
  });
});
