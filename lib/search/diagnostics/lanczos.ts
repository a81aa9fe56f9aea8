/** Extreme eigenvalues of a symmetric matrix that is known by its products with vectors. */

import { PhiloxSequence } from '../../data/philox.js';
import { ArgumentError, NonFiniteError, ShapeError } from '../../errors.js';
import { tridiagonalEigenpairs } from './symmetric-tridiagonal.js';

/** A v for a v of norm 1; both have `dimension` numbers. The vector may be kept: it is not written to again. */
export type MatrixVectorProduct = (vector: Float64Array) => Promise<Float64Array>;

export interface LanczosOptions {
  /** Products at most; no more than the dimension are made. Default 20. */
  readonly steps?: number;
  /** Draws the vector that it starts with. Default 0. */
  readonly seed?: number;
}

export interface RitzPair {
  readonly value: number;
  /** y, of norm 1. */
  readonly vector: Float64Array;
  /**
   * ||A y - value y|| by the products that were made: an eigenvalue of a symmetric A is no further from `value`. It also
   * sees by how much inexact products are not those of one symmetric matrix.
   */
  readonly residual: number;
}

export interface ExtremeEigenvalues {
  /** The largest algebraic eigenvalue, not the largest by modulus: from below. */
  readonly largest: RitzPair;
  /** The smallest algebraic eigenvalue: from above. */
  readonly smallest: RitzPair;
  /** Products made: fewer than asked for where they exhausted the Krylov space, and the values are then exact. */
  readonly steps: number;
}

/**
 * Lanczos' method with full reorthogonalisation (Golub and Van Loan, "Matrix Computations", section 10.3; two passes of
 * Gram-Schmidt, as Parlett's "twice is enough"): the eigenvalues of the matrix's projection onto the Krylov space of a random
 * vector. Everything besides the products is float64 and O(steps^2 dimension).
 *
 * An eigenvalue is found once, whatever its multiplicity.
 *
 * @throws ArgumentError when dimension or steps are no whole number above 0; ShapeError when a product has another length;
 *   NonFiniteError when a product holds a NaN or an infinity
 */
export async function lanczos(
  product: MatrixVectorProduct,
  dimension: number,
  { steps = 20, seed = 0 }: LanczosOptions = {},
): Promise<ExtremeEigenvalues> {
  for (const [name, count] of Object.entries({ dimension, steps })) {
    if (!Number.isSafeInteger(count) || count < 1) {
      throw new ArgumentError(`Expected a whole number above 0 as ${name}, got ${count}.`);
    }
  }
  const basis: Float64Array[] = [];
  const products: Float64Array[] = [];
  const diagonal: number[] = [];
  const offDiagonal: number[] = [];
  let scale = 0;
  let next = normalized(gaussianVector(dimension, seed));
  for (;;) {
    basis.push(next);
    const image = await product(next);
    checkProduct(image, dimension);
    products.push(image);
    scale = Math.max(scale, norm(image));
    diagonal.push(dot(image, next));
    if (basis.length === Math.min(steps, dimension)) break;
    const remainder = Float64Array.from(image);
    for (let pass = 0; pass < 2; pass++) {
      for (const vector of basis) addScaled(remainder, -dot(remainder, vector), vector);
    }
    const length = norm(remainder);
    // What is left is rounding: the Krylov space is invariant.
    if (length <= dimension * Number.EPSILON * scale) break;
    offDiagonal.push(length);
    next = normalized(remainder);
  }
  const { values, vectors } = tridiagonalEigenpairs(diagonal, offDiagonal);
  const pair = (index: number): RitzPair => {
    const value = values[index]!;
    const vector = normalized(combination(basis, vectors[index]!));
    const defect = combination(products, vectors[index]!);
    addScaled(defect, -value, vector);
    return { value, vector, residual: norm(defect) };
  };
  return { largest: pair(values.length - 1), smallest: pair(0), steps: basis.length };
}

function checkProduct(image: Float64Array, dimension: number): void {
  if (image.length !== dimension) {
    throw new ShapeError(`Expected a product of ${dimension} numbers, got ${image.length}.`);
  }
  if (!image.every(Number.isFinite)) {
    throw new NonFiniteError('Expected a product of finite numbers, got a NaN or an infinity.');
  }
}

/** N(0, 1) by Box and Muller: no direction is preferred. */
function gaussianVector(dimension: number, seed: number): Float64Array {
  const random = new PhiloxSequence(seed);
  const uniform = (): number => (random.word() + 0.5) / 2 ** 32;
  return Float64Array.from(
    { length: dimension },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (const [i, x] of a.entries()) sum += x * b[i]!;
  return sum;
}

function norm(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}

function normalized(a: Float64Array): Float64Array {
  const length = norm(a);
  return a.map((x) => x / length);
}

function addScaled(target: Float64Array, factor: number, vector: Float64Array): void {
  for (const [i, x] of vector.entries()) target[i]! += factor * x;
}

function combination(vectors: readonly Float64Array[], factors: Float64Array): Float64Array {
  const sum = new Float64Array(vectors[0]!.length);
  for (const [i, vector] of vectors.entries()) addScaled(sum, factors[i]!, vector);
  return sum;
}
