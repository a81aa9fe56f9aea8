/** FairDARTS (Chu et al., arXiv 1911.12126): a sigmoid for each candidate, so that they do not compete. */

import { sigmoid } from '../../ops/elementwise.js';
import { byGroup, type Relaxation, type RelaxationContext } from './relaxation.js';

export function sigmoidRelaxation({ architecture }: RelaxationContext): Relaxation {
  return {
    sampled: false,
    mixture: () => byGroup(architecture, (alphas) => ({ weights: sigmoid(alphas) })),
    strengths: () => byGroup(architecture, (alphas) => sigmoid(alphas)),
    [Symbol.dispose]: () => {},
  };
}
