/** Convolution, batch normalisation and ReLU in one pass over memory. */

import type { Handle } from '../native.js';
import { handleOf } from '../resource.js';
import type { Tensor } from '../tensor.js';
import { wrap } from '../tensor.js';
import { type BatchNormState, packBatchNorm } from './batch-norm.js';
import { Op } from './call.js';
import { type ConvGeometry, packConvGeometry } from './conv2d.js';
import { Normed, wrapNormed } from './normed.js';

const convBnActOp = new Op(
  'convBnAct',
  'strideH strideW padH padW dilationH dilationW groups relu training update relu6',
  'eps momentum',
  'x filter gamma? beta? runningMean? runningVariance? residual?',
);
const residualOp = new Op('residual', 'relu', '', 'a b');

export interface ConvBatchNormOptions extends ConvGeometry {
  readonly norm: BatchNormState;
  /** ReLU after the normalisation. Default true. */
  readonly relu?: boolean;
}

/**
 * relu(batchNorm(conv2d(x, filter))), in training with the last two pending (see `Normed`). A pending `x` is normalised
 * while it is read. Most callers want `convBnAct`, which takes modules.
 *
 * @throws ShapeError, ArgumentError as `conv2d` and `batchNorm`
 */
export function convBatchNorm(x: Tensor | Normed, filter: Tensor, options: ConvBatchNormOptions): Normed {
  return wrapNormed(run(x, filter, options));
}

/**
 * relu(batchNorm(conv2d(x, filter)) + shortcut): as the end of `convBatchNorm`'s pass in evaluation, else followed by
 * `residual`. Most callers want `convBnAdd`, which takes modules.
 *
 * @param shortcut of the result's shape
 * @throws ShapeError, ArgumentError as `conv2d` and `batchNorm`
 */
export function convBatchNormAdd(
  x: Tensor | Normed,
  filter: Tensor,
  shortcut: Tensor | Normed,
  options: ConvBatchNormOptions,
): Tensor {
  if (options.norm.training) {
    return residual(convBatchNorm(x, filter, { ...options, relu: false }), shortcut, options);
  }
  const added = shortcut instanceof Normed ? shortcut.tensor() : shortcut;
  return wrap(run(x, filter, options, { added }), 'f32');
}

/**
 * min(relu(batchNorm(conv2d(x, filter))), 6), stored: in one pass in evaluation. Most callers want `convBnRelu6`, which
 * takes modules.
 *
 * @throws ShapeError, ArgumentError as `conv2d` and `batchNorm`
 */
export function convBatchNormRelu6(
  x: Tensor | Normed,
  filter: Tensor,
  options: Omit<ConvBatchNormOptions, 'relu'>,
): Tensor {
  if (options.norm.training)
    return convBatchNorm(x, filter, { ...options, relu: false })
      .tensor()
      .relu6();
  return wrap(run(x, filter, options, { relu6: true }), 'f32');
}

function run(
  x: Tensor | Normed,
  filter: Tensor,
  options: ConvBatchNormOptions,
  { added = null, relu6 = false }: { added?: Tensor | null; relu6?: boolean } = {},
): Handle {
  const { ints, inputs } = convBnActOp;
  packConvGeometry(options, ints);
  ints[7] = options.relu === false ? 0 : 1;
  packBatchNorm(options.norm, convBnActOp, 8, 2);
  ints[10] = relu6 ? 1 : 0;
  inputs[0] = handleOf(x);
  inputs[1] = handleOf(filter);
  inputs[6] = added ? handleOf(added) : 0;
  return convBnActOp.run();
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
