/** From sensitivities to masks: which single weights stay. */

import { ArgumentError } from '../errors.js';
import { complexity } from '../nn/complexity.js';
import type { SpecModel } from '../nn/models/index.js';
import type { WeightMasks } from '../nn/weight-masks.js';
import { MAX_RATIO, solveBudget } from './budget-solver.js';
import type { CostMeasure } from './channel-cost.js';
import type { GroupPlan } from './channel-plan.js';
import { magnitudeMasks } from './magnitude-masks.js';
import { GLOBAL, RATIO_MAPS, type RatioChoice } from './ratios/registry.js';
import { type ModuleSensitivity, sensitiveWeights } from './sensitivity.js';

export interface WeightPlanOptions {
  /** A ratio map over the layers, or `global`: magnitudes of all layers are compared with each other. */
  readonly ratios: RatioChoice;
  /** What the budget counts of the weights that stay: themselves, or the multiply-accumulates that they do for one sample. */
  readonly measure: CostMeasure;
  /** Share of it that may remain, in (0, 1]. */
  readonly budget: number;
  /** Largest share of a layer's weights that is removed. Default 0.9; `global` knows no such limit. */
  readonly maxRatio?: number;
  /** For maps that draw at random. */
  readonly seed: number;
  /** [H, W, C] of one sample. */
  readonly inputShape: readonly number[];
}

/** What is removed from a network, and the masks that keep it away. The caller disposes them. */
export interface WeightPlan {
  readonly groups: readonly GroupPlan[];
  readonly masks: WeightMasks;
}

/**
 * Decides by magnitude which weights of convolutions and linear layers stay, and sets the others to 0. Counted are these
 * weights alone; biases and batch normalisations are not pruned.
 *
 * With a ratio map a layer is a group, and the same solver as for channels meets the budget. Comparing magnitudes over
 * layers (`global`) can only meet a budget of weights.
 *
 * @param modules as measured; may be left out for ratios that do not look at it
 * @throws ArgumentError when the budget cannot be met; NonFiniteError when a weight is NaN
 */
export async function planWeights(
  model: SpecModel,
  modules: readonly ModuleSensitivity[],
  { ratios, measure, budget, maxRatio = MAX_RATIO, seed, inputShape }: WeightPlanOptions,
): Promise<WeightPlan> {
  const measured = new Map(modules.map(({ name, sensitivity }) => [name, sensitivity]));
  const layers = [...sensitiveWeights(model)].map(([name, { size }]) => ({
    name,
    channels: size,
    sensitivity: measured.get(name) ?? 0,
  }));
  const masks = await makeMasks();
  const sparsity = await masks.sparsity();
  const groups = layers.map(({ name, channels: size }) => {
    const pruned = sparsity.get(`${name}.weight`)?.pruned ?? 0;
    return { name, size, kept: size - pruned, ratio: pruned / size, sensitivity: measured.get(name) ?? null };
  });
  return { groups, masks };

  async function makeMasks(): Promise<WeightMasks> {
    if (ratios === GLOBAL) {
      if (measure === 'parameters') return magnitudeMasks(model, { ratio: 1 - budget });
      throw new ArgumentError(
        "Expected the measure 'parameters' for global magnitudes, got 'macs'; set prune.measure, or choose a ratio map.",
      );
    }
    const macs = new Map(complexity(model, inputShape).layers.map((layer) => [layer.name, layer.macs]));
    const perWeight = new Map(
      layers.map(({ name, channels }) => [name, measure === 'macs' ? (macs.get(name) ?? 0) / channels : 1]),
    );
    const cost = (kept: ReadonlyMap<string, number>) =>
      [...kept].reduce((sum, [name, count]) => sum + count * perWeight.get(name)!, 0);
    const full = cost(new Map(layers.map(({ name, channels }) => [name, channels])));
    const strengths = RATIO_MAPS[ratios].strengths(layers, seed);
    const weighted = layers.map(({ name, channels }, i) => ({ name, channels, strength: strengths[i]! }));
    const kept = solveBudget(weighted, { limit: full * budget, cost }, { maxRatio });
    const ratio = new Map(
      layers.map(({ name, channels }) => [`${name}.weight`, 1 - kept.get(name)! / channels] as const),
    );
    return magnitudeMasks(model, { ratio, scope: 'layer' });
  }
}
