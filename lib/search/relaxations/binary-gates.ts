/**
 * The binary gates of ProxylessNAS (Cai, Zhu and Han, arXiv 1812.00332, section 3.2; mit-han-lab/proxylessnas, mix_op.py): one
 * candidate of an edge has a gate of 1, the others of 0, so that only what was sampled needs memory.
 *
 * Weights are trained with one path an edge, drawn from p = softmax(alpha). Alphas are trained with two: drawn without
 * replacement, their probabilities renormalised, one of them active. The gradient of a gate g is that of its alpha by
 *
 *     dL/d alpha_i = sum_j dL/dg_j p_j (delta_ij - p_i)                                              (equation 4)
 *
 * over the paths involved. The reference calls this mode `two`. Its modes `full` and `full_v2` involve all candidates, by keeping
 * their outputs or by computing them again in backward: memory or time in proportion to their number. They are not here.
 */

import { StateBuffer } from '../../nn/parameter.js';
import { tensor, zeros } from '../../ops/create.js';
import { add, equal, exp, log, mul, sub } from '../../ops/elementwise.js';
import { assign, detach } from '../../ops/layout.js';
import { max, sum } from '../../ops/reduce.js';
import { softmax } from '../../ops/softmax.js';
import { noGrad, scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { uniforms } from '../host-draws.js';
import { DRAWING_PARTS, type Pass, type Purpose, passStream } from '../pass.js';
import type { GroupMixture } from '../supernet.js';
import { byGroup, type Relaxation, type RelaxationContext } from './relaxation.js';
import {
  DRAWS_OF_ONE_PATH,
  DRAWS_OF_TWO_PATHS,
  involved,
  type SampledPaths,
  sampleOnePath,
  sampleTwoPaths,
} from './sampled-paths.js';

/** Takes a candidate out of a softmax: e^x of it is 0 in f32, whatever the alphas. */
const EXCLUDED = -1e30;

/** Sampled paths as kernels read them: [edges, candidates] each. */
export interface PathMasks<T = Tensor> {
  /** 1 where a path is active, else 0. */
  readonly active: T;
  /** 0 where a path is involved, else so low that no softmax counts it. */
  readonly excluded: T;
}

/** The masks of sampled paths, one for each edge. */
export function pathMasks(candidates: number, paths: readonly SampledPaths[]): PathMasks<Float32Array> {
  const active = new Float32Array(paths.length * candidates);
  const excluded = new Float32Array(paths.length * candidates).fill(EXCLUDED);
  for (const [edge, sampled] of paths.entries()) {
    active[edge * candidates + sampled.active] = 1;
    for (const index of involved(sampled)) excluded[edge * candidates + index] = 0;
  }
  return { active, excluded };
}

export interface Gates {
  /** [edges, candidates]: exactly 1 where a path is active and exactly 0 elsewhere. */
  readonly gates: Tensor;
  /** [edges, candidates]: the probabilities of the involved paths among themselves, 0 for all others. */
  readonly probabilities: Tensor;
}

/**
 * The gates of sampled paths. Their gradient passes to the alphas by equation 4, which is that of a softmax over the involved
 * paths: the gates are their sample + p - stopgrad(p). With one path an edge the alphas get a gradient of 0.
 *
 * The reference drops the gradient of an edge, also that of its cost, when its active path is the zero operation; here it is what
 * equation 4 says.
 *
 * @param alphas [edges, candidates]
 * @throws ShapeError when the masks are of another shape
 */
export function binaryGates(alphas: Tensor, { active, excluded }: PathMasks): Gates {
  const probabilities = softmax(add(alphas, excluded));
  // First the difference, which is exactly 0.
  return { gates: add(sub(probabilities, detach(probabilities)), active), probabilities };
}

/** log(sum(e^x)) of each row, [rows, 1]. */
function logSumExp(x: Tensor): Tensor {
  const largest = max(x, 1, { keepDims: true });
  return add(log(sum(exp(sub(x, largest)), 1, { keepDims: true })), largest);
}

/**
 * After a step on two paths: shifts both alphas of each edge so that the sum of their exponentials is what it was, and with it the
 * probability of every path that was not involved (section 3.2.1).
 *
 * @param alphas [edges, candidates] after the step; changed in place
 * @param before as they were
 * @param excluded of the masks of the step's paths
 */
export function keepOtherProbabilities(alphas: Tensor, before: Tensor, excluded: Tensor): void {
  noGrad(() =>
    scope(() => {
      const growth = sub(logSumExp(add(alphas, excluded)), logSumExp(add(before, excluded)));
      assign(alphas, sub(alphas, mul(equal(excluded, 0), growth)));
    }),
  );
}

/** What was drawn last for one group and purpose. */
class DrawnPaths {
  /** Until something is drawn, the first candidate of each edge. */
  paths: readonly SampledPaths[];
  readonly masks: PathMasks<StateBuffer>;
  /** The alphas that it was drawn by. */
  readonly alphas: StateBuffer;

  /** Whether it was. */
  drawn = false;

  constructor(shape: readonly number[]) {
    const [edges = 0, candidates = 0] = shape;
    this.paths = Array.from({ length: edges }, () => ({ active: 0, inactive: null }));
    const { active, excluded } = pathMasks(candidates, this.paths);
    this.masks = {
      active: new StateBuffer(tensor(active, shape)),
      excluded: new StateBuffer(tensor(excluded, shape)),
    };
    this.alphas = new StateBuffer(zeros(shape));
  }

  write(alphas: Float32Array, paths: readonly SampledPaths[]): void {
    const { active, excluded } = pathMasks(alphas.length / paths.length, paths);
    this.paths = paths;
    this.drawn = true;
    this.alphas.write(alphas);
    this.masks.active.write(active);
    this.masks.excluded.write(excluded);
  }

  dispose(): void {
    for (const buffer of [this.alphas, this.masks.active, this.masks.excluded]) buffer.dispose();
  }
}

/** Weights by one path an edge, alphas by two. */
export function binaryGatesRelaxation({ architecture, seed }: RelaxationContext): Relaxation {
  const undrawn = (): Map<string, DrawnPaths> =>
    new Map([...architecture.byGroup].map(([name, { alphas }]) => [name, new DrawnPaths(alphas.shape)]));
  const last: Record<Purpose, Map<string, DrawnPaths>> = { weights: undrawn(), architecture: undrawn() };
  return {
    sampled: true,
    async draw(pass: Pass) {
      const [sample, draws] =
        pass.purpose === 'weights'
          ? ([sampleOnePath, DRAWS_OF_ONE_PATH] as const)
          : ([sampleTwoPaths, DRAWS_OF_TWO_PATHS] as const);
      const groups = [...architecture.byGroup].map(([name, { alphas }]) => ({ name, alphas }));
      const values = await Promise.all(groups.map(({ alphas }) => alphas.data()));
      const edges = groups.reduce((total, { alphas }) => total + alphas.shape[0]!, 0);
      const u = uniforms(edges * draws, seed, passStream(DRAWING_PARTS.relaxation, pass));
      let used = 0;
      for (const [index, { name, alphas }] of groups.entries()) {
        const [rows = 0, candidates = 0] = alphas.shape;
        const paths = Array.from({ length: rows }, (_, edge) => {
          const row = values[index]!.subarray(edge * candidates, (edge + 1) * candidates);
          return sample(row, u.subarray(used + edge * draws, used + (edge + 1) * draws));
        });
        used += rows * draws;
        last[pass.purpose].get(name)!.write(values[index]!, paths);
      }
    },
    mixture: (purpose) =>
      byGroup(architecture, (alphas, name): GroupMixture => {
        const { paths, masks } = last[purpose].get(name)!;
        // A step of the weights needs no gradient of the alphas, and a gate then keeps no output for one.
        if (purpose === 'weights') return { weights: masks.active, active: paths.map(involved) };
        const { gates, probabilities } = binaryGates(alphas, masks);
        return {
          weights: gates,
          probabilities,
          active: paths.map(involved),
          detached: paths.map(({ inactive }) => (inactive === null ? [] : [inactive])),
        };
      }),
    strengths: () => byGroup(architecture, (alphas) => softmax(alphas)),
    settle() {
      for (const [name, { drawn, alphas: before, masks }] of last.architecture) {
        if (!drawn) continue;
        keepOtherProbabilities(architecture.byGroup.get(name)!.alphas, before, masks.excluded);
      }
    },
    [Symbol.dispose]: () => {
      for (const groups of Object.values(last)) for (const paths of groups.values()) paths.dispose();
    },
  };
}
