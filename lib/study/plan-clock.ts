/** Times a few steps of what a trial will do many times. */

import { type AttackConfig, createAttack } from '../attack/registry.js';
import { Loader } from '../data/loader.js';
import { device } from '../device.js';
import { AbortedError } from '../errors.js';
import type { SpecModel } from '../nn/models/index.js';
import { noGrad, scope } from '../scope.js';
import type { SearchPhase } from '../search/phase.js';
import { CyclingBatches, type SearchImages } from '../search/search-images.js';
import { deviation, mean } from '../statistics.js';
import { evaluationBatches, type TrainingData } from '../train/data-recipe.js';
import { prepareTraining, type Recipe } from '../train/recipe.js';
import type { StageCost } from './workflow.js';

/** Seconds of one unit of work. */
export interface Timing {
  readonly seconds: number;
  /** Standard error of `seconds`. */
  readonly error: number;
}

/** Timed training steps, after those that warm up. */
export const TIMED_STEPS = 20;
const WARM_UP_STEPS = 3;
/** Timed passes of an evaluation. */
const PASSES = 3;
const EVALUATION_IMAGES = 100;
/** A gradient step of an attack costs the same each time, so few tell. */
const ATTACK_STEPS = 4;
/** Attacks spend time on images that the network has right, whose share nobody knows before: assumed, least, most. */
const ATTACKED = { seconds: 0.5, low: 0.2, high: 1 } as const;
/** Neighbours and heat move long runs more than twenty steps show: no estimate is held for better than this. */
const LEAST_ERROR = 0.1;

/** Runs and times; one for each plan. */
export class PlanClock {
  /** The most bytes that this process had resident so far: what a scheduler counts. */
  get memoryBytes(): number {
    return 1024 * process.resourceUsage().maxRSS;
  }

  /** Once: opens the data, draws or reads it. */
  async once<T>(work: () => Promise<T>): Promise<{ result: T; timing: Timing }> {
    const start = performance.now();
    const result = await work();
    return { result, timing: { seconds: (performance.now() - start) / 1000, error: 0 } };
  }

  /** One training step of a recipe: the mean of 20, after 3. The model is trained by them. */
  async trainingStep(recipe: Recipe, model: SpecModel, data: TrainingData, seed: number): Promise<Timing> {
    const total = WARM_UP_STEPS + TIMED_STEPS + 1;
    const stepsPerEpoch = Math.max(1, Math.floor(data.train.length / recipe.batch));
    const enough = { ...recipe, epochs: Math.ceil((total + 1) / stepsPerEpoch) };
    const controller = new AbortController();
    const ends: number[] = [];
    using prepared = await prepareTraining(enough, model, data.dataset.train, data.train, seed, {
      signal: controller.signal,
      recordEvery: 1,
      onRecord: ({ loss }) => {
        if (loss === undefined) return; // the summary of an epoch
        ends.push(performance.now());
        if (ends.length >= total) controller.abort();
      },
    });
    await prepared.trainer.run().catch((error: unknown) => {
      if (!(error instanceof AbortedError)) throw error;
    });
    return timingOf(ends.slice(WARM_UP_STEPS));
  }

  /**
   * One step of a stage of a search: the mean of 20, after 3. The search network and the architecture are trained by them.
   *
   * @param epoch of the stage; the architecture moves from `architecture.start` on
   */
  async searchStep(phase: SearchPhase, images: SearchImages, epoch: number): Promise<Timing> {
    const { weights, architecture } = images.loaders(phase.config);
    const [train, search] = [weights, architecture].map((loader) => new CyclingBatches(loader, 0, 0, 0));
    const ends: number[] = [];
    try {
      for (let step = 0; step < WARM_UP_STEPS + TIMED_STEPS + 1; step++) {
        const { done } = await phase.step(await train!.next(), await search!.next(), { epoch, step });
        await done;
        ends.push(performance.now());
      }
    } finally {
      await Promise.all([train!.close(), search!.close()]);
    }
    return timingOf(ends.slice(WARM_UP_STEPS));
  }

  /** One step of a search's weights alone, under a mixture that stays. */
  async tuningStep(phase: SearchPhase, images: SearchImages, { dataset }: TrainingData): Promise<Timing> {
    const { batch } = phase.config;
    const run = async (steps: number) => {
      const indices = images.weights.subarray(0, steps * batch);
      const loader = new Loader(dataset.train, { batch, indices, dropLast: true });
      const start = performance.now();
      await phase.tune(loader, () => phase.settledMixture(), {
        epochs: 1,
        rate: 0.1,
        before: 0,
        total: 1,
      });
      return (performance.now() - start) / 1000 / loader.steps;
    };
    await run(WARM_UP_STEPS);
    return { seconds: await run(TIMED_STEPS), error: 0 };
  }

  /** A pass of a search network under a mixture in evaluation, for one image. */
  async mixedForward(phase: SearchPhase, data: TrainingData): Promise<Timing> {
    return this.#passes(data, async (batch) => {
      await scope(() => phase.accuracy(phase.settledMixture(), oneBatch(batch), 'running'));
    });
  }

  /** A forward pass in evaluation, for one image. */
  async forward(model: SpecModel, data: TrainingData): Promise<Timing> {
    return this.#passes(data, async (batch) => {
      await noGrad(() => scope(() => model.forward(batch.images).data()));
    });
  }

  /** An attack on one image that it has not given up. */
  async attack(model: SpecModel, data: TrainingData, config: AttackConfig, seed: number): Promise<Timing> {
    const steps = config.kind === 'pgd' ? config.steps : 1;
    const timed = config.kind === 'pgd' ? Math.min(steps, ATTACK_STEPS) : 1;
    const attack = createAttack(config.kind === 'pgd' ? { ...config, steps: timed } : config, seed);
    const once = await this.#passes(data, async (batch) => {
      await scope(async () => (await attack.attempt(model, batch, 0)).data());
    });
    return times(once, (steps / timed) * attack.restarts);
  }

  async #passes(
    data: TrainingData,
    pass: (batch: Parameters<ReturnType<typeof createAttack>['attempt']>[1]) => Promise<void>,
  ): Promise<Timing> {
    const indices = data.train.subarray(0, EVALUATION_IMAGES);
    const batches = evaluationBatches(data.dataset.train, indices, EVALUATION_IMAGES);
    device().stepBlock.manualStep(0);
    const ends: number[] = [];
    for await (const batch of batches) {
      await pass(batch);
      ends.push(performance.now());
      for (let i = 0; i < PASSES; i++) {
        await pass(batch);
        ends.push(performance.now());
      }
    }
    return times(timingOf(ends), 1 / indices.length);
  }
}

async function* oneBatch<T>(batch: T): AsyncGenerator<T> {
  yield batch;
}

/** So many units of work as a stage. */
export function stageOf(name: string, count: number, timing: Timing): StageCost {
  const seconds = count * timing.seconds;
  const spread = Math.max(LEAST_ERROR * seconds, 2 * count * timing.error);
  return { name, seconds, low: Math.max(0, seconds - spread), high: seconds + spread };
}

/** An evaluation: a pass over all images, and attacks on those that the network has right. */
export function evaluationStage(
  name: string,
  images: number,
  forward: Timing,
  attacks: readonly Timing[],
): StageCost {
  // Whether the attacked image is still right takes a forward pass, too.
  const attacked = sumOf([...attacks, ...attacks.map(() => forward)]);
  const clean = stageOf(name, images, forward);
  const parts = (share: number) => stageOf(name, share * images, attacked);
  return {
    name,
    seconds: clean.seconds + parts(ATTACKED.seconds).seconds,
    low: clean.low + parts(ATTACKED.low).low,
    high: clean.high + parts(ATTACKED.high).high,
  };
}

/** Bytes of a model's tensors, and of its parameters alone. */
export async function modelBytes(model: SpecModel): Promise<{ state: number; parameters: number }> {
  let state = 0;
  for (const { data } of (await model.hostState()).values()) state += data.byteLength;
  let parameters = 0;
  for (const [, parameter] of model.namedParameters()) parameters += 4 * parameter.size;
  return { state, parameters };
}

/** Checkpoints at their fullest: the last two and one that is being written, each with momenta. */
export function checkpointBytes(
  { state, parameters }: { state: number; parameters: number },
  recipe: Recipe,
): number {
  // Fast training also keeps the last sound epoch, to go back to.
  const copies = recipe.objective.kind === 'fast' ? 2 : 1;
  return 3 * copies * (state + parameters);
}

function timingOf(ends: readonly number[]): Timing {
  const seconds = ends.slice(1).map((end, i) => (end - ends[i]!) / 1000);
  return { seconds: mean(seconds), error: (deviation(seconds) ?? 0) / Math.sqrt(seconds.length) };
}

function times({ seconds, error }: Timing, factor: number): Timing {
  return { seconds: seconds * factor, error: error * factor };
}

function sumOf(timings: readonly Timing[]): Timing {
  return timings.reduce((a, b) => ({ seconds: a.seconds + b.seconds, error: a.error + b.error }), {
    seconds: 0,
    error: 0,
  });
}
