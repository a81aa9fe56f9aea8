/** Paths of edges, drawn by the host: which candidates of an edge are in memory, and which of them is computed into the output. */

import { ArgumentError } from '../../errors.js';

/** For an edge the candidate whose gate is 1, and another one that was drawn with it, if there is one. */
export interface SampledPaths {
  readonly active: number;
  readonly inactive: number | null;
}

/** Uniform numbers in (0, 1) that each edge takes from a draw. */
export const DRAWS_OF_ONE_PATH = 1;
export const DRAWS_OF_TWO_PATHS = 3;

/** Softmax in double precision. */
function probabilities(alphas: ArrayLike<number>): number[] {
  const values = Array.from(alphas);
  const largest = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** The index in whose share of the whole a number in (0, 1) falls; shares need not add up to 1. */
function pick(shares: readonly number[], u: number): number {
  let left = u * shares.reduce((sum, share) => sum + share, 0);
  let last = -1;
  for (const [index, share] of shares.entries()) {
    if (!(share > 0)) continue;
    last = index;
    left -= share;
    if (left < 0) break;
  }
  if (last >= 0) return last;
  throw new ArgumentError(`Expected a probability above 0 to draw by, got ${shares.join(', ')}.`);
}

/**
 * Draws one path of an edge from softmax(alphas).
 *
 * @param alphas of its candidates
 * @param u `DRAWS_OF_ONE_PATH` numbers in (0, 1)
 * @throws ArgumentError when an alpha is not finite
 */
export function sampleOnePath(alphas: ArrayLike<number>, u: ArrayLike<number>): SampledPaths {
  return { active: pick(probabilities(alphas), u[0]!), inactive: null };
}

/**
 * Draws two paths of an edge from softmax(alphas) without replacement, and which of them is active by their renormalised
 * probabilities (ProxylessNAS, arXiv 1812.00332, section 3.2.1). An edge with one candidate of any probability has one path.
 *
 * @param u `DRAWS_OF_TWO_PATHS` numbers in (0, 1)
 * @throws ArgumentError when an alpha is not finite
 */
export function sampleTwoPaths(alphas: ArrayLike<number>, u: ArrayLike<number>): SampledPaths {
  const p = probabilities(alphas);
  const first = pick(p, u[0]!);
  const others = p.map((share, index) => (index === first ? 0 : share));
  if (others.every((share) => share === 0)) return { active: first, inactive: null };
  const second = pick(others, u[1]!);
  const isFirst = pick([p[first]!, p[second]!], u[2]!) === 0;
  return isFirst ? { active: first, inactive: second } : { active: second, inactive: first };
}

/** The candidates of an edge that are in memory. */
export function involved({ active, inactive }: SampledPaths): number[] {
  return inactive === null ? [active] : [active, inactive];
}
