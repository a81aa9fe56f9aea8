/** Two-dimensional convolution. */

import { handleOf } from '../resource.js';
import { type Pair, packPair, wholeNumber } from '../shape.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const conv2dOp = new Op(
  'conv2d',
  'strideH strideW padH padW dilationH dilationW groups',
  '',
  'x filter bias?',
);

/** Where a filter is applied. */
export interface ConvGeometry {
  /** Default 1. */
  readonly stride?: Pair;
  /** Zeros added on each side. Default 0. */
  readonly padding?: Pair;
  /** Distance between the taps of the filter. Default 1. */
  readonly dilation?: Pair;
  /** Channels are convolved in so many separate groups. Default 1. */
  readonly groups?: number;
}

export interface Conv2dOptions extends ConvGeometry {
  /** [K], added to the result. */
  readonly bias?: Tensor | null;
}

/** Packs the seven ints that every convolution op begins with. */
export function packConvGeometry(geometry: ConvGeometry | undefined, ints: Int32Array): void {
  packPair('stride', geometry?.stride ?? 1, ints, 0);
  packPair('padding', geometry?.padding ?? 0, ints, 2);
  packPair('dilation', geometry?.dilation ?? 1, ints, 4);
  ints[6] = wholeNumber('groups', geometry?.groups ?? 1);
}

/**
 * The convolution (cross-correlation, as everywhere in deep learning) of x [N, H, W, C] with filter [K, R, S, C / groups].
 *
 * @returns [N, P, Q, K] with P = floor((H + 2 padding - dilation (R - 1) - 1) / stride) + 1, and Q alike
 * @throws ShapeError when the shapes do not fit, or nothing would be left of the input
 * @throws ArgumentError when a stride, dilation or groups is below 1, or a padding negative
 */
export function conv2d(x: Tensor, filter: Tensor, options?: Conv2dOptions): Tensor {
  const { ints, inputs } = conv2dOp;
  packConvGeometry(options, ints);
  inputs[0] = handleOf(x);
  inputs[1] = handleOf(filter);
  inputs[2] = options?.bias ? handleOf(options.bias) : 0;
  return wrap(conv2dOp.run(), 'f32');
}
