import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';

const pictureBytes = 256 * 256 * 3;

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('drawn pictures', () => {
  it('have the bits they had when they were first drawn', () => {
    L.scope(() => {
      const shapes = L.drawShapes10(1000, { seed: 1 }).images.dataSync();
      expect(digest(shapes)).toBe('5b8f0a1eee15955739000045c448d6fa8c68e9f2a6ee18921bd32563b7d20953');
      const landscapes = L.drawScenes(24, { seed: 1 }).images.dataSync();
      expect(digest(landscapes)).toBe('0772fe4a01a4b98743c3e4eea0c5615c2b74ca0fed85dd0eafd2093e9db1be9f');
    });
  });
});

describe('scenes', () => {
  it('draws balanced classes, a function of the seed', async () => {
    using a = (await L.scenes({ seed: 3, train: 24, test: 1 })).train;
    using b = (await L.scenes({ seed: 3, train: 12, test: 1 })).train;
    using c = (await L.scenes({ seed: 4, train: 12, test: 1 })).train;
    expect(a.imageShape).toEqual([256, 256, 3]);
    const counts = new Array<number>(12).fill(0);
    for (const label of a.hostLabels) counts[label]!++;
    expect(counts).toEqual(new Array(12).fill(2));
    const [first, second, third] = [a, b, c].map(({ images }) =>
      images.dataSync().subarray(0, 12 * pictureBytes),
    );
    expect(digest(first!)).toBe(digest(second!));
    expect(digest(first!)).not.toBe(digest(third!));
  });

  it('is named by its labels: day is brighter than dusk, and dusk than night', async () => {
    const set = await L.openDataset('scenes:2', { train: 24, test: 12 });
    expect([set.name, set.classes.length, set.classes[0], set.classes[11]]).toEqual([
      'scenes:2',
      12,
      'lake by day',
      'meadow at night',
    ]);
    const pixels = set.train.images.dataSync();
    const brightness = [0, 1, 2].map((hour) => {
      const chosen = [...set.train.hostLabels.keys()].filter((i) => set.train.hostLabels[i]! % 3 === hour);
      const sums = chosen.map((i) =>
        pixels.subarray(i * pictureBytes, (i + 1) * pictureBytes).reduce((sum, value) => sum + value, 0),
      );
      return sums.reduce((a, b) => a + b, 0) / sums.length / pictureBytes;
    });
    expect(brightness[0]!).toBeGreaterThan(brightness[1]! + 10);
    expect(brightness[1]!).toBeGreaterThan(brightness[2]! + 30);
    using test = await set.test.readOnce();
    expect(digest(test.images.dataSync())).not.toBe(digest(pixels.subarray(0, 12 * pictureBytes)));
    set.dispose();
  });

  it('has about the pixel statistics that it names', async () => {
    const set = await L.scenes({ seed: 5, train: 72, test: 1 });
    L.scope(() => {
      const x = set.train.images.cast('f32').mul(1 / 255);
      const mean = x.mean([0, 1, 2]);
      const std = x.sub(mean).square().mean([0, 1, 2]).sqrt();
      for (const channel of [0, 1, 2]) {
        expect(Math.abs(mean.dataSync()[channel]! - set.normalization.mean[channel]!)).toBeLessThan(0.04);
        expect(Math.abs(std.dataSync()[channel]! - set.normalization.std[channel]!)).toBeLessThan(0.04);
      }
    });
    set.dispose();
  });

  it('refuses numbers out of range', async () => {
    await expect(L.scenes({ train: 0 })).rejects.toThrow(L.ArgumentError);
    await expect(L.scenes({ seed: -1, train: 10 })).rejects.toThrow(L.ArgumentError);
  });
});
