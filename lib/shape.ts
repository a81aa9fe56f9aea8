/** Shapes and axes as callers write them, checked and packed for the addon. */

import { ArgumentError, IndexRangeError, ShapeError } from './errors.js';

/** Extents, outermost first; [] is a scalar. Dense, at most rank 6. */
export type Shape = readonly number[];

/** The number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** Extents for the addon, which checks them further. @throws ShapeError when one is no whole number below 2^31 */
export function packShape(shape: Shape): Int32Array {
  const packed = Int32Array.from(shape);
  for (let axis = 0; axis < packed.length; axis++) {
    if (packed[axis] === shape[axis]) continue; // storing into an Int32Array changes whatever is no int32
    throw new ShapeError(`Expected whole numbers below 2^31 as extents, got [${shape.join(', ')}].`);
  }
  return packed;
}

/**
 * An axis of a tensor of rank `rank`, counted from the back when negative.
 * @throws IndexRangeError
 */
export function axisIn(axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new IndexRangeError(
      `Expected an axis in [${-rank}, ${rank - 1}] for a tensor of rank ${rank}, got ${axis}.`,
    );
  }
  return axis < 0 ? axis + rank : axis;
}

/** One number for both directions, or [height, width]. */
export type Pair = number | readonly [height: number, width: number];

/** Writes a pair into two places of a packed argument list. @throws ArgumentError when it is no pair of whole numbers */
export function packPair(name: string, pair: Pair, into: Int32Array, at: number): void {
  const height = typeof pair === 'number' ? pair : pair[0];
  const width = typeof pair === 'number' ? pair : pair[1];
  into[at] = height;
  into[at + 1] = width;
  // Storing into an Int32Array changes whatever is no int32.
  if (into[at] !== height || into[at + 1] !== width) {
    throw new ArgumentError(`Expected ${name} to be one or two whole numbers, got ${String(pair)}.`);
  }
}

/** A whole number as the addon takes it. @throws ArgumentError */
export function wholeNumber(name: string, value: number): number {
  if (Number.isInteger(value) && Math.abs(value) <= 0x7fffffff) return value;
  throw new ArgumentError(`Expected ${name} to be a whole number below 2^31, got ${value}.`);
}
