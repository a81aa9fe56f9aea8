/** What a sample of few seeds says: mean, deviation, bootstrap interval, and differences paired by seed. */

import { PhiloxSequence } from './data/philox.js';
import { ArgumentError } from './errors.js';
import { normalCdf, normalQuantile } from './normal-distribution.js';

/** How intervals are made. */
export interface BootstrapOptions {
  /**
   * `percentile`: quantiles of the resampled means. `bca`: bias-corrected and accelerated (Efron, "Better bootstrap
   * confidence intervals", JASA 82, 1987).
   */
  readonly method: 'percentile' | 'bca';
  /** Resamples drawn. */
  readonly resamples: number;
  /** Nominal coverage, in (0, 1). */
  readonly confidence: number;
  /** Of the resamples. */
  readonly seed: number;
}

/** An interval of the mean. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** A sample in numbers. */
export interface Summary {
  readonly n: number;
  readonly mean: number;
  /** Standard deviation of the sample (n - 1); null for a single value. */
  readonly deviation: number | null;
  /** Null for a single value, as nothing can be said from it. */
  readonly interval: Interval | null;
}

/** @throws ArgumentError for an empty sample */
export function mean(values: readonly number[]): number {
  if (values.length === 0)
    throw new ArgumentError('Expected at least one value to take the mean of, got none.');
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard deviation of a sample: the sum of squares is divided by n - 1. Null for fewer than two values. */
export function deviation(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

/** The quantile at `share` in [0, 1] of ascending values, linear between neighbours (type 7 of Hyndman & Fan). */
export function quantile(ascending: ArrayLike<number>, share: number): number {
  const place = share * (ascending.length - 1);
  const below = Math.floor(place);
  const low = ascending[below]!;
  const high = ascending[Math.min(below + 1, ascending.length - 1)]!;
  return low + (high - low) * (place - below);
}

/**
 * A bootstrap interval of the mean: a pure function of values (in their order) and options.
 *
 * With n values there are at most C(2n - 1, n) different resamples (10 for three seeds), and an interval from so few is
 * narrower than its nominal coverage says; a report states n beside it.
 *
 * @returns null for fewer than two values
 */
export function bootstrapInterval(values: readonly number[], options: BootstrapOptions): Interval | null {
  if (values.length < 2) return null;
  const { method, confidence } = options;
  const means = resampledMeans(values, options).sort();
  const tails: [number, number] = [(1 - confidence) / 2, (1 + confidence) / 2];
  const [low, high] = method === 'bca' ? adjustedTails(values, means, tails) : tails;
  return { low: quantile(means, low), high: quantile(means, high) };
}

/** Mean, deviation and interval. @throws ArgumentError for an empty sample */
export function summarizeSample(values: readonly number[], options: BootstrapOptions): Summary {
  return {
    n: values.length,
    mean: mean(values),
    deviation: deviation(values),
    interval: bootstrapInterval(values, options),
  };
}

/**
 * Differences `a - b` of the seeds that both have, in the order of the seeds.
 *
 * @param a, b values by seed
 */
export function pairedDifferences(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): number[] {
  const seeds = [...a.keys()].filter((seed) => b.has(seed)).sort((x, y) => x - y);
  return seeds.map((seed) => a.get(seed)! - b.get(seed)!);
}

function resampledMeans(values: readonly number[], { resamples, seed }: BootstrapOptions): Float64Array {
  const random = new PhiloxSequence(seed, RESAMPLE_STREAM);
  const n = values.length;
  return Float64Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[random.below(n)]!;
    return sum / n;
  });
}

/** The tails of the BCa interval, from the bias correction z0 and the acceleration a (by jackknife). */
function adjustedTails(
  values: readonly number[],
  means: Float64Array,
  tails: readonly [number, number],
): [number, number] {
  const centre = mean(values);
  // Ties count half, as rounding makes equal resamples differ in the last bits.
  const tolerance = 1e-12 * Math.max(...values.map(Math.abs));
  let below = 0;
  for (const one of means) below += one < centre - tolerance ? 1 : one > centre + tolerance ? 0 : 0.5;
  const z0 = normalQuantile(below / means.length);
  const left = values.map((_, i) => mean(values.filter((_, j) => j !== i)));
  const pulls = left.map((one) => mean(left) - one);
  const squares = pulls.reduce((sum, pull) => sum + pull ** 2, 0);
  const cubes = pulls.reduce((sum, pull) => sum + pull ** 3, 0);
  // All values equal: there is nothing to adjust.
  if (squares === 0 || !Number.isFinite(z0)) return [...tails];
  const a = cubes / (6 * squares ** 1.5);
  const adjusted = (tail: number) => {
    const z = z0 + normalQuantile(tail);
    return normalCdf(z0 + z / (1 - a * z));
  };
  return [adjusted(tails[0]), adjusted(tails[1])];
}

/** Apart from other uses of random numbers under the same seed. */
const RESAMPLE_STREAM = 2 ** 40 + 3;
