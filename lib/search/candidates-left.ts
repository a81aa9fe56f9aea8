/** What a stage leaves of a space for the next: each edge keeps its strongest candidates (P-DARTS, DrNAS). */

import type { Strengths } from './mixer.js';
import type { EdgeGroup } from './supernet.js';

/**
 * @param keep candidates of each edge that stay, in their order; of equally strong ones the first. `none` may stay: it goes with
 * the last selection only
 */
export function strongestCandidates(
  groups: readonly EdgeGroup[],
  strengths: Strengths,
  keep: number,
): EdgeGroup[] {
  return groups.map((group) => ({
    ...group,
    candidates: group.candidates.map((names, edge) => {
      const own = strengths[group.name]!.candidates[edge]!;
      const places = [...names.keys()].toSorted((a, b) => own[b]! - own[a]!).slice(0, keep);
      return places.toSorted((a, b) => a - b).map((place) => names[place]!);
    }),
  }));
}
