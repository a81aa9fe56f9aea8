/** The batch normalisation layer. */

import { type BatchNormState, batchNorm } from '../ops/batch-norm.js';
import { ones, zeros } from '../ops/create.js';
import { assign } from '../ops/layout.js';
import { noGrad, scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { observed } from './layer-observer.js';
import { Module } from './module.js';
import { Parameter, StateBuffer } from './parameter.js';

export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Share of the new value in the running statistics. Default 0.1. */
  readonly momentum?: number;
}

/** Batch normalisation of the channels of [N, H, W, C]: by the batch's statistics in training, by running ones else. */
export class BatchNorm2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly running_mean: StateBuffer;
  readonly running_var: StateBuffer;
  readonly eps: number;
  readonly momentum: number;
  /** Whether training moves the running statistics; off while an attack searches in training mode. */
  updateStatistics = true;

  constructor(channels: number, options: BatchNormOptions = {}) {
    super();
    this.weight = new Parameter(ones([channels]));
    this.bias = new Parameter(zeros([channels]));
    this.running_mean = new StateBuffer(zeros([channels]));
    this.running_var = new StateBuffer(ones([channels]));
    this.eps = options.eps ?? 1e-5;
    this.momentum = options.momentum ?? 0.1;
  }

  get channels(): number {
    return this.weight.shape[0]!;
  }

  /** What the operation works with, as this layer stands. */
  get state(): BatchNormState {
    return {
      gamma: this.weight,
      beta: this.bias,
      runningMean: this.running_mean,
      runningVariance: this.running_var,
      training: this.training,
      update: this.updateStatistics,
      eps: this.eps,
      momentum: this.momentum,
    };
  }

  /** Forgets what was seen: running mean 0, variance 1. */
  resetStatistics(): void {
    noGrad(() =>
      scope(() => {
        assign(this.running_mean, zeros([this.channels]));
        assign(this.running_var, ones([this.channels]));
      }),
    );
  }

  protected override drawParameters(): void {
    noGrad(() =>
      scope(() => {
        assign(this.weight, ones([this.channels]));
        assign(this.bias, zeros([this.channels]));
      }),
    );
  }

  override forward(x: Tensor): Tensor {
    return observed(this, batchNorm(x, this.state));
  }
}
