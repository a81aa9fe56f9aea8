/** What a study must know of a workflow to run a grid of it. One file each in workflows/. */

import type { z } from 'zod';

import type { PlanClock } from './plan-clock.js';

/** What one trial will cost, as far as a few timed steps can tell. */
export interface TrialCost {
  /** Wall-clock seconds by stage, in the order in which they come. */
  readonly stages: readonly StageCost[];
  /** The largest number of bytes that the engine held while the steps were timed. */
  readonly memoryBytes: number;
  /** Bytes that the run folder will hold at its fullest: models, checkpoints, logs. */
  readonly diskBytes: number;
}

/** The cost of one stage. */
export interface StageCost {
  readonly name: string;
  readonly seconds: number;
  /** From what the timed steps scatter, and from what cannot be known before the run. */
  readonly low: number;
  readonly high: number;
}

/** A workflow as a study sees it. `C` is its configuration. */
export interface Workflow<C extends { readonly seed: number } = { readonly seed: number }> {
  /** Its command: a trial is `lapidary NAME --config ... --out ... --resume`. */
  readonly name: string;
  readonly schema: z.ZodType<C>;
  /** What the command takes when nothing is said: as `ConfigSources.defaults`. */
  readonly defaults: unknown;
  /** The names in `measures`, `timings` and `resources` of its `result.json`. */
  measures(config: C): string[];
  /** The same work on a few images, for seconds: every stage still runs. */
  shrink(config: C): C;
  /** Times a few steps of each stage, on the images and the model of the configuration. */
  cost(config: C, clock: PlanClock): Promise<TrialCost>;
}
