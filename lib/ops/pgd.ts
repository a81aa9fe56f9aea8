/** Projected gradient descent on the input (Madry et al., arXiv 1706.06083), in the l-infinity ball, one pass a step. */

import { handleOf } from '../resource.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const pgdStartOp = new Op('pgdStart', '', 'epsilon low high seed site', 'x sampleIndex');
const pgdStepOp = new Op('pgdStep', '', 'step epsilon low high', 'adversarial gradient x');

export interface PgdBox {
  /** Radius of the ball, in the units of x. */
  readonly epsilon: number;
  /** Smallest allowed value. Default 0. */
  readonly low?: number;
  /** Largest allowed value. Default 1. */
  readonly high?: number;
}

/**
 * clamp(x + u, low, high) with u uniform in [-epsilon, epsilon). The noise of a sample depends on seed, site, the step
 * of `device().stepBlock` and its global index [N], never on the batch it is in.
 */
export function pgdStart(
  x: Tensor,
  sampleIndex: Tensor<'i32'>,
  options: PgdBox & { readonly seed: number; readonly site?: number },
): Tensor {
  const { scalars, inputs } = pgdStartOp;
  inputs[0] = handleOf(x);
  inputs[1] = handleOf(sampleIndex);
  scalars[0] = options.epsilon;
  scalars[1] = options.low ?? 0;
  scalars[2] = options.high ?? 1;
  scalars[3] = options.seed;
  scalars[4] = options.site ?? 0;
  return wrap(pgdStartOp.run(), 'f32');
}

/** clamp(min(max(adversarial + step sign(gradient), x - epsilon), x + epsilon), low, high). @throws ShapeError */
export function pgdStep(
  adversarial: Tensor,
  gradient: Tensor,
  x: Tensor,
  options: PgdBox & { readonly step: number },
): Tensor {
  const { scalars, inputs } = pgdStepOp;
  inputs[0] = handleOf(adversarial);
  inputs[1] = handleOf(gradient);
  inputs[2] = handleOf(x);
  scalars[0] = options.step;
  scalars[1] = options.epsilon;
  scalars[2] = options.low ?? 0;
  scalars[3] = options.high ?? 1;
  return wrap(pgdStepOp.run(), 'f32');
}
