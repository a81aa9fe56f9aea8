/** Optimiser passes over many tensors in one launch. */

import { ShapeError } from '../errors.js';
import { handleOf } from '../resource.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const sgdOp = new Op('sgd', 'nesterov rateSlot', 'momentum decay', '...weightsGradientsMomenta');
const norm2Op = new Op('norm2', '', '', '...xs');
const clipNormOp = new Op('clipNorm', '', 'limit', 'norm ...xs');

export interface SgdStepOptions {
  /** The step-block slot that holds the learning rate when the step runs. */
  readonly rateSlot: number;
  /** In [0, 1). */
  readonly momentum: number;
  /** Weight decay, at least 0. */
  readonly decay: number;
  readonly nesterov: boolean;
}

/**
 * g += decay w;  v = momentum v + g;  w -= rate (nesterov ? g + momentum v : v), for every weight, in place.
 *
 * @param momenta one for each weight, or none when `momentum` is 0
 */
export function sgd(
  weights: readonly Tensor[],
  gradients: readonly Tensor[],
  momenta: readonly Tensor[],
  options: SgdStepOptions,
): void {
  if (weights.length === 0) return;
  const count = weights.length;
  if (gradients.length !== count || momenta.length !== (options.momentum === 0 ? 0 : count)) {
    throw new ShapeError(
      `Expected one gradient and (with momentum) one momentum for each of ${count} weights, ` +
        `got ${gradients.length} and ${momenta.length}.`,
    );
  }
  const { ints, scalars } = sgdOp;
  const inputs = new Float64Array(count * 2 + momenta.length);
  for (let i = 0; i < count; i++) {
    inputs[i] = handleOf(weights[i]!);
    inputs[count + i] = handleOf(gradients[i]!);
    if (momenta.length > 0) inputs[2 * count + i] = handleOf(momenta[i]!);
  }
  ints[0] = options.nesterov ? 1 : 0;
  ints[1] = options.rateSlot;
  scalars[0] = options.momentum;
  scalars[1] = options.decay;
  sgdOp.runAll(ints, scalars, inputs);
}

/** The 2-norm of all elements of all tensors together. */
export function norm2(xs: readonly Tensor[]): Tensor {
  return wrap(norm2Op.run(norm2Op.ints, norm2Op.scalars, Float64Array.from(xs, handleOf)), 'f32');
}

/**
 * Scales the gradients of `leaves` in place by min(1, limit / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_.
 * Leaves without a gradient do not count.
 *
 * @returns the norm of all gradients together before clipping; null when there is none
 */
export function clipGradNorm(leaves: Iterable<Tensor>, limit: number): Tensor | null {
  const gradients: Tensor[] = [];
  for (const leaf of leaves) {
    const gradient = leaf.grad;
    if (gradient !== null) gradients.push(gradient);
  }
  if (gradients.length === 0) return null;
  const norm = norm2(gradients);
  const inputs = Float64Array.from([norm, ...gradients], handleOf);
  clipNormOp.scalars[0] = limit;
  clipNormOp.runAll(clipNormOp.ints, clipNormOp.scalars, inputs);
  return norm;
}
