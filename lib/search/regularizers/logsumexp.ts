/** beta-DARTS (Ye et al., arXiv 2203.01665, equation 10): the mean over all edges of log sum exp(alpha). */

import { exp, log } from '../../ops/elementwise.js';
import { concat } from '../../ops/layout.js';
import { max, mean, sum } from '../../ops/reduce.js';
import type { ScheduledValue } from '../scheduled-value.js';
import type { Regularizer, RegularizerContext } from './regularizer.js';
import { weightedTerm } from './weighted-term.js';

export function logSumExpRegularizer(
  { architecture }: RegularizerContext,
  weight: ScheduledValue,
): Regularizer {
  return weightedTerm(weight, () => {
    const edges = [...architecture.byGroup.values()].map(({ alphas }) => {
      // The largest is a constant here: it cancels in the gradient.
      const largest = max(alphas.detach(), 1, { keepDims: true });
      return log(sum(exp(alphas.sub(largest)), 1, { keepDims: true }))
        .add(largest)
        .reshape([-1]);
    });
    return mean(concat(edges, 0));
  });
}
