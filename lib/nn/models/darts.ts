/**
 * The search network of DARTS (Liu, Simonyan and Yang, arXiv 1806.09055; quark0/darts, model_search.py), in which every
 * edge of a cell is a mixture of all candidates.
 */

import { z } from 'zod';

import { ArgumentError, ShapeError } from '../../errors.js';
import { convBatchNorm } from '../../ops/conv-bn-act.js';
import { conv2d } from '../../ops/conv2d.js';
import { randn, zeros } from '../../ops/create.js';
import { relu } from '../../ops/elementwise.js';
import { assign, concat, reshape, slice } from '../../ops/layout.js';
import { type CandidateKind, candidateKinds, type MixedEdge, mixedState } from '../../ops/mixed-state.js';
import { partialMixedState } from '../../ops/partial-mixed-state.js';
import { globalAvgPool2d } from '../../ops/pool.js';
import { softmax } from '../../ops/softmax.js';
import { noGrad, scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { type BatchNorm, BatchNorm2d } from '../batch-norm.js';
import { convBnAct } from '../conv-bn-act.js';
import { Conv2d } from '../conv2d.js';
import { Linear } from '../linear.js';
import { Candidate, SearchFilter, searchNorm } from '../mixed-candidate.js';
import { Module, type ParameterRandom } from '../module.js';
import { Normalize } from '../normalize.js';
import { Parameter } from '../parameter.js';
import { commonSpec, countSchema } from './spec.js';

/** The eight candidates of DARTS, in the order of its alphas. */
export const dartsCandidates: readonly CandidateKind[] = candidateKinds.slice(0, 8);

export const dartsSpecSchema = z.strictObject({
  ...commonSpec,
  /** C: channels of the first cell's nodes. */
  channels: countSchema.default(16),
  /** Cells; those at a third and two thirds of them halve height and width and double the channels. */
  cells: countSchema.default(8),
  /** Intermediate nodes of a cell. */
  nodes: countSchema.default(4),
  /** The stem has so many times C channels. */
  stemMultiplier: countSchema.default(3),
  candidates: z
    .array(z.enum(candidateKinds))
    .min(1)
    .default([...dartsCandidates]),
  /** Only the first 1 / portion of a state's channels goes through the candidates: 4 in PC-DARTS. */
  portion: countSchema.default(1),
});

/** All that is needed to build the network, but its weights. Plain JSON. */
export type DartsSpec = z.infer<typeof dartsSpecSchema>;

/** What a cell mixes its candidates by. */
export interface CellMixture {
  /** [edges, candidates]: the factor of each candidate of each edge; edges by the node they enter, then by origin. */
  readonly weights: Tensor;
  /** For each edge, the candidates that are computed; the others count as 0. Default: all. */
  readonly active?: readonly (readonly number[])[];
}

/** The mixtures of both kinds of cells. */
export interface DartsMixture {
  readonly normal: CellMixture;
  readonly reduce: CellMixture;
}

/** What one edge mixes its candidates by: `weights` [candidates]. */
export type EdgeMixture = Pick<MixedEdge, 'weights' | 'active'>;

function edgeMixtures({ weights, active }: CellMixture): EdgeMixture[] {
  return Array.from({ length: weights.shape[0]! }, (_, e) => ({
    weights: reshape(slice(weights, 0, e, 1), [-1]),
    ...(active === undefined ? {} : { active: active[e]! }),
  }));
}

/** Edges of a cell: every node is entered by both inputs and by all earlier nodes; 14 for four nodes. */
export function edgeCount(nodes: number): number {
  return (nodes * (nodes + 3)) / 2;
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

interface CellOptions {
  readonly spec: DartsSpec;
  /** Channels of the two inputs, and of the cell's nodes. */
  readonly inputs: readonly [before: number, last: number];
  readonly channels: number;
  readonly reduction: boolean;
  /** Whether the last cell was a reduction. */
  readonly afterReduction: boolean;
}

/** A cell: two inputs, nodes that sum their mixed edges, and the nodes' concatenation. */
export class DartsCell extends Module<[before: Tensor, last: Tensor, mixtures: readonly EdgeMixture[]]> {
  readonly reduction: boolean;
  readonly nodes: number;
  readonly preprocess0: PointwiseNorm | FactorizedReduce;
  readonly preprocess1: PointwiseNorm;
  /** [edge][candidate]. */
  readonly edges: readonly (readonly Candidate[])[];
  readonly #portion: number;

  constructor({ spec, inputs, channels, reduction, afterReduction }: CellOptions) {
    super();
    this.reduction = reduction;
    this.nodes = spec.nodes;
    this.#portion = spec.portion;
    this.preprocess0 = afterReduction
      ? new FactorizedReduce(inputs[0], channels)
      : new PointwiseNorm(inputs[0], channels);
    this.preprocess1 = new PointwiseNorm(inputs[1], channels);
    const mixed = channels / spec.portion;
    this.edges = Array.from({ length: spec.nodes }, (_, node) => node + 2).flatMap((origins) =>
      Array.from({ length: origins }, (_, origin) => {
        const stride = reduction && origin < 2 ? 2 : 1;
        return spec.candidates.map((kind) => new Candidate(kind, mixed, { stride }));
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

  /** @param before, last outputs of the two cells before, after ReLU */
  override forward(before: Tensor, last: Tensor, mixtures: readonly EdgeMixture[]): Tensor {
    // What backward does not need, such as sums of a node's first edges, need not wait for the caller's scope.
    return scope(() => this.#mix(before, last, mixtures));
  }

  #mix(before: Tensor, last: Tensor, mixtures: readonly EdgeMixture[]): Tensor {
    const states: Tensor[] = [this.preprocess0.forward(before), this.preprocess1.forward(last)];
    const sums: (Tensor | undefined)[] = Array<undefined>(this.nodes).fill(undefined);
    for (let origin = 0; origin <= this.nodes; origin++) {
      // Nodes before `origin - 1` come before this state.
      const first = Math.max(0, origin - 1);
      const edges = sums
        .slice(first)
        .map((addend, index) => this.#edge(first + index, origin, mixtures, addend));
      // The normalisations of a network are stilled together (`withStillStatistics`).
      const options = { training: this.training, update: this.preprocess1.norm.updateStatistics };
      const outputs =
        this.#portion === 1
          ? mixedState(states[origin]!, edges, options)
          : partialMixedState(states[origin]!, edges, { ...options, portion: this.#portion });
      for (const [index, output] of outputs.entries()) sums[first + index] = output;
      if (origin >= 1) states.push(sums[origin - 1]!);
    }
    return concat(states.slice(2), 3);
  }

  #edge(
    node: number,
    origin: number,
    mixtures: readonly EdgeMixture[],
    addend: Tensor | undefined,
  ): MixedEdge {
    const e = edgeCount(node) + origin;
    return {
      ...mixtures[e]!,
      candidates: this.edges[e]!.map(({ operands }) => operands),
      stride: this.reduction && origin < 2 ? 2 : 1,
      ...(addend === undefined ? {} : { addend }),
    };
  }
}

/** The first convolution and its normalisation, which has a gamma and a beta. */
class Stem extends Module {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d;

  constructor(inChannels: number, outChannels: number) {
    super();
    this.conv = new Conv2d(inChannels, outChannels, 3, { padding: 1, bias: false });
    this.bn = new BatchNorm2d(outChannels);
  }

  override *namedChildren(): Generator<[name: string, module: Conv2d | BatchNorm2d]> {
    yield ['0', this.conv];
    yield ['1', this.bn];
  }

  override forward(x: Tensor): Tensor {
    return convBnAct(x, this.conv, this.bn, { relu: false }).tensor();
  }
}

/**
 * [N, H, W, 3] pixels in [0, 1] and mixtures of the candidates -> logits [N, classes].
 *
 * The weights are this module's parameters, named as in quark0/darts (with `normalize` besides); the architecture is not
 * among them: relaxations make mixtures of it, `DartsArchitecture` the softmax of DARTS. The ReLU with which the
 * preprocessing of two cells begins is taken once.
 */
export class DartsSearchNet extends Module<[x: Tensor, mixture: DartsMixture]> {
  readonly spec: DartsSpec;
  readonly normalize: Normalize;
  readonly stem: Stem;
  readonly cells: readonly DartsCell[];
  readonly classifier: Linear;

  /**
   * @param spec what it leaves out is as in DARTS: C = 16, 8 cells of 4 nodes, a stem of 48 channels
   * @param seed draws the weights
   * @throws ArgumentError when the spec is none, or its channels cannot be divided as it says
   */
  constructor(spec: z.input<typeof dartsSpecSchema>, seed = 0) {
    super();
    const checked = dartsSpecSchema.safeParse(spec);
    if (!checked.success) {
      throw new ArgumentError(
        `Expected the spec of a DARTS search network:\n${z.prettifyError(checked.error)}`,
      );
    }
    this.spec = checked.data;
    const { channels, cells, nodes, stemMultiplier, portion, normalization, classes } = this.spec;
    if (channels % portion !== 0) {
      throw new ArgumentError(`Expected a portion that divides ${channels} channels, got ${portion}.`);
    }
    this.normalize = new Normalize(normalization);
    this.stem = new Stem(normalization.mean.length, stemMultiplier * channels);
    const reductions = [Math.floor(cells / 3), Math.floor((2 * cells) / 3)];
    let inputs: [before: number, last: number] = [stemMultiplier * channels, stemMultiplier * channels];
    let width = channels;
    let afterReduction = false;
    this.cells = Array.from({ length: cells }, (_, index) => {
      const reduction = reductions.includes(index);
      if (reduction) width *= 2;
      const cell = new DartsCell({ spec: this.spec, inputs, channels: width, reduction, afterReduction });
      inputs = [inputs[1], nodes * width];
      afterReduction = reduction;
      return cell;
    });
    this.classifier = new Linear(inputs[1], classes);
    this.initialize(seed);
  }

  /** @throws ShapeError when a mixture has another number of edges or candidates */
  override forward(x: Tensor, mixture: DartsMixture): Tensor {
    const wanted = [edgeCount(this.spec.nodes), this.spec.candidates.length];
    for (const [name, { weights }] of Object.entries(mixture) as [string, CellMixture][]) {
      if (weights.shape.length === 2 && wanted.every((extent, axis) => weights.shape[axis] === extent))
        continue;
      throw new ShapeError(
        `Expected weights [edges, candidates] of ${name} cells [${wanted.join(', ')}], got [${weights.shape.join(', ')}].`,
      );
    }
    const mixtures = { normal: edgeMixtures(mixture.normal), reduce: edgeMixtures(mixture.reduce) };
    let output = this.stem.forward(this.normalize.forward(x));
    let last = relu(output);
    let before = last;
    for (const [index, cell] of this.cells.entries()) {
      output = cell.forward(before, last, cell.reduction ? mixtures.reduce : mixtures.normal);
      before = last;
      if (index < this.cells.length - 1) last = relu(output);
    }
    return this.classifier.forward(globalAvgPool2d(output));
  }
}

/** The alphas of DARTS and their relaxation, a softmax over the candidates of each edge. */
export class DartsArchitecture extends Module<[], DartsMixture> {
  /** [edges, candidates] */
  readonly alphas_normal: Parameter;
  readonly alphas_reduce: Parameter;

  /** @param seed draws the alphas: 1e-3 N(0, 1), as quark0/darts */
  constructor({ nodes, candidates }: Pick<DartsSpec, 'nodes' | 'candidates'>, seed = 0) {
    super();
    const shape = [edgeCount(nodes), candidates.length];
    this.alphas_normal = new Parameter(zeros(shape));
    this.alphas_reduce = new Parameter(zeros(shape));
    this.initialize(seed);
  }

  protected override drawParameters(random: ParameterRandom): void {
    noGrad(() =>
      scope(() => {
        for (const alphas of [this.alphas_normal, this.alphas_reduce]) {
          assign(alphas, randn(alphas.shape, { ...random(alphas), deviation: 1e-3 }));
        }
      }),
    );
  }

  override forward(): DartsMixture {
    return {
      normal: { weights: softmax(this.alphas_normal) },
      reduce: { weights: softmax(this.alphas_reduce) },
    };
  }
}
