/**
 * DrNAS (Chen et al., arXiv 2006.10355, equation 5; xiangning-chen/DrNAS, model_search.py, `_get_kl_reg`): the divergence of each edge's
 * distribution from the uniform one on the simplex, summed over all edges:
 *
 *     KL(Dir(c) || Dir(1)) = ln Gamma(s) - ln Gamma(K) - sum ln Gamma(c_k) + sum (c_k - 1) (psi(c_k) - psi(s)),
 *     c = ELU(alpha) + 1,   s = sum c_k
 *
 * DrNAS' other choice, the squared length of the alphas, is the decay of the architecture's optimiser.
 */

import { add, mul, sub } from '../../ops/elementwise.js';
import { concat } from '../../ops/layout.js';
import { sum } from '../../ops/reduce.js';
import type { Tensor } from '../../tensor.js';
import { concentrations } from '../relaxations/dirichlet.js';
import type { ScheduledValue } from '../scheduled-value.js';
import { digamma, logGamma } from './gamma-functions.js';
import type { Regularizer, RegularizerContext } from './regularizer.js';
import { weightedTerm } from './weighted-term.js';

export function dirichletDivergence(
  { architecture }: RegularizerContext,
  weight: ScheduledValue,
): Regularizer {
  return weightedTerm(weight, () =>
    sum(
      concat(
        [...architecture.byGroup.values()].map(({ alphas }) => divergences(concentrations(alphas))),
        0,
      ),
    ),
  );
}

/** [edges, candidates] -> [edges] */
function divergences(c: Tensor): Tensor {
  const candidates = c.shape[1]!;
  const total = sum(c, 1, { keepDims: true });
  const normalizers = sub(logGamma(total), sum(logGamma(c), 1, { keepDims: true }));
  const means = sum(mul(c.affine(1, -1), sub(digamma(c), digamma(total))), 1, { keepDims: true });
  return add(normalizers, means)
    .affine(1, -logFactorial(candidates - 1))
    .reshape([-1]);
}

/** ln n! */
function logFactorial(n: number): number {
  return Array.from({ length: n }, (_, i) => Math.log(i + 1)).reduce((total, value) => total + value, 0);
}
