/** Optimiser passes over many tensors in one launch. */

import type { DType } from '../dtype.js';
import { ShapeError } from '../errors.js';
import { handleOf } from '../resource.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const sgdOp = new Op(
  'sgd',
  'nesterov masked rateSlot',
  'momentum decay rateFactor',
  '...weightsGradientsMomentaMasks',
);
const adamOp = new Op(
  'adam',
  'decoupled masked rateSlot firstSlot secondSlot',
  'beta1 beta2 epsilon decay rateFactor',
  '...weightsGradientsMomentsMasks',
);
const lerpOp = new Op('lerp', 'shareSlot', '', '...averagesValues');
const norm2Op = new Op('norm2', '', '', '...xs');
const clipNormOp = new Op('clipNorm', '', 'limit', 'norm ...xs');

interface StepOptions {
  /** The step-block slot that holds the learning rate when the step runs. */
  readonly rateSlot: number;
  /** These weights' rate relative to that of the slot, at least 0. Default 1. */
  readonly rateFactor?: number;
  /** Weight decay, at least 0. */
  readonly decay: number;
  /** One for each weight, in its shape: where it is 0, weight and moments are set to exactly 0. Default: none. */
  readonly masks?: readonly Tensor<'u8'>[];
}

export interface SgdStepOptions extends StepOptions {
  /** In [0, 1). */
  readonly momentum: number;
  readonly nesterov: boolean;
}

export interface AdamStepOptions extends StepOptions {
  /** The slot of 1 / (1 - beta1^t), t being the number of the step, from 1. */
  readonly firstSlot: number;
  /** The slot of 1 / sqrt(1 - beta2^t). */
  readonly secondSlot: number;
  /** In [0, 1). */
  readonly beta1: number;
  /** In [0, 1). */
  readonly beta2: number;
  readonly epsilon: number;
  /** Decay shrinks the weights themselves (AdamW) instead of adding to the gradient. */
  readonly decoupled: boolean;
}

/**
 * g += decay w;  v = momentum v + g;  w -= rate (nesterov ? g + momentum v : v), for every weight, in place.
 *
 * @param momenta one for each weight, or none when `momentum` is 0
 * @throws ShapeError when there is not one gradient, momentum and mask for each weight, in its shape
 */
export function sgd(
  weights: readonly Tensor[],
  gradients: readonly Tensor[],
  momenta: readonly Tensor[],
  options: SgdStepOptions,
): void {
  if (weights.length === 0) return;
  const { momentum, nesterov, decay, rateFactor = 1, rateSlot, masks } = options;
  const lists = [weights, gradients, ...(momentum === 0 && momenta.length === 0 ? [] : [momenta])];
  const { ints, scalars } = sgdOp;
  ints[0] = nesterov ? 1 : 0;
  ints[1] = masks === undefined ? 0 : 1;
  ints[2] = rateSlot;
  scalars[0] = momentum;
  scalars[1] = decay;
  scalars[2] = rateFactor;
  sgdOp.runAll(ints, scalars, joined(masks === undefined ? lists : [...lists, masks]));
}

/**
 * One step of Adam (Kingma and Ba, arXiv 1412.6980, algorithm 1) or AdamW (arXiv 1711.05101, algorithm 2), as
 * torch.optim has them, for every weight, in place:
 * m += (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) g^2;
 * w -= rate / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon).
 *
 * @param firsts m, one for each weight
 * @param seconds v, one for each weight
 * @throws ShapeError when there is not one gradient, moment and mask for each weight, in its shape
 */
export function adam(
  weights: readonly Tensor[],
  gradients: readonly Tensor[],
  firsts: readonly Tensor[],
  seconds: readonly Tensor[],
  options: AdamStepOptions,
): void {
  if (weights.length === 0) return;
  const { decoupled, rateSlot, firstSlot, secondSlot, masks, rateFactor = 1 } = options;
  const lists = [weights, gradients, firsts, seconds];
  const { ints, scalars } = adamOp;
  ints[0] = decoupled ? 1 : 0;
  ints[1] = masks === undefined ? 0 : 1;
  ints[2] = rateSlot;
  ints[3] = firstSlot;
  ints[4] = secondSlot;
  scalars[0] = options.beta1;
  scalars[1] = options.beta2;
  scalars[2] = options.epsilon;
  scalars[3] = options.decay;
  scalars[4] = rateFactor;
  adamOp.runAll(ints, scalars, joined(masks === undefined ? lists : [...lists, masks]));
}

/**
 * average += share (value - average), for every pair, in place.
 *
 * @param options.shareSlot the step-block slot that holds the share when the step runs
 * @throws ShapeError when there is not one value for each average, in its shape
 */
export function lerp(
  averages: readonly Tensor[],
  values: readonly Tensor[],
  { shareSlot }: { readonly shareSlot: number },
): void {
  if (averages.length === 0) return;
  lerpOp.ints[0] = shareSlot;
  lerpOp.runAll(lerpOp.ints, lerpOp.scalars, joined([averages, values]));
}

/** The handles of lists that must be equally long. */
function joined(lists: readonly (readonly Tensor<DType>[])[]): Float64Array {
  const count = lists[0]!.length;
  if (lists.some((list) => list.length !== count)) {
    throw new ShapeError(
      `Expected one gradient, moment and mask (as far as they are used) for each of ${count} weights, ` +
        `got ${lists
          .slice(1)
          .map((list) => list.length)
          .join(', ')}.`,
    );
  }
  const inputs = new Float64Array(count * lists.length);
  for (const [place, list] of lists.entries()) {
    for (const [i, tensor] of list.entries()) inputs[place * count + i] = handleOf(tensor);
  }
  return inputs;
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
