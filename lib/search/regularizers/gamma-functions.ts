/** The logarithm of the gamma function and its derivative for tensors, of ordinary operations, so that they have gradients. */

import { add, log, mul, reciprocal, square, sub } from '../../ops/elementwise.js';
import type { Tensor } from '../../tensor.js';

/** Arguments are shifted up by so many, to where Stirling's series is exact in f32. */
const SHIFT = 6;

function shifted(x: Tensor): { readonly steps: Tensor[]; readonly top: Tensor } {
  const steps = Array.from({ length: SHIFT }, (_, i) => x.affine(1, i));
  return { steps, top: x.affine(1, SHIFT) };
}

/** ln Gamma(x) of each element, for x > 0; its error is about 1e-6 max(1, |x ln x|). */
export function logGamma(x: Tensor): Tensor {
  const { steps, top } = shifted(x);
  const inverse = reciprocal(top);
  const series = mul(inverse, square(inverse).affine(-1 / 360, 1 / 12));
  const stirling = sub(mul(top.affine(1, -0.5), log(top)), top).affine(1, 0.5 * Math.log(2 * Math.PI));
  return sub(add(stirling, series), steps.map(log).reduce(add));
}

/** psi(x) = d ln Gamma(x) / dx of each element, for x > 0. */
export function digamma(x: Tensor): Tensor {
  const { steps, top } = shifted(x);
  const inverse = reciprocal(top);
  const squared = square(inverse);
  const series = mul(squared, squared.affine(-1 / 120, 1 / 12));
  const asymptotic = sub(log(top), add(inverse.affine(0.5, 0), series));
  return sub(asymptotic, steps.map(reciprocal).reduce(add));
}
