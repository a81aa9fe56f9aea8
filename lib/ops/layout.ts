/** Other shapes and orders of the same elements, of every element type where nothing else is said. */

import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { handleOf } from '../resource.js';
import { axisIn, packShape, type Shape, wholeNumber } from '../shape.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const reshapeOp = new Op('reshape', '...shape', '', 'x');
const transposeOp = new Op('transpose', '...permutation', '', 'x');
const sliceOp = new Op('slice', 'axis start length', '', 'x');
const concatOp = new Op('concat', 'axis', '', '...xs');
const padOp = new Op('pad', '...beforeAfter', 'value', 'x');
const detachOp = new Op('detach', '', '', 'x');
const cloneOp = new Op('clone', '', '', 'x');
const assignOp = new Op('assign', '', '', 'target source');

/**
 * The same elements under another shape, sharing memory. One extent may be -1: it follows from the others.
 *
 * @throws ShapeError when the numbers of elements differ
 */
export function reshape<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  const packed = packShape(shape);
  reshapeOp.inputs[0] = handleOf(x);
  return wrap(reshapeOp.run(packed), x.dtype);
}

/**
 * A copy with its axes in another order: axis i of the result is axis `permutation[i]` of x. Default: reversed.
 *
 * @throws ArgumentError, IndexRangeError when that is no permutation
 */
export function transpose<D extends DType>(x: Tensor<D>, permutation?: readonly number[]): Tensor<D> {
  const { rank } = x;
  const axes = Int32Array.from({ length: permutation?.length ?? rank }, (_, i) =>
    permutation === undefined ? rank - 1 - i : axisIn(permutation[i]!, rank),
  );
  transposeOp.inputs[0] = handleOf(x);
  return wrap(transposeOp.run(axes), x.dtype);
}

/**
 * A copy of the part from `start` on along one axis.
 *
 * @param length default: to the end
 * @throws ShapeError when it reaches outside
 */
export function slice<D extends DType>(
  x: Tensor<D>,
  axis: number,
  start: number,
  length?: number,
): Tensor<D> {
  const place = axisIn(axis, x.rank);
  const { ints, inputs } = sliceOp;
  ints[0] = place;
  ints[1] = wholeNumber('start', start);
  ints[2] = wholeNumber('length', length ?? x.shape[place]! - start);
  inputs[0] = handleOf(x);
  return wrap(sliceOp.run(), x.dtype);
}

/** Tensors one after the other along an axis (default: the last). @throws ShapeError, ArgumentError for an empty list */
export function concat<D extends DType>(xs: readonly Tensor<D>[], axis = -1): Tensor<D> {
  const [first] = xs;
  if (first === undefined) throw new ArgumentError('Expected at least one tensor to concatenate, got none.');
  concatOp.ints[0] = axisIn(axis, first.rank);
  const inputs = Float64Array.from(xs, handleOf);
  return wrap(concatOp.run(concatOp.ints, concatOp.scalars, inputs), first.dtype);
}

/** For each axis of the tensor: how much to add before and after. */
export type PadWidths = readonly (readonly [before: number, after: number])[];

/** A copy with `value` (default 0) around. @throws ArgumentError when there is not one pair of widths an axis */
export function pad(x: Tensor, widths: PadWidths, value = 0): Tensor {
  const packed = packShape(widths.flat());
  padOp.scalars[0] = value;
  padOp.inputs[0] = handleOf(x);
  return wrap(padOp.run(packed), 'f32');
}

/** The same memory, off the tape: no gradient passes. */
export function detach<D extends DType>(x: Tensor<D>): Tensor<D> {
  detachOp.inputs[0] = handleOf(x);
  return wrap(detachOp.run(), x.dtype);
}

/** A copy with memory of its own; gradients pass. */
export function clone<D extends DType>(x: Tensor<D>): Tensor<D> {
  cloneOp.inputs[0] = handleOf(x);
  return wrap(cloneOp.run(), x.dtype);
}

/** Overwrites `target` with the elements of `source`, of the same shape and type. @throws ShapeError, DTypeError */
export function assign<D extends DType>(target: Tensor<D>, source: Tensor<D>): void {
  assignOp.inputs[0] = handleOf(target);
  assignOp.inputs[1] = handleOf(source);
  assignOp.runAll();
}
