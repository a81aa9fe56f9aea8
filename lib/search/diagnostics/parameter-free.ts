/** Candidates without weights, which a search prefers when it collapses (class II of the survey, arXiv 2304.05405). */

const SKIPS: ReadonlySet<string> = new Set(['skip_connect', 'skip']);
const OTHERS: ReadonlySet<string> = new Set(['none', 'max_pool_3x3', 'avg_pool_3x3', 'noise']);

/** A skip connection of a cell, or a layer that is left out. */
export function isSkip(candidate: string): boolean {
  return SKIPS.has(candidate);
}

/** A skip connection counts as such at stride 2, too, although it has filters there. */
export function isParameterFree(candidate: string): boolean {
  return isSkip(candidate) || OTHERS.has(candidate);
}
