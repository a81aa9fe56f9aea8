/** What updates that look through the weights share: gradients in alphas and weights at once, and mixed second derivatives. */

import type { Parameter } from '../../nn/parameter.js';
import { grad, hvp } from '../../ops/autograd.js';
import { zeros } from '../../ops/create.js';
import type { Tensor } from '../../tensor.js';

/** A direction of all weights: one tensor for each, null where it is 0. */
export type WeightDirection = readonly (Tensor | null)[];

/** The gradients of one loss in the alphas, 0 where it does not depend on them, and in the weights. */
export function bothGradients(
  loss: Tensor,
  alphas: readonly Parameter[],
  weights: readonly Parameter[],
): { readonly alphas: Tensor[]; readonly weights: WeightDirection } {
  const gradients = grad(loss, [...alphas, ...weights], { allowUnused: true });
  return {
    alphas: alphas.map(({ shape }, i) => gradients[i] ?? zeros(shape)),
    weights: gradients.slice(alphas.length),
  };
}

/** (d^2 loss / d of d weights) direction by a central difference; see `hvp`. 0 where the loss does not depend on `of`. */
export function secondDerivative(
  loss: () => Tensor,
  weights: readonly Parameter[],
  direction: WeightDirection,
  of: readonly Parameter[],
): Tensor[] {
  const moving = weights.filter((_, i) => direction[i] !== null);
  const vectors = direction.filter((vector) => vector !== null);
  return hvp(loss, moving, vectors, { of }).map((product, i) => product ?? zeros(of[i]!.shape));
}
