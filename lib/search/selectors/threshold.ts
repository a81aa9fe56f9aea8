/**
 * FairDARTS (Chu et al., arXiv 1911.12126, section 4): candidates that do not compete are kept by a threshold on their own strength,
 * a sigmoid. Its code has both rules, `threshold_sparse` and `threshold_edge`.
 */

import type { GroupStrengths } from '../mixer.js';
import type { EdgeGroup } from '../supernet.js';
import { rankedCandidates, strongestChoice } from './strongest.js';

export interface ThresholdOptions {
  /**
   * `strongest`: what DARTS keeps, less what is below the threshold, so that a node may end with fewer edges. `all`: every edge
   * counts for itself.
   */
  readonly edges: 'strongest' | 'all';
  /** The least strength that is kept. */
  readonly threshold: number;
  /** Candidates that an edge keeps at most, where all edges count. */
  readonly most: number;
}

/** For each edge the names of what is kept, the strongest first. */
export function thresholdChoice(
  group: EdgeGroup,
  strengths: GroupStrengths,
  { edges, threshold, most }: ThresholdOptions,
): string[][] {
  const above = group.candidates.map((_, edge) =>
    rankedCandidates(group, strengths, edge)
      .filter(({ strength }) => strength >= threshold)
      .map(({ name }) => name),
  );
  if (edges === 'all') return above.map((names) => names.slice(0, most));
  return strongestChoice(group, strengths).map((kept, edge) =>
    kept.filter((name) => above[edge]!.includes(name)),
  );
}
