/** DARTS (Liu et al., arXiv 1806.09055, equation 2): a softmax over the candidates of each edge. */

import { softmax } from '../../ops/softmax.js';
import { byGroup, type Relaxation, type RelaxationContext } from './relaxation.js';

export function softmaxRelaxation({ architecture }: RelaxationContext): Relaxation {
  const strengths = () => byGroup(architecture, (alphas) => softmax(alphas));
  return {
    sampled: false,
    mixture: () => byGroup(architecture, (alphas) => ({ weights: softmax(alphas) })),
    strengths,
    [Symbol.dispose]: () => {},
  };
}
