/** Learning rates as pure functions of the step, so that a run resumes with nothing to restore. */

import { ArgumentError } from '../errors.js';

/** The learning rate of step 0, 1, 2, ... */
export type Schedule = (step: number) => number;

/** `rate`, multiplied by `factor` at each milestone (a step). */
export function stepSchedule(options: {
  readonly rate: number;
  readonly milestones: readonly number[];
  /** Default 0.1. */
  readonly factor?: number;
}): Schedule {
  const { rate, milestones, factor = 0.1 } = options;
  return (step) => rate * factor ** milestones.filter((milestone) => step >= milestone).length;
}

/** Linear warm-up from `rate / warmup` to `rate`, then half a cosine down to `final` at step `steps`. */
export function cosineSchedule(options: {
  readonly rate: number;
  /** Length of the whole schedule, warm-up included, at least 1. */
  readonly steps: number;
  /** Steps of warm-up, below `steps`. Default 0. */
  readonly warmup?: number;
  /** Default 0. */
  readonly final?: number;
}): Schedule {
  const { rate, steps, warmup = 0, final = 0 } = options;
  checkSteps(steps, warmup);
  return (step) => {
    if (step < warmup) return (rate * (step + 1)) / warmup;
    return cosine(rate, final, (step - warmup) / (steps - warmup));
  };
}

/** Smith and Topin, arXiv 1708.07120: half a cosine up from `initial` to `rate`, then one down to `final`. */
export function oneCycleSchedule(options: {
  /** The highest rate. */
  readonly rate: number;
  /** Length of the whole schedule, at least 1. */
  readonly steps: number;
  /** Steps of the way up, below `steps`. Default: 3 / 10 of all. */
  readonly warmup?: number;
  /** Default rate / 25. */
  readonly initial?: number;
  /** Default initial / 10,000. */
  readonly final?: number;
}): Schedule {
  const {
    rate,
    steps,
    warmup = Math.floor(0.3 * steps),
    initial = rate / 25,
    final = initial / 1e4,
  } = options;
  checkSteps(steps, warmup);
  return (step) => {
    if (step < warmup) return cosine(initial, rate, step / warmup);
    return cosine(rate, final, (step - warmup) / (steps - warmup));
  };
}

function cosine(from: number, to: number, progress: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * Math.min(progress, 1)))) / 2;
}

function checkSteps(steps: number, warmup: number): void {
  if (steps >= 1 && warmup >= 0 && warmup < steps) return;
  throw new ArgumentError(
    `Expected at least 1 step and a warm-up shorter than that, got ${steps} and ${warmup}.`,
  );
}
