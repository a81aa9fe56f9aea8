/**
 * DOTS (Gu et al., arXiv 2010.04969): each node keeps the pair of edges that its topology search made strongest, and each of these
 * edges its strongest candidate.
 */

import { ArgumentError } from '../../errors.js';
import type { GroupStrengths } from '../mixer.js';
import { pairsOfEdges } from '../relaxations/pairs-of-edges.js';
import type { EdgeGroup } from '../supernet.js';
import { rankedCandidates } from './strongest.js';

/** For each edge the names of what is kept; of equally strong pairs the first. @throws ArgumentError without strengths of pairs */
export function strongestPairsChoice(group: EdgeGroup, strengths: GroupStrengths): string[][] {
  const { pairs } = strengths;
  if (pairs === undefined) {
    throw new ArgumentError(
      "The selector 'edge-pairs' expects strengths of pairs of edges, which the relaxation 'edge-pairs' has.",
    );
  }
  let start = 0;
  const kept = new Set(
    group.nodes.flatMap((edges) => {
      const own = pairsOfEdges(edges);
      const values = pairs.slice(start, start + own.length);
      start += own.length;
      return own[values.indexOf(Math.max(...values))]!;
    }),
  );
  return group.candidates.map((_, edge) => {
    const best = rankedCandidates(group, strengths, edge)[0];
    return best !== undefined && kept.has(edge) ? [best.name] : [];
  });
}
