/** Dropout. */

import { handleOf } from '../resource.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const dropoutOp = new Op('dropout', '', 'rate seed site', 'x');

export interface DropoutOptions {
  /** Probability that an element becomes 0, in [0, 1); the others are multiplied by 1 / (1 - rate). */
  readonly rate: number;
  readonly seed: number;
  /** Tells the dropouts of a network apart, so that their masks are independent. Default 0. */
  readonly site?: number;
}

/** Dropout, always on. The mask is a function of seed, site and the step of `device().stepBlock`. @throws ArgumentError */
export function dropout(x: Tensor, { rate, seed, site = 0 }: DropoutOptions): Tensor {
  const { scalars, inputs } = dropoutOp;
  inputs[0] = handleOf(x);
  scalars[0] = rate;
  scalars[1] = seed;
  scalars[2] = site;
  return wrap(dropoutOp.run(), 'f32');
}
