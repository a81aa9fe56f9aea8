/**
 * Cells of the search network of DARTS (Liu, Simonyan and Yang, arXiv 1806.09055; quark0/darts, model_search.py), in which
 * every edge is a mixture of its candidates.
 */

import { ArgumentError } from '../../errors.js';
import { convBatchNorm } from '../../ops/conv-bn-act.js';
import { conv2d } from '../../ops/conv2d.js';
import { add } from '../../ops/elementwise.js';
import { concat, slice } from '../../ops/layout.js';
import { type CandidateKind, candidateKinds } from '../../ops/mixed-state.js';
import { scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import type { BatchNorm } from '../batch-norm.js';
import { Candidate, NoiseCandidate, SearchFilter, searchNorm } from '../mixed-candidate.js';
import { type CandidateEdge, mixedEdges } from '../mixed-edges.js';
import type { CellMixture, SkipDisturbance } from '../mixture.js';
import { Module } from '../module.js';

/** What edges of search cells may mix: what `mixedState` computes, and the noise of R-DARTS' space S4. */
export const cellCandidates = [...candidateKinds, 'noise'] as const;

export type CellCandidate = CandidateKind | 'noise';

/** Edges of a cell: every node is entered by both inputs and by all earlier nodes; 14 for four nodes. */
export function edgeCount(nodes: number): number {
  return (nodes * (nodes + 3)) / 2;
}

/** For each node the numbers of the edges that enter it: from both inputs, then from earlier nodes. */
export function edgesByNode(nodes: number): number[][] {
  return Array.from({ length: nodes }, (_, node) =>
    Array.from({ length: node + 2 }, (_, origin) => edgeCount(node) + origin),
  );
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
  [before: Tensor, last: Tensor, mixture: CellMixture, disturbance: SkipDisturbance | null]
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
    this.edges = edgesByNode(nodes).flatMap((entering) =>
      entering.map((e, origin) => {
        const kinds = candidates[e]!;
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
    mixture: CellMixture,
    disturbance: SkipDisturbance | null = null,
  ): Tensor {
    // What backward does not need, such as sums of a node's first edges, need not wait for the caller's scope.
    return scope(() => this.#mix(before, last, mixture, disturbance));
  }

  #stride(origin: number): 1 | 2 {
    return this.reduction && origin < 2 ? 2 : 1;
  }

  #mix(before: Tensor, last: Tensor, mixture: CellMixture, disturbance: SkipDisturbance | null): Tensor {
    const states: Tensor[] = [this.preprocess0.forward(before), this.preprocess1.forward(last)];
    const sums: (Tensor | undefined)[] = Array<undefined>(this.nodes).fill(undefined);
    // The normalisations of a network are stilled together (`withStillStatistics`).
    const update = this.preprocess1.norm.updateStatistics;
    const options = { training: this.training, update, portion: this.#portion, disturbance };
    for (let origin = 0; origin <= this.nodes; origin++) {
      // Nodes before `origin - 1` come before this state.
      const first = Math.max(0, origin - 1);
      const edges = sums
        .slice(first)
        .map((addend, index) => this.#edge(edgeCount(first + index) + origin, origin, mixture, addend));
      for (const [index, output] of mixedEdges(states[origin]!, edges, options).entries()) {
        sums[first + index] = output;
      }
      if (origin === 0) continue;
      const node = sums[origin - 1]!;
      const offset = mixture.offsets?.[origin - 1];
      states.push(offset === undefined ? node : add(node, offset));
    }
    return concat(states.slice(2), 3);
  }

  #edge(e: number, origin: number, mixture: CellMixture, addend: Tensor | undefined): CandidateEdge {
    const candidates = this.edges[e]!;
    return {
      ...mixture.edges[e]!,
      candidates,
      searched: candidates.length - this.#auxiliaries,
      stride: this.#stride(origin),
      ...(addend === undefined ? {} : { addend }),
    };
  }
}
