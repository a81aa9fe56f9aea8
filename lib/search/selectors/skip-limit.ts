/**
 * P-DARTS (Chen et al., arXiv 1904.12760, section 3.3.2): as DARTS, with at most so many skip connections in the normal cell. While
 * there are more, the weakest of those kept is taken out of its edge, and the cell is derived anew.
 */

import { isSkip } from '../diagnostics/parameter-free.js';
import type { GroupStrengths } from '../mixer.js';
import type { EdgeGroup } from '../supernet.js';
import { strongestChoice } from './strongest.js';

/**
 * For each edge the names of what is kept; of equally weak skip connections the first goes. An edge that has nothing else is then
 * dropped.
 */
export function skipLimitedChoice(group: EdgeGroup, strengths: GroupStrengths, most: number): string[][] {
  const kept = strongestChoice(group, strengths);
  const skips = kept.flatMap((names, edge) => (names.some(isSkip) ? [edge] : []));
  if (skips.length <= most) return kept;
  const placeOf = (edge: number) => group.candidates[edge]!.findIndex(isSkip);
  const strengthOf = (edge: number) => strengths.candidates[edge]![placeOf(edge)]!;
  const weakest = skips.reduce((least, edge) => (strengthOf(edge) < strengthOf(least) ? edge : least));
  const without = <T>(rows: readonly (readonly T[])[]) =>
    rows.map((row, edge) => (edge === weakest ? row.toSpliced(placeOf(edge), 1) : row));
  return skipLimitedChoice(
    { ...group, candidates: without(group.candidates) },
    { candidates: without(strengths.candidates) },
    most,
  );
}

/** The choices for each lower number of skip connections than are kept without a limit, from that number - 1 down to 0. */
export function skipLimits(
  group: EdgeGroup,
  strengths: GroupStrengths,
): { readonly most: number; readonly kept: string[][] }[] {
  const skips = strongestChoice(group, strengths).flat().filter(isSkip).length;
  return Array.from({ length: skips }, (_, below) => skips - 1 - below).map((most) => ({
    most,
    kept: skipLimitedChoice(group, strengths, most),
  }));
}
