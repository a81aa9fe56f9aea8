/** A term of the loss by its weight, which may change from epoch to epoch. */

import type { Tensor } from '../../tensor.js';
import { ScheduledScalar } from '../scheduled-scalar.js';
import type { ScheduledValue } from '../scheduled-value.js';
import type { Mixture } from '../supernet.js';
import type { Regularizer } from './regularizer.js';

export function weightedTerm(weight: ScheduledValue, term: (mixture: Mixture) => Tensor): Regularizer {
  const scalar = new ScheduledScalar(weight);
  return {
    draw: (pass) => scalar.draw(pass),
    term: (mixture) => term(mixture).reshape([1]).mul(scalar.tensor),
    [Symbol.dispose]: () => scalar[Symbol.dispose](),
  };
}
