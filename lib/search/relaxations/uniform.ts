/** All candidates alike, whatever the alphas: the supernet of DARTS-PT's "blank" variant (Wang et al., arXiv 2108.04392). */

import { full } from '../../ops/create.js';
import { byGroup, type Relaxation, type RelaxationContext } from './relaxation.js';

export function uniformRelaxation({ architecture }: RelaxationContext): Relaxation {
  const strengths = () => byGroup(architecture, ({ shape }) => full(shape, 1 / shape[1]!));
  return {
    sampled: false,
    mixture: () => {
      const weights = strengths();
      return byGroup(architecture, (_, name) => ({ weights: weights[name]! }));
    },
    strengths,
    [Symbol.dispose]: () => {},
  };
}
