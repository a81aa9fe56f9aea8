/** Batch normalisation of feature vectors. */

import { ShapeError } from '../errors.js';
import { batchNorm } from '../ops/batch-norm.js';
import { ones, zeros } from '../ops/create.js';
import { assign } from '../ops/layout.js';
import { noGrad, scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import type { BatchNormOptions } from './batch-norm.js';
import { observed } from './layer-observer.js';
import { Module } from './module.js';
import { Parameter, StateBuffer } from './parameter.js';

export interface BatchNorm1dOptions extends BatchNormOptions {
  /** Scale and shift by trained parameters. Default true; without, `weight` and `bias` are null. */
  readonly affine?: boolean;
}

/** Batch normalisation of the features of [N, C]: by the batch's statistics in training, by running ones else. */
export class BatchNorm1d extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly running_mean: StateBuffer;
  readonly running_var: StateBuffer;
  readonly eps: number;
  readonly momentum: number;
  /** Whether training moves the running statistics; see `BatchNorm2d`. */
  updateStatistics = true;

  constructor(features: number, { affine = true, eps = 1e-5, momentum = 0.1 }: BatchNorm1dOptions = {}) {
    super();
    this.weight = affine ? new Parameter(ones([features])) : null;
    this.bias = affine ? new Parameter(zeros([features])) : null;
    this.running_mean = new StateBuffer(zeros([features]));
    this.running_var = new StateBuffer(ones([features]));
    this.eps = eps;
    this.momentum = momentum;
  }

  get features(): number {
    return this.running_mean.size;
  }

  protected override drawParameters(): void {
    const { weight, bias, features } = this;
    noGrad(() =>
      scope(() => {
        if (weight !== null) assign(weight, ones([features]));
        if (bias !== null) assign(bias, zeros([features]));
      }),
    );
  }

  /** @throws ShapeError when x is not [N, C] */
  override forward(x: Tensor): Tensor {
    if (x.rank !== 2) {
      throw new ShapeError(`Expected [N, ${this.features}] for BatchNorm1d, got [${x.shape.join(', ')}].`);
    }
    const y = batchNorm(x, {
      gamma: this.weight,
      beta: this.bias,
      runningMean: this.running_mean,
      runningVariance: this.running_var,
      training: this.training,
      update: this.updateStatistics,
      eps: this.eps,
      momentum: this.momentum,
    });
    return observed(this, y);
  }
}
