/** From sensitivities to the channels that stay. */

import type { SpecModel } from '../nn/models/index.js';
import { MAX_RATIO, solveBudget } from './budget-solver.js';
import { type CostMeasure, channelCost } from './channel-cost.js';
import { type KeptChannels, selectChannels } from './channel-selection.js';
import { type ChannelGroup, channelWiring } from './channel-wiring.js';
import { CRITERIA, type CriterionName } from './criteria/registry.js';
import type { GroupSensitivity } from './ratios/ratio-map.js';
import { RATIO_MAPS, type RatioMapName } from './ratios/registry.js';
import type { ModuleSensitivity } from './sensitivity.js';

export interface ChannelPlanOptions {
  readonly criterion: CriterionName;
  readonly ratios: RatioMapName;
  readonly measure: CostMeasure;
  /** Share of the measure that may remain, in (0, 1]. */
  readonly budget: number;
  /** Largest share of a group's channels that is removed. Default 0.9. */
  readonly maxRatio?: number;
  /** For criteria and maps that draw at random. */
  readonly seed: number;
  /** [H, W, C] of one sample. */
  readonly inputShape: readonly number[];
}

/** What becomes of one group of channels, or of the weights of one layer. */
export interface GroupPlan {
  readonly name: string;
  /** Channels, or single weights, before pruning. */
  readonly size: number;
  readonly kept: number;
  /** The share that is removed, in [0, 1). */
  readonly ratio: number;
  /** The largest MRS of the layers that write the group, or the layer's; null when it was not measured. */
  readonly sensitivity: number | null;
}

/** What is removed from a network. */
export interface ChannelPlan {
  readonly groups: readonly GroupPlan[];
  readonly kept: KeptChannels;
}

/**
 * Decides which channels stay: map of sensitivities to ratios, solver for the budget, criterion for the channels.
 *
 * A group's sensitivity is the largest of the layers that write it, the safe choice for coupled layers (ours). The linear
 * layer at the end has no channels to lose, so its sensitivity decides nothing.
 *
 * @param modules as measured; may be left out for ratio maps that do not look at it
 * @throws ArgumentError when the budget cannot be met
 */
export async function planChannels(
  model: SpecModel,
  modules: readonly ModuleSensitivity[],
  { criterion, ratios, measure, budget, maxRatio = MAX_RATIO, seed, inputShape }: ChannelPlanOptions,
): Promise<ChannelPlan> {
  const wiring = channelWiring(model);
  const sensitivities = groupSensitivities(wiring.groups, modules);
  const strengths = RATIO_MAPS[ratios].strengths(sensitivities, seed);
  const cost = channelCost(model, wiring, measure, inputShape);
  const full = cost(new Map(wiring.groups.map(({ name, channels }) => [name, channels])));
  const weighted = wiring.groups.map(({ name, channels }, i) => ({
    name,
    channels,
    strength: strengths[i]!,
  }));
  const counts = solveBudget(weighted, { limit: full * budget, cost }, { maxRatio });
  const kept = await selectChannels(model, wiring.groups, counts, CRITERIA[criterion], seed);
  const groups = sensitivities.map(({ name, channels, sensitivity }) => {
    const count = counts.get(name)!;
    const measured = modules.length > 0 ? sensitivity : null;
    return { name, size: channels, kept: count, ratio: 1 - count / channels, sensitivity: measured };
  });
  return { groups, kept };
}

function groupSensitivities(
  groups: readonly ChannelGroup[],
  modules: readonly ModuleSensitivity[],
): GroupSensitivity[] {
  const byName = new Map(modules.map(({ name, sensitivity }) => [name, sensitivity]));
  return groups.map(({ name, channels, producers }) => ({
    name,
    channels,
    sensitivity: Math.max(0, ...producers.map((producer) => byName.get(producer) ?? 0)),
  }));
}
