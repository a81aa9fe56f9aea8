/** Batch normalisation of feature vectors. */

import { ShapeError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { BatchNorm, type BatchNormOptions } from './batch-norm.js';

export interface BatchNorm1dOptions extends BatchNormOptions {
  /** Scale and shift by trained parameters. Default true; without, `weight` and `bias` are null. */
  readonly affine?: boolean;
}

/** Batch normalisation of the features of [N, C]. */
export class BatchNorm1d extends BatchNorm {
  constructor(features: number, options: BatchNorm1dOptions = {}) {
    super(features, options);
  }

  get features(): number {
    return this.channels;
  }

  /** @throws ShapeError when x is not [N, C] */
  override forward(x: Tensor): Tensor {
    if (x.rank !== 2) {
      throw new ShapeError(`Expected [N, ${this.features}] for BatchNorm1d, got [${x.shape.join(', ')}].`);
    }
    return super.forward(x);
  }
}
