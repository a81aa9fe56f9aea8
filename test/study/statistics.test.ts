import { describe, expect, it } from 'vitest';
import { normalCdf, normalQuantile } from '../../lib/normal-distribution.js';
import {
  type BootstrapOptions,
  bootstrapInterval,
  deviation,
  pairedDifferences,
  quantile,
  summarizeSample,
} from '../../lib/statistics.js';

const accuracies = [0.274, 0.281, 0.266, 0.301, 0.279];
const options: BootstrapOptions = { method: 'percentile', resamples: 10_000, confidence: 0.95, seed: 7 };

describe('against numpy and scipy', () => {
  it('mean, deviation and percentile interval of the same resamples', () => {
    // numpy: mean(), std(ddof=1), quantile(means of the resamples, [0.025, 0.975])
    const { n, mean, deviation, interval } = summarizeSample(accuracies, options);
    expect(n).toBe(5);
    expect(mean).toBeCloseTo(0.28020000000000006, 15);
    expect(deviation).toBeCloseTo(0.012988456413292524, 15);
    expect(interval!.low).toBeCloseTo(0.2708, 15);
    expect(interval!.high).toBeCloseTo(0.2916, 15);
  });

  it('BCa interval: z0 = 0.0661, a = 0.0561', () => {
    // scipy.stats.bootstrap(method='BCa', n_resamples=200000) gives [0.2722, 0.293], too.
    const interval = bootstrapInterval(accuracies, { ...options, method: 'bca' })!;
    expect(interval.low).toBeCloseTo(0.2722, 15);
    expect(interval.high).toBeCloseTo(0.293, 15);
  });

  it('normal distribution', () => {
    // scipy.special.ndtr and ndtri
    const cdf: [number, number][] = [
      [-7, 1.279812543885835e-12],
      [-3.3, 0.00048342414238377744],
      [-1, 0.15865525393145707],
      [0, 0.5],
      [1.96, 0.9750021048517795],
      [6.1, 0.9999999994696577],
    ];
    for (const [z, p] of cdf) expect(Math.abs(normalCdf(z) - p)).toBeLessThan(1e-12 * p);
    const quantiles: [number, number][] = [
      [1e-9, -5.9978070150076865],
      [0.025, -1.9599639845400545],
      [0.3, -0.5244005127080409],
      [0.975, 1.959963984540054],
    ];
    for (const [p, z] of quantiles) expect(normalQuantile(p)).toBeCloseTo(z, 12);
    expect(normalQuantile(0)).toBe(Number.NEGATIVE_INFINITY);
    expect(normalQuantile(2)).toBeNaN();
  });
});

it('the interval tends to that of all resamples', () => {
  // All 27 resamples of three values; numpy.quantile of their means: 1 + 1/3 at 0.05 and 5 at 0.95.
  const values = [1, 2, 6];
  const all = values
    .flatMap((a) => values.flatMap((b) => values.map((c) => (a + b + c) / 3)))
    .sort((a, b) => a - b);
  const interval = bootstrapInterval(values, { ...options, confidence: 0.9, resamples: 50_000 })!;
  expect(interval.low).toBeCloseTo(quantile(all, 0.05), 12);
  expect(interval.high).toBeCloseTo(quantile(all, 0.95), 12);
});

it('a single value has neither deviation nor interval, and equal values an interval of no width', () => {
  expect(summarizeSample([0.5], options)).toEqual({ n: 1, mean: 0.5, deviation: null, interval: null });
  for (const method of ['percentile', 'bca'] as const) {
    expect(summarizeSample([0.5, 0.5, 0.5], { ...options, method })).toEqual({
      n: 3,
      mean: 0.5,
      deviation: 0,
      interval: { low: 0.5, high: 0.5 },
    });
  }
  expect(deviation([1, 3])).toBeCloseTo(Math.SQRT2, 15);
  expect(() => summarizeSample([], options)).toThrow(/at least one value/);
});

it('a BCa interval moves with the scale and the place of the values', () => {
  const bca = { ...options, method: 'bca' } as const;
  const plain = bootstrapInterval(accuracies, bca)!;
  const moved = bootstrapInterval(
    accuracies.map((value) => 100 * value + 3),
    bca,
  )!;
  expect(moved.low).toBeCloseTo(100 * plain.low + 3, 10);
  expect(moved.high).toBeCloseTo(100 * plain.high + 3, 10);
});

it('pairs by seed, whatever the order, and leaves out seeds that one side lacks', () => {
  const a = new Map([
    [2, 5],
    [0, 1],
    [1, 3],
  ]);
  const b = new Map([
    [0, 0.5],
    [2, 1],
    [3, 9],
  ]);
  expect(pairedDifferences(a, b)).toEqual([0.5, 4]);
});

it('quantiles are linear between neighbours', () => {
  expect([0, 0.25, 0.5, 0.9, 1].map((share) => quantile([0, 10, 20, 40], share))).toEqual([
    0, 7.5, 15, 34, 40,
  ]);
});
