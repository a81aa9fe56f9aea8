/** Pooling over windows of [N, H, W, C]. */

import { handleOf } from '../resource.js';
import { type Pair, packPair } from '../shape.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';
import { mean } from './reduce.js';

const poolOp = new Op('pool', 'kind r s strideH strideW padH padW countPadding', '', 'x');

const poolKinds = poolOp.kinds('max', 'average');

export interface PoolOptions {
  /** Default: the window. */
  readonly stride?: Pair;
  /** Default 0. */
  readonly padding?: Pair;
}

function pool(
  kind: number,
  x: Tensor,
  window: Pair,
  options: PoolOptions | undefined,
  countPadding: boolean,
): Tensor {
  const { ints, inputs } = poolOp;
  ints[0] = kind;
  packPair('window', window, ints, 1);
  packPair('stride', options?.stride ?? window, ints, 3);
  packPair('padding', options?.padding ?? 0, ints, 5);
  ints[7] = countPadding ? 1 : 0;
  inputs[0] = handleOf(x);
  return wrap(poolOp.run(), 'f32');
}

/** The largest of each window; the first of equals takes the gradient. @throws ShapeError, ArgumentError */
export function maxPool2d(x: Tensor, window: Pair, options?: PoolOptions): Tensor {
  return pool(poolKinds.max, x, window, options, true);
}

/** The mean of each window. @throws ShapeError, ArgumentError */
export function avgPool2d(
  x: Tensor,
  window: Pair,
  /** `countPadding` (default true): padded zeros count as elements. */
  options?: PoolOptions & { readonly countPadding?: boolean },
): Tensor {
  return pool(poolKinds.average, x, window, options, options?.countPadding ?? true);
}

/** The mean over height and width: [N, H, W, C] -> [N, C]. */
export function globalAvgPool2d(x: Tensor): Tensor {
  return mean(x, [1, 2]);
}
