/** Sums, means and extremes over axes. */

import { handleOf } from '../resource.js';
import { axisIn } from '../shape.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const reduceOp = new Op('reduce', 'kind keepDims ...axes', '', 'x');

const reductions = reduceOp.kinds('sum', 'mean', 'max', 'min', 'argmax');

/** One axis or several, counted from the back when negative. */
export type Axes = number | readonly number[];

export interface ReduceOptions {
  /** Keeps reduced axes with extent 1. Default false. */
  readonly keepDims?: boolean;
}

function pack(
  kind: number,
  x: Tensor,
  axes: Axes | undefined,
  options: ReduceOptions | undefined,
): Int32Array {
  const { rank } = x;
  const list = axes === undefined ? Array.from({ length: rank }, (_, axis) => axis) : [axes].flat();
  const ints = new Int32Array(2 + list.length);
  ints[0] = kind;
  ints[1] = options?.keepDims === true ? 1 : 0;
  for (let i = 0; i < list.length; i++) ints[2 + i] = axisIn(list[i]!, rank);
  reduceOp.inputs[0] = handleOf(x);
  return ints;
}

/** The sum over `axes`; over all of them when left out. @throws IndexRangeError for an axis that is not there */
export function sum(x: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
  return wrap(reduceOp.run(pack(reductions.sum, x, axes, options)), 'f32');
}

/** The mean over `axes`; over all of them when left out. @throws IndexRangeError for an axis that is not there */
export function mean(x: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
  return wrap(reduceOp.run(pack(reductions.mean, x, axes, options)), 'f32');
}

/** The largest over `axes`; ties share the gradient evenly. @throws IndexRangeError for an axis that is not there */
export function max(x: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
  return wrap(reduceOp.run(pack(reductions.max, x, axes, options)), 'f32');
}

/** The smallest over `axes`; ties share the gradient evenly. @throws IndexRangeError for an axis that is not there */
export function min(x: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
  return wrap(reduceOp.run(pack(reductions.min, x, axes, options)), 'f32');
}

/** The position of the first largest along one axis (default: the last). @throws IndexRangeError */
export function argMax(x: Tensor, axis = -1, options?: ReduceOptions): Tensor<'i32'> {
  return wrap(reduceOp.run(pack(reductions.argmax, x, axis, options)), 'i32');
}
