/** How fast networks are, by the clock. */

import { inEvaluationMode } from '../attack/network-mode.js';
import { device } from '../device.js';
import type { Module } from '../nn/module.js';
import { zeros } from '../ops/create.js';
import { noGrad, scope } from '../scope.js';
import type { Tensor } from '../tensor.js';

export interface LatencyOptions {
  /** Samples a forward pass. Default 1. */
  readonly batch?: number;
  /** Timed rounds, in each of which every network has its turn. Default 15. */
  readonly rounds?: number;
  /** Rounds before those, which pack filters and fill caches. Default 3. */
  readonly warmUp?: number;
}

/** A turn repeats the pass for about so long, so that short passes are not timed while the worker threads wake up. */
const TURN_MILLISECONDS = 4;

/**
 * The median times of a forward pass in evaluation mode, in milliseconds, from the call until the result is there.
 *
 * The networks take turns, in alternating order: the speed of a machine drifts, and only what was timed side by side can be
 * compared.
 *
 * @param inputShape of one sample, [H, W, C]
 * @returns one time for each network, in their order
 */
export async function measureLatencies(
  models: readonly Module[],
  inputShape: readonly number[],
  { batch = 1, rounds = 15, warmUp = 3 }: LatencyOptions = {},
): Promise<number[]> {
  const times = models.map((): number[] => []);
  await noGrad(() =>
    scope(async () => {
      const images = zeros([batch, ...inputShape]);
      for (let round = -warmUp; round < rounds; round++) {
        const turns = [...models.entries()];
        for (const [place, model] of round % 2 === 0 ? turns : turns.reverse()) {
          const time = await inEvaluationMode(model, () => turn(model, images));
          if (round >= 0) times[place]!.push(time);
        }
      }
    }),
  );
  return times.map(median);
}

async function turn(model: Module, images: Tensor): Promise<number> {
  await device().synchronize();
  const start = performance.now();
  let passes = 0;
  do {
    scope(() => void model.forward(images));
    await device().synchronize();
    passes++;
  } while (performance.now() - start < TURN_MILLISECONDS);
  return (performance.now() - start) / passes;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
