/**
 * SDARTS-ADV (Chen and Hsieh, arXiv 2002.05283, equation 4; xiangning-chen/SmoothDARTS, perturb.py): the weights of the edges move to
 * where the training loss is large, by projected gradient ascent in the l-inf ball of radius epsilon from a random start. After each
 * step of 2 epsilon / steps the weights return into the ball and then become shares of 1 again, in the code's order: the last
 * can leave the ball. If the loss has fallen in the end, they stay where they were.
 */

import { grad } from '../../ops/autograd.js';
import { greater, maximum, minimum, neg, sign } from '../../ops/elementwise.js';
import { noGrad } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import type { ScheduledValue } from '../scheduled-value.js';
import type { Mixture } from '../supernet.js';
import { movedMixture, type Perturbation, type PerturbationContext } from './perturbation.js';
import { ontoSimplex } from './simplex.js';
import { UniformNoise } from './uniform-noise.js';

export interface AdversarialOptions {
  readonly epsilon: ScheduledValue;
  readonly steps: number;
}

export function adversarialPerturbation(
  context: PerturbationContext,
  { epsilon, steps }: AdversarialOptions,
): Perturbation {
  const noise = new UniformNoise(context, epsilon);
  /** The mixture a step further up from `at`, within reach of `start`. */
  const ascend = (start: Mixture, at: Mixture, loss: (mixture: Mixture) => Tensor): Mixture => {
    const leaves = movedMixture(at, (weights) => {
      const leaf = weights.detach();
      leaf.requiresGrad = true;
      return leaf;
    });
    const names = Object.keys(leaves);
    const gradients = grad(
      loss(leaves),
      names.map((name) => leaves[name]!.weights),
    );
    return noGrad(() =>
      movedMixture(at, (weights, name) => {
        const up = sign(gradients[names.indexOf(name)]!)
          .mul(noise.radius)
          .affine(2 / steps, 0);
        const middle = start[name]!.weights;
        const way = weights.add(up).sub(middle);
        return ontoSimplex(middle.add(maximum(minimum(way, noise.radius), neg(noise.radius))));
      }),
    );
  };
  return {
    draw: (pass) => noise.draw(pass),
    perturbed(mixture, loss) {
      const before = noGrad(() => loss(mixture));
      let found = noGrad(() =>
        movedMixture(mixture, (weights, name) => ontoSimplex(weights.add(noise.of(name)))),
      );
      for (let step = 0; step < steps; step++) found = ascend(mixture, found, loss);
      return noGrad(() => {
        const fell = greater(before, loss(found)).reshape([1, 1]);
        return movedMixture(mixture, (weights, name) =>
          weights.mul(fell).add(found[name]!.weights.mul(fell.affine(-1, 1))),
        );
      });
    },
    [Symbol.dispose]: () => noise[Symbol.dispose](),
  };
}
