/**
 * GDAS (Dong and Yang, arXiv 1910.04465): one candidate an edge by the Gumbel-max trick, with the gradient of the softmax
 * (straight through). Only the chosen candidate is computed.
 */

import { StateBuffer } from '../../nn/parameter.js';
import { zeros } from '../../ops/create.js';
import { sum } from '../../ops/reduce.js';
import { softmax } from '../../ops/softmax.js';
import type { ScheduledValue } from '../scheduled-value.js';
import type { GroupMixture } from '../supernet.js';
import { GumbelNoise } from './gumbel-noise.js';
import { byGroup, type Relaxation, type RelaxationContext } from './relaxation.js';

export interface GumbelHardOptions {
  readonly temperature: ScheduledValue;
  /**
   * What the weights of candidates that were not chosen do; their values are 0. `added`: they are added to the edge's
   * output as numbers, which gives them a gradient, as AutoDL-Projects does in NAS-Bench-201. `left-out`: nothing, as in
   * its NASNet cells.
   */
  readonly unchosen: 'added' | 'left-out';
}

export function gumbelHardRelaxation(
  context: RelaxationContext,
  { temperature, unchosen }: GumbelHardOptions,
): Relaxation {
  const { architecture } = context;
  const noise = new GumbelNoise(context, temperature);
  const chosen = new Map(
    [...architecture.byGroup].map(([name, { alphas }]) => {
      const [edges = 0] = alphas.shape;
      return [
        name,
        { places: new Array<number>(edges).fill(0), oneHot: new StateBuffer(zeros(alphas.shape)) },
      ];
    }),
  );
  return {
    sampled: true,
    async draw(pass) {
      for (const [name, drawn] of noise.draw(pass)) {
        const { alphas } = architecture.byGroup.get(name)!;
        const { places, oneHot } = chosen.get(name)!;
        const values = await alphas.data();
        const candidates = alphas.shape[1]!;
        const hot = new Float32Array(values.length);
        for (const edge of places.keys()) {
          const scores = Array.from(
            { length: candidates },
            (_, c) => values[edge * candidates + c]! + drawn[edge * candidates + c]!,
          );
          places[edge] = scores.indexOf(Math.max(...scores));
          hot[edge * candidates + places[edge]] = 1;
        }
        oneHot.write(hot);
      }
    },
    mixture: () =>
      byGroup(architecture, (alphas, name): GroupMixture => {
        const { places, oneHot } = chosen.get(name)!;
        const soft = noise.sample(alphas, name);
        const weights = soft.sub(soft.detach()).add(oneHot);
        const active = places.map((place) => [place]);
        if (unchosen === 'left-out') return { weights, active };
        return { weights, active, offsets: sum(weights.mul(oneHot.affine(-1, 1)), 1) };
      }),
    strengths: () => byGroup(architecture, (alphas) => softmax(alphas)),
    [Symbol.dispose]: () => {
      noise[Symbol.dispose]();
      for (const { oneHot } of chosen.values()) oneHot.dispose();
    },
  };
}
