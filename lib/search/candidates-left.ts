/** What a stage leaves of a space for the next: each edge keeps its strongest candidates (P-DARTS, DrNAS, DOTS). */

import { isParameterFree } from './diagnostics/parameter-free.js';
import type { Strengths } from './mixer.js';
import type { EdgeGroup } from './supernet.js';

/** The groups of the next stage. @param keep, keepPerGroup those of the stage that ends; null: all stay */
export function candidatesLeft(
  groups: readonly EdgeGroup[],
  strengths: Strengths,
  { keep, keepPerGroup }: { readonly keep: number | null; readonly keepPerGroup: number | null },
): readonly EdgeGroup[] {
  if (keepPerGroup !== null) return strongestCandidatesPerGroup(groups, strengths, keepPerGroup);
  return keep === null ? groups : strongestCandidates(groups, strengths, keep);
}

/**
 * @param keep candidates of each edge that stay, in their order; of equally strong ones the first. `none` may stay: it goes with
 * the last selection only
 */
export function strongestCandidates(
  groups: readonly EdgeGroup[],
  strengths: Strengths,
  keep: number,
): EdgeGroup[] {
  return keepingPlaces(groups, strengths, (_, ranked) => ranked.slice(0, keep));
}

/** The same, of the candidates without weights and of those with weights, each for themselves (DOTS). */
export function strongestCandidatesPerGroup(
  groups: readonly EdgeGroup[],
  strengths: Strengths,
  keep: number,
): EdgeGroup[] {
  return keepingPlaces(groups, strengths, (names, ranked) =>
    [true, false].flatMap((free) =>
      ranked.filter((place) => isParameterFree(names[place]!) === free).slice(0, keep),
    ),
  );
}

/** @param kept out of the places of an edge's candidates, the strongest first, those that stay */
function keepingPlaces(
  groups: readonly EdgeGroup[],
  strengths: Strengths,
  kept: (names: readonly string[], ranked: readonly number[]) => readonly number[],
): EdgeGroup[] {
  return groups.map((group) => ({
    ...group,
    candidates: group.candidates.map((names, edge) => {
      const own = strengths[group.name]!.candidates[edge]!;
      const ranked = [...names.keys()].toSorted((a, b) => own[b]! - own[a]!);
      return kept(names, ranked)
        .toSorted((a, b) => a - b)
        .map((place) => names[place]!);
    }),
  }));
}
