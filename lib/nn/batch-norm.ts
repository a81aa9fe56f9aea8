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

/** Batch normalisation of the last axis: by the batch's statistics in training, by running ones else. */
export class BatchNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly running_mean: StateBuffer;
  readonly running_var: StateBuffer;
  readonly eps: number;
  readonly momentum: number;
  /** Whether training moves the running statistics; off while an attack searches in training mode. */
  updateStatistics = true;

  constructor(
    channels: number,
    { affine = true, eps = 1e-5, momentum = 0.1 }: BatchNormOptions & { readonly affine?: boolean } = {},
  ) {
    super();
    this.weight = affine ? new Parameter(ones([channels])) : null;
    this.bias = affine ? new Parameter(zeros([channels])) : null;
    this.running_mean = new StateBuffer(zeros([channels]));
    this.running_var = new StateBuffer(ones([channels]));
    this.eps = eps;
    this.momentum = momentum;
  }

  get channels(): number {
    return this.running_mean.size;
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
    const { weight, bias, channels } = this;
    noGrad(() =>
      scope(() => {
        if (weight !== null) assign(weight, ones([channels]));
        if (bias !== null) assign(bias, zeros([channels]));
      }),
    );
  }

  override forward(x: Tensor): Tensor {
    return observed(this, batchNorm(x, this.state));
  }
}

/** Batch normalisation of the channels of [N, H, W, C], with scale and shift. */
export class BatchNorm2d extends BatchNorm {
  declare readonly weight: Parameter;
  declare readonly bias: Parameter;

  constructor(channels: number, options: BatchNormOptions = {}) {
    super(channels, options);
  }
}
