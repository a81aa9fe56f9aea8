/** SNAS (Xie et al., arXiv 1812.09926) and FBNet (Wu et al., arXiv 1812.03443): the concrete distribution, all candidates computed. */

import { softmax } from '../../ops/softmax.js';
import type { ScheduledValue } from '../scheduled-value.js';
import { GumbelNoise } from './gumbel-noise.js';
import { byGroup, type Relaxation, type RelaxationContext } from './relaxation.js';

export function gumbelSoftmaxRelaxation(context: RelaxationContext, temperature: ScheduledValue): Relaxation {
  const { architecture } = context;
  const noise = new GumbelNoise(context, temperature);
  return {
    sampled: false,
    draw: (pass) => void noise.draw(pass),
    mixture: () => byGroup(architecture, (alphas, name) => ({ weights: noise.sample(alphas, name) })),
    strengths: () => byGroup(architecture, (alphas) => softmax(alphas)),
    [Symbol.dispose]: () => noise[Symbol.dispose](),
  };
}
