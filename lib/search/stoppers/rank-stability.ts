/** Stops when the order of the candidates no longer changes (Liang et al., DARTS+, arXiv 1909.06035). */

import { z } from 'zod';

import { edgeWeights } from '../diagnostics/group-weights.js';
import type { EpochObservation, Stopper } from './stopper.js';

export const rankStabilitySchema = z.strictObject({
  kind: z.literal('rank-stability'),
  /** It stops when so many epochs have passed without a change. */
  epochs: z.int().min(1).default(10),
  /** Earlier epochs do not count: alphas that are not trained yet keep their order (a choice of ours). */
  from: z.int().nonnegative().default(0),
});

const stateSchema = z.strictObject({
  /** For each group and edge its candidates, the strongest first; null before the first epoch that counts. */
  ranking: z.record(z.string(), z.array(z.array(z.string()))).nullable(),
  /** The first epoch with this ranking. */
  since: z.int().nonnegative(),
});

export type RankStabilityState = z.infer<typeof stateSchema>;

/** An edge that loses a candidate changes its ranking. */
export function rankStability({
  epochs,
  from,
}: Omit<z.infer<typeof rankStabilitySchema>, 'kind'>): Stopper<RankStabilityState> {
  return {
    initial: { ranking: null, since: 0 },
    stateSchema,
    observe(state, observation) {
      const { epoch } = observation;
      if (epoch < from) return { state, stop: null };
      const ranking = rankingOf(observation);
      if (!sameRanking(ranking, state.ranking)) return { state: { ranking, since: epoch }, stop: null };
      if (epoch - state.since < epochs) return { state, stop: null };
      const reason = `the order of all candidates has not changed for ${epoch - state.since} epochs`;
      return { state, stop: { reason, returnTo: null } };
    },
  };
}

function rankingOf({ groups, weights }: EpochObservation): Record<string, string[][]> {
  return Object.fromEntries(
    groups.map((group) => [
      group.name,
      edgeWeights(group, weights).map((values, edge) => {
        const names = group.candidates[edge]!;
        // Equal weights stay in the order of the group: sorting is stable.
        return [...values.keys()].sort((a, b) => values[b]! - values[a]!).map((index) => names[index]!);
      }),
    ]),
  );
}

function sameRanking(
  one: Readonly<Record<string, string[][]>>,
  other: Readonly<Record<string, string[][]>> | null,
): boolean {
  if (other === null || Object.keys(one).length !== Object.keys(other).length) return false;
  return Object.entries(one).every(([name, edges]) => JSON.stringify(edges) === JSON.stringify(other[name]));
}
