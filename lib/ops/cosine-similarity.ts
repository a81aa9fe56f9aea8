/** The cosine of the angle between vectors. */

import type { Tensor } from '../tensor.js';

/**
 * a b / (max(||a||, eps) max(||b||, eps)) along the last axis, as torch.nn.functional.cosine_similarity: [N, D] -> [N].
 * The norm of a vector shorter than eps counts as a constant, so the gradient at 0 is finite.
 *
 * @param eps above 0. Default 1e-8
 * @throws ShapeError when the shapes do not fit each other
 */
export function cosineSimilarity(
  a: Tensor,
  b: Tensor,
  { eps = 1e-8 }: { readonly eps?: number } = {},
): Tensor {
  const norm = (x: Tensor): Tensor =>
    x
      .square()
      .sum(-1)
      .maximum(eps * eps)
      .sqrt();
  return a
    .mul(b)
    .sum(-1)
    .div(norm(a).mul(norm(b)));
}
