/** Projected gradient descent on the input (Madry et al., arXiv 1706.06083), in a ball around each sample, one pass a step. */

import { handleOf } from '../resource.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const pgdStartOp = new Op('pgdStart', 'norm', 'epsilon low high seed site', 'x sampleIndex');
const pgdStepOp = new Op('pgdStep', 'norm', 'step epsilon low high', 'adversarial gradient x');

const norms = pgdStepOp.kinds('linf', 'l2');

/** What distances are measured in: the largest change of an element, or the 2-norm of a sample's change. */
export type BallNorm = keyof typeof norms;

export interface PgdBox {
  /** Radius of the ball, in the units of x. */
  readonly epsilon: number;
  /** Default `linf`. */
  readonly norm?: BallNorm;
  /** Smallest allowed value. Default 0. */
  readonly low?: number;
  /** Largest allowed value. Default 1. */
  readonly high?: number;
}

/**
 * clamp(x + u, low, high) with u uniform in the ball: in [-epsilon, epsilon) for each element, or, for `l2`, epsilon
 * r^(1/d) z / ||z|| with z normal and r uniform, d being the elements of a sample. The noise of a sample depends on seed,
 * site, the step of `device().stepBlock` and its global index [N], never on the batch it is in.
 */
export function pgdStart(
  x: Tensor,
  sampleIndex: Tensor<'i32'>,
  options: PgdBox & { readonly seed: number; readonly site?: number },
): Tensor {
  const { ints, scalars, inputs } = pgdStartOp;
  ints[0] = norms[options.norm ?? 'linf'];
  inputs[0] = handleOf(x);
  inputs[1] = handleOf(sampleIndex);
  scalars[0] = options.epsilon;
  scalars[1] = options.low ?? 0;
  scalars[2] = options.high ?? 1;
  scalars[3] = options.seed;
  scalars[4] = options.site ?? 0;
  return wrap(pgdStartOp.run(), 'f32');
}

/**
 * One step up the gradient, projected onto the ball and then clamped to the box, as usual: for x within the box the
 * result is in both.
 *
 * linf: clamp(min(max(adversarial + step sign(gradient), x - epsilon), x + epsilon), low, high).
 * l2: d = adversarial + step gradient / ||gradient|| - x;  clamp(x + d min(1, epsilon / ||d||), low, high), with norms
 * over each sample (axis 0). A sample whose gradient is 0 or not finite does not move.
 *
 * @throws ShapeError
 */
export function pgdStep(
  adversarial: Tensor,
  gradient: Tensor,
  x: Tensor,
  options: PgdBox & { readonly step: number },
): Tensor {
  const { ints, scalars, inputs } = pgdStepOp;
  ints[0] = norms[options.norm ?? 'linf'];
  inputs[0] = handleOf(adversarial);
  inputs[1] = handleOf(gradient);
  inputs[2] = handleOf(x);
  scalars[0] = options.step;
  scalars[1] = options.epsilon;
  scalars[2] = options.low ?? 0;
  scalars[3] = options.high ?? 1;
  return wrap(pgdStepOp.run(), 'f32');
}
