/** How fast a network is, by the clock. */

import { inEvaluationMode } from '../attack/network-mode.js';
import { device } from '../device.js';
import type { Module } from '../nn/module.js';
import { zeros } from '../ops/create.js';
import { noGrad, scope } from '../scope.js';

export interface LatencyOptions {
  /** Samples a forward pass. Default 1. */
  readonly batch?: number;
  /** Timed passes. Default 15. */
  readonly runs?: number;
  /** Passes before those, which pack filters and fill caches. Default 3. */
  readonly warmUp?: number;
}

/**
 * The median time of a forward pass in evaluation mode, in milliseconds, from the call until the result is there.
 *
 * @param inputShape of one sample, [H, W, C]
 */
export async function measureLatency(
  model: Module,
  inputShape: readonly number[],
  { batch = 1, runs = 15, warmUp = 3 }: LatencyOptions = {},
): Promise<number> {
  return inEvaluationMode(model, () =>
    noGrad(() =>
      scope(async () => {
        const images = zeros([batch, ...inputShape]);
        const times: number[] = [];
        for (let run = 0; run < warmUp + runs; run++) {
          await device().synchronize();
          const start = performance.now();
          scope(() => void model.forward(images));
          await device().synchronize();
          if (run >= warmUp) times.push(performance.now() - start);
        }
        times.sort((a, b) => a - b);
        return times[Math.floor(times.length / 2)]!;
      }),
    ),
  );
}
