/**
 * Cells of the search network of DARTS (Liu, Simonyan and Yang, arXiv 1806.09055; quark0/darts, model_search.py), in which
 * every edge is a mixture of its candidates.
 */

import { ArgumentError } from '../../errors.js';
import { convBatchNorm } from '../../ops/conv-bn-act.js';
import { conv2d } from '../../ops/conv2d.js';
import { add, mul } from '../../ops/elementwise.js';
import { concat, reshape, slice } from '../../ops/layout.js';
import { type CandidateKind, candidateKinds, type MixedEdge } from '../../ops/mixed-state.js';
import { throughPart } from '../../ops/partial-mixed-state.js';
import { sum } from '../../ops/reduce.js';
import { scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import type { BatchNorm } from '../batch-norm.js';
import { type CandidateEdge, disturbedMixedState } from '../disturbed-mixed-state.js';
import { Candidate, NoiseCandidate, SearchFilter, searchNorm } from '../mixed-candidate.js';
import type { GroupMixture, SkipDisturbance } from '../mixture.js';
import { Module } from '../module.js';

/** What edges of search cells may mix: what `mixedState` computes, and the noise of R-DARTS' space S4. */
export const cellCandidates = [...candidateKinds, 'noise'] as const;

export type CellCandidate = CandidateKind | 'noise';

/** What one edge mixes its candidates by: `weights` [candidates]. */
export interface EdgeMixture extends Pick<MixedEdge, 'weights' | 'active'> {
  /** [1]: what its whole output is multiplied by. Default 1. */
  readonly factor?: Tensor;
}

/** A mixture by edges, and for each node the number [] that is added to it. */
export interface CellMixtures {
  readonly edges: readonly EdgeMixture[];
  readonly offsets?: readonly Tensor[];
}

/** Edges of a cell: every node is entered by both inputs and by all earlier nodes; 14 for four nodes. */
export function edgeCount(nodes: number): number {
  return (nodes * (nodes + 3)) / 2;
}

/**
 * What cells of a group take of its mixture: made once for all of them.
 *
 * @param bypassed whether channels bypass the candidates: a factor of an edge then is none of its candidates' weights
 */
export function cellMixtures(mixture: GroupMixture, nodes: number, bypassed: boolean): CellMixtures {
  const { active, edges: factors, offsets } = mixture;
  const folded = factors !== undefined && !bypassed;
  const weights = folded ? mul(mixture.weights, reshape(factors, [-1, 1])) : mixture.weights;
  const edges = Array.from({ length: edgeCount(nodes) }, (_, e) => ({
    weights: reshape(slice(weights, 0, e, 1), [-1]),
    ...(active === undefined ? {} : { active: active[e]! }),
    ...(factors === undefined || folded ? {} : { factor: slice(factors, 0, e, 1) }),
  }));
  if (offsets === undefined) return { edges };
  const sums = Array.from({ length: nodes }, (_, node) => sum(slice(offsets, 0, edgeCount(node), node + 2)));
  return { edges, offsets: sums };
}

/** Convolution and normalisation (1x1, stride 1) of an input whose ReLU has been taken. */
class PointwiseNorm extends Module {
  readonly filter: SearchFilter;
  readonly norm: BatchNorm;

  constructor(inChannels: number, outChannels: number) {
    super();
    this.filter = new SearchFilter([outChannels, 1, 1, inChannels]);
    this.norm = searchNorm(outChannels);
  }

  override *namedChildren(): Generator<[name: string, module: SearchFilter | BatchNorm]> {
    yield ['op.1', this.filter];
    yield ['op.2', this.norm];
  }

  override forward(x: Tensor): Tensor {
    return convBatchNorm(x, this.filter.weight, { norm: this.norm.state, relu: false }).tensor();
  }
}

/** Half the height and width by two 1x1 convolutions of stride 2, the second a pixel further; input as `PointwiseNorm`. */
class FactorizedReduce extends Module {
  readonly conv_1: SearchFilter;
  readonly conv_2: SearchFilter;
  readonly bn: BatchNorm;

  constructor(inChannels: number, outChannels: number) {
    super();
    if (outChannels % 2 !== 0)
      throw new ArgumentError(`Expected an even number of channels, got ${outChannels}.`);
    this.conv_1 = new SearchFilter([outChannels / 2, 1, 1, inChannels]);
    this.conv_2 = new SearchFilter([outChannels / 2, 1, 1, inChannels]);
    this.bn = searchNorm(outChannels);
  }

  override forward(x: Tensor): Tensor {
    const shifted = slice(slice(x, 1, 1), 2, 1);
    const halves = [
      conv2d(x, this.conv_1.weight, { stride: 2 }),
      conv2d(shifted, this.conv_2.weight, { stride: 2 }),
    ];
    return this.bn.forward(concat(halves, 3));
  }
}

function candidateOf(kind: CellCandidate, channels: number, stride: 1 | 2): Candidate {
  return kind === 'noise'
    ? new NoiseCandidate(channels, { stride })
    : new Candidate(kind, channels, { stride });
}

export interface DartsCellOptions {
  /** Channels of the two inputs, and of the cell's nodes. */
  readonly inputs: readonly [before: number, last: number];
  readonly channels: number;
  readonly nodes: number;
  readonly reduction: boolean;
  /** Whether the last cell was a reduction. */
  readonly afterReduction: boolean;
  /** Of each edge; edges by the node they enter, then by origin. */
  readonly candidates: readonly (readonly CellCandidate[])[];
  /** Only the first 1 / portion of a state's channels goes through the candidates. */
  readonly portion: number;
  /** Whether every edge has a skip connection more, behind its candidates. */
  readonly auxiliarySkip: boolean;
}

/** A cell: two inputs, nodes that sum their mixed edges, and the nodes' concatenation. */
export class DartsCell extends Module<
  [before: Tensor, last: Tensor, mixtures: CellMixtures, disturbance: SkipDisturbance | null]
> {
  readonly reduction: boolean;
  readonly nodes: number;
  readonly preprocess0: PointwiseNorm | FactorizedReduce;
  readonly preprocess1: PointwiseNorm;
  /** [edge][candidate]; an auxiliary skip connection is the last. */
  readonly edges: readonly (readonly Candidate[])[];
  readonly #portion: number;
  readonly #auxiliaries: number;

  constructor(options: DartsCellOptions) {
    super();
    const { inputs, channels, nodes, reduction, candidates, portion, auxiliarySkip } = options;
    this.reduction = reduction;
    this.nodes = nodes;
    this.#portion = portion;
    this.#auxiliaries = auxiliarySkip ? 1 : 0;
    this.preprocess0 = options.afterReduction
      ? new FactorizedReduce(inputs[0], channels)
      : new PointwiseNorm(inputs[0], channels);
    this.preprocess1 = new PointwiseNorm(inputs[1], channels);
    this.edges = Array.from({ length: nodes }, (_, node) => node + 2).flatMap((origins, node) =>
      Array.from({ length: origins }, (_, origin) => {
        const kinds = candidates[edgeCount(node) + origin]!;
        const all = auxiliarySkip ? [...kinds, 'skip_connect' as const] : kinds;
        return all.map((kind) => candidateOf(kind, channels / portion, this.#stride(origin)));
      }),
    );
  }

  override *namedChildren(): Generator<[name: string, module: Module]> {
    yield ['preprocess0', this.preprocess0];
    yield ['preprocess1', this.preprocess1];
    for (const [e, candidates] of this.edges.entries()) {
      for (const [c, candidate] of candidates.entries()) yield [`_ops.${e}._ops.${c}`, candidate];
    }
  }

  /**
   * @param before, last outputs of the two cells before, after ReLU
   * @param disturbance of skip connections but auxiliary ones, in training
   */
  override forward(
    before: Tensor,
    last: Tensor,
    mixtures: CellMixtures,
    disturbance: SkipDisturbance | null = null,
  ): Tensor {
    // What backward does not need, such as sums of a node's first edges, need not wait for the caller's scope.
    return scope(() => this.#mix(before, last, mixtures, disturbance));
  }

  #stride(origin: number): 1 | 2 {
    return this.reduction && origin < 2 ? 2 : 1;
  }

  #mix(before: Tensor, last: Tensor, mixtures: CellMixtures, disturbance: SkipDisturbance | null): Tensor {
    const states: Tensor[] = [this.preprocess0.forward(before), this.preprocess1.forward(last)];
    const sums: (Tensor | undefined)[] = Array<undefined>(this.nodes).fill(undefined);
    // The normalisations of a network are stilled together (`withStillStatistics`).
    const update = this.preprocess1.norm.updateStatistics;
    const options = { training: this.training, update, disturbance };
    for (let origin = 0; origin <= this.nodes; origin++) {
      // Nodes before `origin - 1` come before this state.
      const first = Math.max(0, origin - 1);
      const numbers = sums.slice(first).map((_, index) => edgeCount(first + index) + origin);
      const edges = numbers.map((e) => this.#edge(e, origin, mixtures));
      const addends = sums.slice(first);
      const state = states[origin]!;
      const outputs =
        this.#portion === 1
          ? disturbedMixedState(
              state,
              edges.map((edge, index) => withAddend(edge, addends[index])),
              options,
            )
          : throughPart(
              state,
              { portion: this.#portion, strides: edges.map(({ stride }) => stride!) },
              (part) => disturbedMixedState(part, edges, options),
            ).map((output, index) => {
              const { factor } = mixtures.edges[numbers[index]!]!;
              const scaled = factor === undefined ? output : mul(output, factor);
              const addend = addends[index];
              return addend === undefined ? scaled : add(addend, scaled);
            });
      for (const [index, output] of outputs.entries()) sums[first + index] = output;
      if (origin === 0) continue;
      const node = sums[origin - 1]!;
      const offset = mixtures.offsets?.[origin - 1];
      states.push(offset === undefined ? node : add(node, offset));
    }
    return concat(states.slice(2), 3);
  }

  #edge(e: number, origin: number, mixtures: CellMixtures): CandidateEdge {
    const { weights, active } = mixtures.edges[e]!;
    const candidates = this.edges[e]!;
    return {
      weights,
      candidates,
      searched: candidates.length - this.#auxiliaries,
      stride: this.#stride(origin),
      ...(active === undefined ? {} : { active }),
    };
  }
}

function withAddend(edge: CandidateEdge, addend: Tensor | undefined): CandidateEdge {
  return addend === undefined ? edge : { ...edge, addend };
}
