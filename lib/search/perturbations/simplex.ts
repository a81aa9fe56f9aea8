/** Back from nearby points to weights of edges that are shares of 1. */

import { clamp, equal } from '../../ops/elementwise.js';
import { max, sum } from '../../ops/reduce.js';
import type { Tensor } from '../../tensor.js';

/**
 * Each row clipped to [0, 1] and divided by its sum, as SmoothDARTS' code does it (`clip` of model_search.py; it is no projection
 * in the 2-norm). Where nothing is left of a row, its largest element becomes 1; equally large ones share it, where the code
 * takes the first.
 *
 * @param weights [edges, candidates]
 */
export function ontoSimplex(weights: Tensor): Tensor {
  const clipped = clamp(weights, 0, 1);
  const nothing = equal(sum(clipped, 1, { keepDims: true }), 0);
  const largest = equal(weights, max(weights, 1, { keepDims: true }));
  const left = clipped.add(largest.mul(nothing));
  return left.div(sum(left, 1, { keepDims: true }));
}
