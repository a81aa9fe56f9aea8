/** The input normalisation that a model carries. */

import { ArgumentError } from '../errors.js';
import { batchNorm } from '../ops/batch-norm.js';
import { tensor } from '../ops/create.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';
import { StateBuffer } from './parameter.js';

/** Mean and standard deviation of each channel, for pixels in [0, 1]. */
export interface ChannelStatistics {
  readonly mean: readonly number[];
  /** Above 0. */
  readonly std: readonly number[];
}

/** (x - mean) / std by channel: so that a model takes pixels in [0, 1], and attacks work in their units. */
export class Normalize extends Module {
  readonly mean: StateBuffer;
  readonly std: StateBuffer;

  constructor({ mean, std }: ChannelStatistics) {
    super();
    if (mean.length !== std.length || !std.every((value) => value > 0)) {
      throw new ArgumentError(`Expected a mean and a std above 0 a channel, got [${mean}] and [${std}].`);
    }
    this.mean = new StateBuffer(tensor(mean));
    this.std = new StateBuffer(tensor(std));
  }

  override forward(x: Tensor): Tensor {
    // A batch normalisation by constants is this in one pass, and its gradient too.
    using variance = this.std.square();
    return batchNorm(x, { training: false, runningMean: this.mean, runningVariance: variance, eps: 0 });
  }
}
