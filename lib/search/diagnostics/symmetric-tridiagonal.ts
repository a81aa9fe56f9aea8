/** The eigenproblem of symmetric tridiagonal matrices. */

import { ArgumentError, NonFiniteError } from '../../errors.js';

/** Rotations of one eigenvalue before the iteration is given up; two or three are usual. */
const MAX_SWEEPS = 50;
/** Numbers below it lose digits in products with numbers of order one: they count as 0. */
const TINY = 1e-290;

export interface TridiagonalEigenpairs {
  /** Ascending. */
  readonly values: Float64Array;
  /** For each value its eigenvector, of norm 1. */
  readonly vectors: readonly Float64Array[];
}

/**
 * All eigenvalues and eigenvectors by implicit QL with Wilkinson's shift (Dubrulle, Martin and Wilkinson, "The implicit
 * QL algorithm", Numerische Mathematik 12, 1968; as `imtql2` of EISPACK), in O(n^3). Errors are rounding of the largest element.
 *
 * @param diagonal n numbers, n >= 1
 * @param offDiagonal the n - 1 numbers beside it
 * @throws ArgumentError when the lengths do not fit; NonFiniteError for a NaN or an infinity
 */
export function tridiagonalEigenpairs(
  diagonal: ArrayLike<number>,
  offDiagonal: ArrayLike<number>,
): TridiagonalEigenpairs {
  const n = diagonal.length;
  if (n < 1 || offDiagonal.length !== n - 1) {
    throw new ArgumentError(
      `Expected n >= 1 numbers and n - 1 beside them, got ${n} and ${offDiagonal.length}.`,
    );
  }
  const d = Float64Array.from(diagonal);
  const e = new Float64Array(n);
  e.set(Float64Array.from(offDiagonal));
  if (![...d, ...e].every(Number.isFinite)) {
    throw new NonFiniteError('Expected a matrix of finite numbers to find eigenvalues of.');
  }
  // By the whole matrix, not by an element's neighbours: small ones beside large ones never get below rounding.
  const negligible = Math.max(Number.EPSILON * Math.max(...d.map(Math.abs), ...e.map(Math.abs)), TINY);
  // rows[k] becomes the eigenvector of d[k].
  const rows = Array.from({ length: n }, (_, row) => {
    const unit = new Float64Array(n);
    unit[row] = 1;
    return unit;
  });
  for (let low = 0; low < n; low++) {
    for (let sweep = 0; ; sweep++) {
      const high = firstDecoupled(e, low, negligible);
      if (high === low) break;
      if (sweep === MAX_SWEEPS) {
        throw new NonFiniteError('Expected a matrix whose eigenvalues QL finds, but it does not converge.');
      }
      sweepUp(d, e, rows, low, high);
    }
  }
  const order = Array.from(d, (_, k) => k).sort((a, b) => d[a]! - d[b]!);
  return { values: Float64Array.from(order, (k) => d[k]!), vectors: order.map((k) => rows[k]!) };
}

/** The first row from `low` on with nothing beside it. */
function firstDecoupled(e: Float64Array, low: number, negligible: number): number {
  for (let row = low; row < e.length - 1; row++) {
    if (Math.abs(e[row]!) <= negligible) return row;
  }
  return e.length - 1;
}

/** One implicit QL step on rows `low` to `high`: a bulge is chased upwards by rotations. */
function sweepUp(d: Float64Array, e: Float64Array, rows: Float64Array[], low: number, high: number): void {
  const lead = (d[low + 1]! - d[low]!) / (2 * e[low]!);
  const shift = e[low]! / (lead + (lead < 0 ? -1 : 1) * Math.hypot(lead, 1));
  let g = d[high]! - d[low]! + shift;
  let [sine, cosine, p] = [1, 1, 0];
  for (let i = high - 1; i >= low; i--) {
    const f = sine * e[i]!;
    const b = cosine * e[i]!;
    const r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      // The matrix falls apart here: what is done is kept, and the parts go on.
      d[i + 1]! -= p;
      e[high] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    g = d[i + 1]! - p;
    const t = (d[i]! - g) * sine + 2 * cosine * b;
    p = sine * t;
    d[i + 1] = g + p;
    g = cosine * t - b;
    rotate(rows[i]!, rows[i + 1]!, sine, cosine);
  }
  d[low]! -= p;
  e[low] = g;
  e[high] = 0;
}

function rotate(a: Float64Array, b: Float64Array, sine: number, cosine: number): void {
  for (const [k, right] of b.entries()) {
    b[k] = sine * a[k]! + cosine * right;
    a[k] = cosine * a[k]! - sine * right;
  }
}
