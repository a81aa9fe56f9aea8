import { describe, expect, it } from 'vitest';
import { capture, device, scope } from '../../lib/index.js';
import { stepNormal, stepUniform } from '../../lib/ops/step-random.js';
import { bits } from '../kernels/harness.js';

const shape = [5, 8, 8, 64];

describe.each([
  ['stepUniform', stepUniform],
  ['stepNormal', stepNormal],
])('%s', (_, draw) => {
  it('is a function of seed, site, step and position', () => {
    scope(() => {
      const drawn = (seed: number, site: number, step: number, rows = shape[0]!): Float32Array => {
        device().stepBlock.manualStep(step);
        return draw([rows, ...shape.slice(1)], { seed, site }).dataSync();
      };
      const first = drawn(1, 2, 3);
      expect(bits(drawn(1, 2, 3)).equals(bits(first))).toBe(true);
      for (const other of [drawn(4, 2, 3), drawn(1, 4, 3), drawn(1, 2, 4)]) {
        expect(bits(other).equals(bits(first))).toBe(false);
      }
      const fewer = drawn(1, 2, 3, 2);
      expect(bits(fewer).equals(bits(first.slice(0, fewer.length)))).toBe(true);
      // No row repeats another.
      expect(new Set(Array.from({ length: 5 }, (_, row) => first[row * 4096])).size).toBe(5);
      device().stepBlock.manualStep(0);
    });
  });

  it('is new in every replay of a recorded step', () => {
    using recorded = capture(() => draw(shape, { seed: 6 }));
    for (const step of [1, 2]) {
      device().stepBlock.manualStep(step);
      recorded.replay();
      const eager = scope(() => draw(shape, { seed: 6 }).dataSync());
      expect(bits(recorded.outputs.dataSync()).equals(bits(eager))).toBe(true);
    }
    device().stepBlock.manualStep(0);
  });
});

describe('the distributions', () => {
  /** Mean, and central moments of order 2 and 4. */
  function moments(values: Float32Array): [mean: number, second: number, fourth: number] {
    const average = (f: (value: number) => number) =>
      values.reduce((sum, value) => sum + f(value), 0) / values.length;
    const mean = average((value) => value);
    return [mean, average((value) => (value - mean) ** 2), average((value) => (value - mean) ** 4)];
  }

  it('are those of uniform and normal numbers', () => {
    scope(() => {
      const uniform = stepUniform(shape, { seed: 1 }).dataSync();
      expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...uniform)).toBeLessThan(1);
      const [middle, spread] = moments(uniform);
      expect(middle).toBeCloseTo(0.5, 1.7);
      expect(spread).toBeCloseTo(1 / 12, 2);
      const [mean, variance, fourth] = moments(stepNormal(shape, { seed: 1 }).dataSync());
      expect(Math.abs(mean)).toBeLessThan(0.03);
      expect(Math.abs(variance - 1)).toBeLessThan(0.03);
      expect(Math.abs(fourth - 3)).toBeLessThan(0.25);
    });
  });
});
