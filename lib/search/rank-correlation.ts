/** How well two orders of the same things agree. */

import { ArgumentError } from '../errors.js';

/**
 * Kendall's tau-b (M. G. Kendall, "The treatment of ties in ranking problems", Biometrika 33, 1945): of all pairs, those that
 * x and y order alike less those they order the other way, over the geometric mean of the pairs that x, and that y, does not
 * tie. From -1 to 1; without ties it is tau-a.
 *
 * @returns null where it is not defined: for fewer than two values, or when x or y is the same everywhere
 * @throws ArgumentError when there are not as many x as y, or one is not a number
 */
export function kendallTau(x: readonly number[], y: readonly number[]): number | null {
  if (x.length !== y.length || [...x, ...y].some(Number.isNaN)) {
    throw new ArgumentError(`Expected as many numbers twice, got ${x.length} and ${y.length}, perhaps NaN.`);
  }
  let agreement = 0;
  let untiedX = 0;
  let untiedY = 0;
  for (let i = 1; i < x.length; i++) {
    for (let j = 0; j < i; j++) {
      const inX = order(x[i]!, x[j]!);
      const inY = order(y[i]!, y[j]!);
      agreement += inX * inY;
      untiedX += Math.abs(inX);
      untiedY += Math.abs(inY);
    }
  }
  if (untiedX === 0 || untiedY === 0) return null;
  return agreement / Math.sqrt(untiedX * untiedY);
}

/** -1, 0 or 1; infinities are ordered, too. */
function order(a: number, b: number): number {
  return Number(a > b) - Number(a < b);
}
