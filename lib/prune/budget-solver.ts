/** From relative strengths to numbers of channels that meet a budget. */

import { ArgumentError } from '../errors.js';

/** A channel group and how strongly it shall be pruned relative to the others. */
export interface WeightedGroup {
  readonly name: string;
  /** Channels before pruning, at least 1. */
  readonly channels: number;
  /** At least 0; 0 leaves the group as it is. */
  readonly strength: number;
}

/** What a budget is measured in, and how much of it may be spent. */
export interface Budget {
  /** The most that `cost` may come to. */
  readonly limit: number;
  /** MACs or parameters of the network with that many channels in each group (by name). Must not grow as channels go. */
  cost(channels: ReadonlyMap<string, number>): number;
}

/** Largest share of a group's channels that is removed. */
export const MAX_RATIO = 0.9;

const BISECTIONS = 60;

/**
 * Finds how many channels each group keeps: group g loses the share min(m * strength_g, maxRatio), with the smallest
 * multiplier m that meets the budget.
 *
 * m is bisected. Where several groups lose a channel at the same m, channels go one by one, the strongest pruned group
 * first, until the budget is met: so the result costs at most `budget.limit`, and with the last removed channel back it
 * would cost more. Every group keeps at least one channel.
 *
 * @returns channels to keep by group name
 * @throws ArgumentError when a strength is negative or not finite, or the budget is below what `maxRatio` allows
 */
export function solveBudget(
  groups: readonly WeightedGroup[],
  budget: Budget,
  { maxRatio = MAX_RATIO }: { maxRatio?: number } = {},
): Map<string, number> {
  for (const { name, strength, channels } of groups) {
    if (!Number.isFinite(strength) || strength < 0 || !Number.isSafeInteger(channels) || channels < 1) {
      throw new ArgumentError(
        `Group ${name} needs a strength of at least 0 and a whole number of channels, not ${strength} and ${channels}.`,
      );
    }
  }
  const keptAt = (multiplier: number) =>
    new Map(groups.map((group) => [group.name, keptChannels(group, multiplier, maxRatio)]));
  const fits = (kept: ReadonlyMap<string, number>) => budget.cost(kept) <= budget.limit;

  const untouched = keptAt(0);
  if (fits(untouched)) return untouched;
  const weakest = Math.min(...groups.filter(({ strength }) => strength > 0).map(({ strength }) => strength));
  let high = maxRatio / weakest;
  if (!Number.isFinite(high) || !fits(keptAt(high))) {
    const least = budget.cost(keptAt(Number.isFinite(high) ? high : 0));
    throw new ArgumentError(
      `The budget of ${budget.limit} cannot be met: with at most ${maxRatio} of each group removed, ${least} remain; raise the budget.`,
    );
  }
  let low = 0;
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (fits(keptAt(middle))) high = middle;
    else low = middle;
  }
  return removeOneByOne(groups, keptAt(low), keptAt(high), fits);
}

function keptChannels({ channels, strength }: WeightedGroup, multiplier: number, maxRatio: number): number {
  const ratio = Math.min(multiplier * strength, maxRatio);
  return Math.max(1, channels - Math.floor(channels * ratio));
}

/** Walks from a state that is too dear to one that fits, a channel at a time, and stops at the first that fits. */
function removeOneByOne(
  groups: readonly WeightedGroup[],
  tooDear: Map<string, number>,
  fitting: ReadonlyMap<string, number>,
  fits: (kept: ReadonlyMap<string, number>) => boolean,
): Map<string, number> {
  const strongestFirst = [...groups].sort((a, b) => b.strength - a.strength);
  const kept = new Map(tooDear);
  for (const { name } of strongestFirst) {
    const target = fitting.get(name)!;
    for (let count = kept.get(name)!; count > target; count--) {
      kept.set(name, count - 1);
      if (fits(kept)) return kept;
    }
  }
  return kept;
}
