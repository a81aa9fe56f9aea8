/**
 * FairDARTS (Chu et al., arXiv 1911.12126, equation 8): pushes weights in (0, 1) away from a half, by the mean over all weights of all
 * groups: -(w - 1/2)^2, or -|w - 1/2| (its `l1` variant).
 */

import { abs, neg, square } from '../../ops/elementwise.js';
import { concat } from '../../ops/layout.js';
import { mean } from '../../ops/reduce.js';
import type { ScheduledValue } from '../scheduled-value.js';
import type { Regularizer } from './regularizer.js';
import { weightedTerm } from './weighted-term.js';

export function zeroOneRegularizer(weight: ScheduledValue, norm: 'l1' | 'l2'): Regularizer {
  return weightedTerm(weight, (mixture) => {
    const weights = concat(
      Object.values(mixture).map(({ weights }) => weights.reshape([-1])),
      0,
    );
    const distance = weights.affine(1, -0.5);
    return neg(mean(norm === 'l2' ? square(distance) : abs(distance)));
  });
}
