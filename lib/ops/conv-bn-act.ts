/** Convolution, batch normalisation and ReLU in one pass over memory. */

import { handleOf } from '../resource.js';
import type { Tensor } from '../tensor.js';
import { wrap } from '../tensor.js';
import { type BatchNormState, packBatchNorm } from './batch-norm.js';
import { Op } from './call.js';
import { type ConvGeometry, packConvGeometry } from './conv2d.js';
import { type Normed, wrapNormed } from './normed.js';

const convBnActOp = new Op(
  'convBnAct',
  'strideH strideW padH padW dilationH dilationW groups relu training update',
  'eps momentum',
  'x filter gamma? beta? runningMean? runningVariance?',
);
const residualOp = new Op('residual', 'relu', '', 'a b');

export interface ConvBatchNormOptions extends ConvGeometry {
  readonly norm: BatchNormState;
  /** ReLU after the normalisation. Default true. */
  readonly relu?: boolean;
}

/**
 * relu(batchNorm(conv2d(x, filter))), with the last two pending (see `Normed`). A pending `x` is normalised while it is
 * read. Most callers want `convBnAct`, which takes modules.
 *
 * @throws ShapeError, ArgumentError as `conv2d` and `batchNorm`
 */
export function convBatchNorm(x: Tensor | Normed, filter: Tensor, options: ConvBatchNormOptions): Normed {
  const { ints, inputs } = convBnActOp;
  packConvGeometry(options, ints);
  ints[7] = options.relu === false ? 0 : 1;
  packBatchNorm(options.norm, convBnActOp, 8, 2);
  inputs[0] = handleOf(x);
  inputs[1] = handleOf(filter);
  return wrapNormed(convBnActOp.run());
}

/** The sum of two tensors of one shape, either of them pending, with ReLU (default) in one pass. @throws ShapeError */
export function residual(
  a: Tensor | Normed,
  b: Tensor | Normed,
  options?: { readonly relu?: boolean },
): Tensor {
  const { ints, inputs } = residualOp;
  ints[0] = options?.relu === false ? 0 : 1;
  inputs[0] = handleOf(a);
  inputs[1] = handleOf(b);
  return wrap(residualOp.run(), 'f32');
}
