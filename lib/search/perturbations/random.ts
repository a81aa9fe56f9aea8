/**
 * SDARTS-RS (Chen and Hsieh, arXiv 2002.05283, equation 3; xiangning-chen/SmoothDARTS, perturb.py): uniform noise in +-epsilon on
 * the weights of each edge, which then become shares of 1 again.
 */

import type { ScheduledValue } from '../scheduled-value.js';
import { movedMixture, type Perturbation, type PerturbationContext } from './perturbation.js';
import { ontoSimplex } from './simplex.js';
import { UniformNoise } from './uniform-noise.js';

export function randomPerturbation(context: PerturbationContext, epsilon: ScheduledValue): Perturbation {
  const noise = new UniformNoise(context, epsilon);
  return {
    draw: (pass) => noise.draw(pass),
    perturbed: (mixture) =>
      movedMixture(mixture, (weights, name) => ontoSimplex(weights.add(noise.of(name)))),
    [Symbol.dispose]: () => noise[Symbol.dispose](),
  };
}
