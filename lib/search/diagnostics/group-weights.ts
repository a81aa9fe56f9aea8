/** What the edges of a group mix their candidates by, as the host sees it once an epoch. */

import { NonFiniteError, ShapeError } from '../../errors.js';
import type { Strengths } from '../mixer.js';
import type { EdgeGroup } from '../supernet.js';

export interface GroupWeights {
  readonly edges: number;
  readonly candidates: number;
  /** [edges, candidates] after the relaxation (softmax, sigmoid), in the order of the group. */
  readonly values: Float64Array;
}

/** The weights of groups by name. */
export type WeightsByGroup = Readonly<Record<string, GroupWeights>>;

/** Weights as a mixer reads them back. */
export function weightsFromStrengths(strengths: Strengths): WeightsByGroup {
  return Object.fromEntries(
    Object.entries(strengths).map(([name, { candidates }]) => [
      name,
      {
        edges: candidates.length,
        candidates: candidates[0]?.length ?? 0,
        values: Float64Array.from(candidates.flat()),
      },
    ]),
  );
}

/**
 * The weights of a group, edge by edge.
 *
 * @throws ShapeError when they are missing or not as many as the group has; NonFiniteError when one is negative, NaN or infinite
 */
export function edgeWeights(group: EdgeGroup, weights: WeightsByGroup): Float64Array[] {
  const [edges, candidates] = [group.candidates.length, group.candidates[0]?.length ?? 0];
  const found = weights[group.name];
  if (
    found?.edges !== edges ||
    found.candidates !== candidates ||
    found.values.length !== edges * candidates
  ) {
    const got = found === undefined ? 'none' : `[${found.edges}, ${found.candidates}]`;
    throw new ShapeError(
      `Expected weights [${edges}, ${candidates}] of the group ${group.name}, got ${got}.`,
    );
  }
  if (!found.values.every((value) => value >= 0 && value < Number.POSITIVE_INFINITY)) {
    throw new NonFiniteError(
      `Expected finite weights of at least 0 of the group ${group.name}; the search has diverged, or these are alphas.`,
    );
  }
  return Array.from({ length: edges }, (_, edge) =>
    found.values.subarray(edge * candidates, (edge + 1) * candidates),
  );
}
