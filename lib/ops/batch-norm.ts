/** Batch normalisation over the last axis. */

import { handleOf } from '../resource.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const batchNormOp = new Op(
  'batchNorm',
  'training update',
  'eps momentum',
  'x gamma? beta? runningMean? runningVariance?',
);

/** What a batch normalisation over C channels works with. */
export interface BatchNormState {
  /** [C], the scale; without it 1. */
  readonly gamma?: Tensor | null;
  /** [C], the shift; without it 0. */
  readonly beta?: Tensor | null;
  /** [C]; needed for evaluation, and where `update` is set. */
  readonly runningMean?: Tensor | null;
  /** [C]; the unbiased estimate. */
  readonly runningVariance?: Tensor | null;
  /** true: normalise by the batch's statistics; false: by the running ones. */
  readonly training: boolean;
  /** Whether training moves the running statistics. Default: where there are any. */
  readonly update?: boolean;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Share of the new value in the running statistics. Default 0.1. */
  readonly momentum?: number;
}

/** Packs what every op with a batch normalisation takes, at the given places of its argument lists. */
export function packBatchNorm(state: BatchNormState, op: Op, intsAt: number, inputsAt: number): void {
  const { ints, scalars, inputs } = op;
  const { gamma, beta, runningMean, runningVariance, training } = state;
  const update = training && (state.update ?? Boolean(runningMean));
  ints[intsAt] = training ? 1 : 0;
  ints[intsAt + 1] = update ? 1 : 0;
  scalars[0] = state.eps ?? 1e-5;
  scalars[1] = state.momentum ?? 0.1;
  inputs[inputsAt] = gamma ? handleOf(gamma) : 0;
  inputs[inputsAt + 1] = beta ? handleOf(beta) : 0;
  inputs[inputsAt + 2] = runningMean ? handleOf(runningMean) : 0;
  inputs[inputsAt + 3] = runningVariance ? handleOf(runningVariance) : 0;
}

/**
 * y = (x - mean) / sqrt(variance + eps) * gamma + beta, by channel; x is [..., C].
 *
 * @throws ShapeError when a state tensor is not [C]
 * @throws ArgumentError when evaluation has no running statistics
 */
export function batchNorm(x: Tensor, state: BatchNormState): Tensor {
  packBatchNorm(state, batchNormOp, 0, 1);
  batchNormOp.inputs[0] = handleOf(x);
  return wrap(batchNormOp.run(), 'f32');
}
