/**
 * SETN (Dong and Yang, arXiv 1910.05733): the weights learn on architectures drawn uniformly at random, one for each step, so that none
 * is favoured before it is known; the alphas learn on the full mixture.
 */

import { StateBuffer } from '../../nn/parameter.js';
import { zeros } from '../../ops/create.js';
import { softmax } from '../../ops/softmax.js';
import { uniforms } from '../host-draws.js';
import { DRAWING_PARTS, passStream } from '../pass.js';
import type { GroupMixture } from '../supernet.js';
import { byGroup, type Relaxation, type RelaxationContext } from './relaxation.js';

export function uniformPathRelaxation({ architecture, seed }: RelaxationContext): Relaxation {
  const drawn = new Map(
    [...architecture.byGroup].map(([name, { alphas }]) => [
      name,
      { places: new Array<number>(alphas.shape[0]!).fill(0), oneHot: new StateBuffer(zeros(alphas.shape)) },
    ]),
  );
  const edges = [...drawn.values()].reduce((count, { places }) => count + places.length, 0);
  return {
    sampled: true,
    draw(pass) {
      if (pass.purpose === 'architecture') return;
      const u = uniforms(edges, seed, passStream(DRAWING_PARTS.relaxation, pass));
      let used = 0;
      for (const { places, oneHot } of drawn.values()) {
        const candidates = oneHot.shape[1]!;
        const hot = new Float32Array(oneHot.size);
        for (const edge of places.keys()) {
          places[edge] = Math.floor(u[used++]! * candidates);
          hot[edge * candidates + places[edge]] = 1;
        }
        oneHot.write(hot);
      }
    },
    mixture: (purpose) =>
      byGroup(architecture, (alphas, name): GroupMixture => {
        if (purpose === 'architecture') return { weights: softmax(alphas) };
        const { places, oneHot } = drawn.get(name)!;
        return { weights: oneHot, active: places.map((place) => [place]) };
      }),
    strengths: () => byGroup(architecture, (alphas) => softmax(alphas)),
    [Symbol.dispose]: () => {
      for (const { oneHot } of drawn.values()) oneHot.dispose();
    },
  };
}
