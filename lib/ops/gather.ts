/** Picking by index. */

import type { DType } from '../dtype.js';
import { handleOf } from '../resource.js';
import { axisIn } from '../shape.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const gatherOp = new Op('gather', 'axis', '', 'x index');

export interface GatherOptions {
  /** Default 0. */
  readonly axis?: number;
}

/**
 * The slices of x along one axis that `index` [picks] names, in its order; repeats are allowed, and their gradients add.
 *
 * @throws ShapeError; an index outside the axis rejects the awaited result with IndexRangeError
 */
export function gather<D extends DType>(
  x: Tensor<D>,
  index: Tensor<'i32'>,
  options?: GatherOptions,
): Tensor<D> {
  gatherOp.ints[0] = axisIn(options?.axis ?? 0, x.rank);
  gatherOp.inputs[0] = handleOf(x);
  gatherOp.inputs[1] = handleOf(index);
  return wrap(gatherOp.run(), x.dtype);
}
