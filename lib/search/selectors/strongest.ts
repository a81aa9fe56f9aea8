/**
 * DARTS (Liu et al., arXiv 1806.09055, section 2.4): each edge keeps its strongest candidate, each node its strongest edges. `none` counts
 * in the mixture and is never kept, unless the space says otherwise.
 */

import type { GroupStrengths } from '../mixer.js';
import type { EdgeGroup } from '../supernet.js';

/** A candidate that may be kept. */
export interface RankedCandidate {
  readonly name: string;
  readonly strength: number;
}

/** The candidates of an edge that may be kept, the strongest first; of equal ones the first. */
export function rankedCandidates(
  { candidates, noneAllowed }: EdgeGroup,
  { candidates: strengths }: GroupStrengths,
  edge: number,
): RankedCandidate[] {
  return candidates[edge]!.map((name, place) => ({ name, strength: strengths[edge]![place]! }))
    .filter(({ name }) => noneAllowed || name !== 'none')
    .sort((a, b) => b.strength - a.strength);
}

/** For each edge the names of what is kept; none for edges that a node drops. */
export function strongestChoice(group: EdgeGroup, strengths: GroupStrengths): string[][] {
  const best = group.candidates.map((_, edge) => rankedCandidates(group, strengths, edge)[0]);
  const kept = new Set(
    group.nodes.flatMap((edges) => strongestEdges(group, edges, (edge) => best[edge]?.strength)),
  );
  return best.map((candidate, edge) => (candidate !== undefined && kept.has(edge) ? [candidate.name] : []));
}

/** The edges into a node that are kept, in their order; of equally strong ones the first. */
export function strongestEdges(
  { edgesPerNode }: EdgeGroup,
  edges: readonly number[],
  strengthOf: (edge: number) => number | undefined,
): number[] {
  const eligible = edges.filter((edge) => strengthOf(edge) !== undefined);
  if (edgesPerNode === null) return eligible;
  return eligible
    .toSorted((a, b) => strengthOf(b)! - strengthOf(a)!)
    .slice(0, edgesPerNode)
    .sort((a, b) => a - b);
}
