/**
 * The binary gates of ProxylessNAS (Cai, Zhu and Han, arXiv 1812.00332, section 3.2; mit-han-lab/proxylessnas, mix_op.py): one
 * candidate of an edge has a gate of 1, the others of 0, so that only what was sampled needs memory.
 *
 * Weights are trained with one path an edge, drawn from p = softmax(alpha). Alphas are trained with two: drawn without
 * replacement, their probabilities renormalised, one of them active. The gradient of a gate g is that of its alpha by
 *
 *     dL/d alpha_i = sum_j dL/dg_j p_j (delta_ij - p_i)                                              (equation 4)
 *
 * over the paths involved. The reference calls this mode `two`; its modes `full` and `full_v2` involve all candidates, by
 * keeping all their outputs or by computing them again in backward, which costs time or memory in proportion to their number.
 */

import type { PhiloxSequence } from '../../data/philox.js';
import { ArgumentError } from '../../errors.js';
import { tensor } from '../../ops/create.js';
import { add, exp, log, mul, sub } from '../../ops/elementwise.js';
import { assign, detach } from '../../ops/layout.js';
import { max, sum } from '../../ops/reduce.js';
import { softmax } from '../../ops/softmax.js';
import { noGrad, scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import type { GroupMixture } from '../supernet.js';

/** For an edge the candidate whose gate is 1, and another one that was drawn with it, if there is one. */
export interface SampledPaths {
  readonly active: number;
  readonly inactive: number | null;
}

/** Takes a candidate out of a softmax: e^x of it is 0 in f32, whatever the alphas. */
const EXCLUDED = -1e30;

/** Softmax in double precision. */
function probabilities(alphas: ArrayLike<number>): number[] {
  const values = Array.from(alphas);
  const largest = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - largest));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

/** The index in which a uniform number falls; `weights` need not add up to 1. */
function draw(weights: readonly number[], random: PhiloxSequence): number {
  const total = weights.reduce((a, b) => a + b, 0);
  let left = (random.word() / 2 ** 32) * total;
  let last = -1;
  for (const [index, weight] of weights.entries()) {
    if (weight <= 0) continue;
    last = index;
    left -= weight;
    if (left < 0) return index;
  }
  if (last >= 0) return last; // rounding
  throw new ArgumentError(`Expected a probability above 0 to draw from, got ${weights.join(', ')}.`);
}

/** Draws one path of an edge from softmax(alphas). @param alphas of its candidates */
export function sampleOnePath(alphas: ArrayLike<number>, random: PhiloxSequence): SampledPaths {
  return { active: draw(probabilities(alphas), random), inactive: null };
}

/**
 * Draws two paths of an edge from softmax(alphas) without replacement, and which of them is active from their renormalised
 * probabilities. An edge of one candidate has one path.
 */
export function sampleTwoPaths(alphas: ArrayLike<number>, random: PhiloxSequence): SampledPaths {
  const p = probabilities(alphas);
  const first = draw(p, random);
  const others = p.map((probability, index) => (index === first ? 0 : probability));
  if (others.every((probability) => probability === 0)) return { active: first, inactive: null };
  const second = draw(others, random);
  const pair = probabilities([alphas[first]!, alphas[second]!]);
  const [active, inactive] = draw(pair, random) === 0 ? [first, second] : [second, first];
  return { active, inactive };
}

function involved({ active, inactive }: SampledPaths): number[] {
  return inactive === null ? [active] : [active, inactive];
}

/** [edges, candidates]: `value` at the given candidates of each edge, `elsewhere` at the others. */
function marked(
  candidates: number,
  edges: readonly (readonly number[])[],
  value: number,
  elsewhere: number,
): Tensor {
  const rows = edges.map((marks) => {
    const strange = marks.find((index) => !Number.isInteger(index) || index < 0 || index >= candidates);
    if (strange === undefined) {
      return Array.from({ length: candidates }, (_, c) => (marks.includes(c) ? value : elsewhere));
    }
    throw new ArgumentError(`Expected sampled candidates below ${candidates}, got ${strange}.`);
  });
  return tensor(rows, [edges.length, candidates]);
}

function checkEdges(alphas: Tensor, paths: readonly SampledPaths[]): number {
  const [edges, candidates] = alphas.shape;
  if (alphas.rank === 2 && edges === paths.length) return candidates!;
  throw new ArgumentError(
    `Expected alphas [${paths.length}, candidates] for ${paths.length} sampled edges, got [${alphas.shape.join(', ')}].`,
  );
}

export interface BinaryGates {
  /** What a search network mixes by: the gates, exactly 1 and 0. Its inactive paths are detached. */
  readonly mixture: GroupMixture;
  /**
   * [edges, candidates]: the probabilities of the involved paths among themselves, 0 for all others. An expected cost is taken
   * over them, as in the reference.
   */
  readonly probabilities: Tensor;
}

/**
 * The gates of sampled paths. Their values are the sample, their gradients pass to the alphas by equation 4, which is that of a
 * softmax over the involved paths: the gates are one-hot + p - stopgrad(p). With one path an edge the alphas get a gradient
 * of 0.
 *
 * The reference drops the gradient of an edge whose active path is its zero operation; here it is what equation 4 says.
 *
 * @param alphas [edges, candidates]
 * @param paths for each edge
 * @throws ArgumentError when they do not fit each other
 */
export function binaryGates(alphas: Tensor, paths: readonly SampledPaths[]): BinaryGates {
  const candidates = checkEdges(alphas, paths);
  const actives = paths.map(({ active }) => [active]);
  const all = paths.map(involved);
  const p = softmax(add(alphas, marked(candidates, all, 0, EXCLUDED)));
  // First the difference, which is exactly 0.
  const weights = add(sub(p, detach(p)), marked(candidates, actives, 1, 0));
  const detached = paths.map(({ inactive }) => (inactive === null ? [] : [inactive]));
  return { mixture: { weights, active: all, detached }, probabilities: p };
}

/** log(sum(exp(x))) of the marked elements of each row, [rows, 1]. */
function logSumExp(x: Tensor, mask: Tensor): Tensor {
  const masked = add(x, mask);
  const largest = max(masked, 1, { keepDims: true });
  return add(log(sum(exp(sub(masked, largest)), 1, { keepDims: true })), largest);
}

/**
 * After a step on two paths: shifts both alphas so that the sum of their exponentials is what it was, and with it the
 * probability of every path that was not sampled (section 3.2.1).
 *
 * @param alphas [edges, candidates] after the step; changed in place
 * @param before a copy from before it
 * @throws ArgumentError when they do not fit each other
 */
export function keepUnsampledProbabilities(
  alphas: Tensor,
  before: Tensor,
  paths: readonly SampledPaths[],
): void {
  const candidates = checkEdges(alphas, paths);
  noGrad(() =>
    scope(() => {
      const all = paths.map(involved);
      const mask = marked(candidates, all, 0, EXCLUDED);
      const growth = sub(logSumExp(alphas, mask), logSumExp(before, mask));
      assign(alphas, sub(alphas, mul(growth, marked(candidates, all, 1, 0))));
    }),
  );
}

/** Equal gates for a whole edge, of paths that a step on weights trains: no gradient for alphas, nothing recorded of them. */
export function onePathMixture(candidates: number, paths: readonly SampledPaths[]): GroupMixture {
  const active = paths.map(({ active }) => [active]);
  return { weights: marked(candidates, active, 1, 0), active };
}
