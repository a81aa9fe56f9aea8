/**
 * SDARTS-RS (Chen and Hsieh, arXiv 2002.05283): uniform noise in +-epsilon on the weights of each edge, which are then clipped to
 * [0, 1] and made to sum to 1 again, as in its code.
 */

import { StateBuffer } from '../../nn/parameter.js';
import { zeros } from '../../ops/create.js';
import { clamp } from '../../ops/elementwise.js';
import { sum } from '../../ops/reduce.js';
import { uniforms } from '../host-draws.js';
import { DRAWING_PARTS, passStream } from '../pass.js';
import { ScheduledScalar } from '../scheduled-scalar.js';
import type { ScheduledValue } from '../scheduled-value.js';
import type { Perturbation, PerturbationContext } from './perturbation.js';

export function randomPerturbation(
  { seed, shapes }: PerturbationContext,
  epsilon: ScheduledValue,
): Perturbation {
  const radius = new ScheduledScalar(epsilon);
  const noise = new Map([...shapes].map(([name, shape]) => [name, new StateBuffer(zeros(shape))]));
  return {
    draw(pass) {
      radius.draw(pass);
      const total = [...noise.values()].reduce((count, { size }) => count + size, 0);
      const drawn = uniforms(total, seed, passStream(DRAWING_PARTS.perturbation, pass)).map((u) => 2 * u - 1);
      let start = 0;
      for (const buffer of noise.values()) {
        buffer.write(Float32Array.from(drawn.subarray(start, start + buffer.size)));
        start += buffer.size;
      }
    },
    perturbed: (mixture) =>
      Object.fromEntries(
        Object.entries(mixture).map(([name, group]) => {
          const moved = clamp(group.weights.add(noise.get(name)!.mul(radius.tensor)), 0, 1);
          return [name, { ...group, weights: moved.div(sum(moved, 1, { keepDims: true })) }];
        }),
      ),
    [Symbol.dispose]: () => {
      radius[Symbol.dispose]();
      for (const buffer of noise.values()) buffer.dispose();
    },
  };
}
