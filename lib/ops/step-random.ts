/** Random numbers that are new in each step, also in one that was recorded: drawn on the device from Philox. */

import type { DeviceKind } from '../device.js';
import type { Shape } from '../shape.js';
import { sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { full, zeros } from './create.js';
import { affine, cast } from './elementwise.js';
import { concat, slice } from './layout.js';
import { pgdStart } from './pgd.js';

export interface StepRandomOptions {
  /** A whole number from 0 to 2^53 - 1. */
  readonly seed: number;
  /** Tells draws of one step apart. Default 0. */
  readonly site?: number;
  readonly device?: DeviceKind;
}

/**
 * Uniform in [0, 1): a function of seed, site, the step of `device().stepBlock` and the element's position. Row r (axis 0) is
 * the same whatever comes after it.
 */
export function stepUniform(shape: Shape, options: StepRandomOptions): Tensor {
  const { seed, site = 0, ...where } = options;
  const middle = full(shape, 0.5, where);
  return pgdStart(middle, counting(shape[0]!, where), { epsilon: 0.5, norm: 'linf', seed, site });
}

/**
 * Normal, of mean 0; a function of the same as `stepUniform`. `deviation` defaults to 1.
 *
 * Each row (axis 0) is a point drawn uniformly from the ball of radius sqrt(d + 2) in its d dimensions: every element has
 * mean 0 and variance 1 exactly, none is correlated with another, and all are normal but for a term of 1 / d (Poincare and
 * Borel). So rows should be long: the maps of a network are. That this stands for N(0, 1) is our choice.
 */
export function stepNormal(
  shape: Shape,
  options: StepRandomOptions & { readonly deviation?: number },
): Tensor {
  const { seed, site = 0, deviation = 1, ...where } = options;
  const rows = shape[0]!;
  const epsilon = deviation * Math.sqrt(sizeOf(shape) / rows + 2);
  const box = { low: -1e30, high: 1e30 };
  return pgdStart(zeros(shape, where), counting(rows, where), { ...box, epsilon, norm: 'l2', seed, site });
}

/** 0, 1, …, count - 1, by doubling: values of the host could not be read while a step is recorded. */
function counting(count: number, where: { readonly device?: DeviceKind }): Tensor<'i32'> {
  let numbers = zeros([1], where);
  for (let length = 1; length < count; length *= 2) numbers = concat([numbers, affine(numbers, 1, length)]);
  return cast(slice(numbers, 0, 0, count), 'i32');
}
