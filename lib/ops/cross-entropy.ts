/** Cross-entropy on logits. */

import { handleOf } from '../resource.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const crossEntropyOp = new Op('crossEntropy', 'mean', 'smoothing', 'logits labels');

export interface CrossEntropyOptions {
  /** `mean` (default) over the batch, or `none`: one loss a sample. */
  readonly reduction?: 'mean' | 'none';
  /** Label smoothing s in [0, 1]: the target is (1 - s) one-hot + s / classes. Default 0. */
  readonly smoothing?: number;
}

/**
 * -sum(target * logSoftmax(logits)): logits [N, classes], labels [N].
 *
 * @returns a tensor of one element, or [N] with reduction `none`
 * @throws ShapeError; a label outside 0..classes-1 rejects the awaited result with IndexRangeError
 */
export function crossEntropy(logits: Tensor, labels: Tensor<'i32'>, options?: CrossEntropyOptions): Tensor {
  const { ints, scalars, inputs } = crossEntropyOp;
  inputs[0] = handleOf(logits);
  inputs[1] = handleOf(labels);
  ints[0] = options?.reduction === 'none' ? 0 : 1;
  scalars[0] = options?.smoothing ?? 0;
  return wrap(crossEntropyOp.run(), 'f32');
}
