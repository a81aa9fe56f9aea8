/**
 * The search network of NAS-Bench-201 (Dong and Yang, arXiv 2001.00326; D-X-Y/AutoDL-Projects, cell_searchs), whose cells
 * share one mixture of the candidates of six edges.
 */

import { ArgumentError, ShapeError } from '../../errors.js';
import { type CandidateEdge, disturbedMixedState } from '../../nn/disturbed-mixed-state.js';
import { type NasBench201Operation, nasBench201Operations } from '../../nn/genotype.js';
import { Linear } from '../../nn/linear.js';
import { Candidate } from '../../nn/mixed-candidate.js';
import { PooledFeatures, type StageTransition, Stem, threeStages } from '../../nn/models/nas-bench-201.js';
import { Module } from '../../nn/module.js';
import { Normalize } from '../../nn/normalize.js';
import { add, mul } from '../../ops/elementwise.js';
import { reshape, slice } from '../../ops/layout.js';
import { throughPart } from '../../ops/partial-mixed-state.js';
import { sum } from '../../ops/reduce.js';
import { scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import type { SupernetOptions } from '../space.js';
import type { EdgeGroup, GroupMixture, Mixture, SkipDisturbance, Supernet } from '../supernet.js';

/** The nodes 1 to 3 of a cell by the edges that enter them, from node 0, 1, …: the reference's order. */
export const nasBench201Nodes: readonly (readonly number[])[] = [[0], [1, 2], [3, 4, 5]];

const EDGES = 6;

/** A mixture as cells read it: made once for all of them. */
interface CellMixture {
  /** By edge. */
  readonly edges: readonly {
    /** [candidates] */
    readonly weights: Tensor;
    readonly active?: readonly number[];
    /** [1]: of the whole output, where channels bypass the candidates. */
    readonly factor?: Tensor;
  }[];
  /** By node: a number that is added to it. */
  readonly offsets?: readonly Tensor[];
}

interface SearchCellOptions {
  readonly portion: number;
  readonly auxiliarySkip: boolean;
}

/** Four nodes, every later one the sum of mixtures of all earlier ones; the last is the output. */
export class NasBench201SearchCell extends Module<
  [x: Tensor, mixture: CellMixture, disturbance: SkipDisturbance | null]
> {
  /** [edge][candidate]; an auxiliary skip connection is the last. */
  readonly edges: readonly (readonly Candidate[])[];
  readonly #portion: number;
  readonly #auxiliaries: number;

  constructor(
    channels: number,
    candidates: readonly (readonly NasBench201Operation[])[],
    { portion, auxiliarySkip }: SearchCellOptions,
  ) {
    super();
    this.#portion = portion;
    this.#auxiliaries = auxiliarySkip ? 1 : 0;
    this.edges = candidates.map((kinds) => {
      const all = auxiliarySkip ? [...kinds, 'skip_connect' as const] : kinds;
      return all.map((kind) => new Candidate(kind, channels / portion, { poolNorm: false }));
    });
  }

  override *namedChildren(): Generator<[name: string, module: Candidate]> {
    for (const [index, entering] of nasBench201Nodes.entries()) {
      for (const [origin, e] of entering.entries()) {
        for (const [c, candidate] of this.edges[e]!.entries()) {
          yield [`edges.${index + 1}<-${origin}.${c}`, candidate];
        }
      }
    }
  }

  override forward(x: Tensor, mixture: CellMixture, disturbance: SkipDisturbance | null): Tensor {
    // What backward does not need, such as sums of a node's first edges, need not wait for the caller's scope.
    return scope(() => this.#mix(x, mixture, disturbance));
  }

  #mix(x: Tensor, { edges, offsets }: CellMixture, disturbance: SkipDisturbance | null): Tensor {
    // The normalisations of a network are stilled together (`withStillStatistics`).
    const update = this.edges.flat().every(({ norms }) => norms.every((norm) => norm.updateStatistics));
    const options = { training: this.training, update, disturbance, poolNorm: false };
    const sums: (Tensor | undefined)[] = [undefined, undefined, undefined];
    let state = x;
    for (const origin of sums.keys()) {
      const numbers = nasBench201Nodes.slice(origin).map((entering) => entering[origin]!);
      const addends = sums.slice(origin);
      const leaving = numbers.map((e, index) => this.#edge(e, edges[e]!, addends[index]));
      const outputs =
        this.#portion === 1
          ? disturbedMixedState(state, leaving, options)
          : throughPart(state, { portion: this.#portion, strides: leaving.map(() => 1) }, (part) =>
              disturbedMixedState(part, leaving.map(withoutAddend), options),
            ).map((output, index) => {
              const { factor } = edges[numbers[index]!]!;
              const scaled = factor === undefined ? output : mul(output, factor);
              const addend = addends[index];
              return addend === undefined ? scaled : add(addend, scaled);
            });
      for (const [index, output] of outputs.entries()) sums[origin + index] = output;
      const node = sums[origin]!;
      const offset = offsets?.[origin];
      state = offset === undefined ? node : add(node, offset);
    }
    return state;
  }

  #edge(
    e: number,
    { weights, active }: CellMixture['edges'][number],
    addend: Tensor | undefined,
  ): CandidateEdge {
    const candidates = this.edges[e]!;
    return {
      weights,
      candidates,
      searched: candidates.length - this.#auxiliaries,
      ...(active === undefined ? {} : { active }),
      ...(addend === undefined ? {} : { addend }),
    };
  }
}

function withoutAddend({ addend: _, ...edge }: CandidateEdge): CandidateEdge {
  return edge;
}

export interface NasBench201SupernetOptions extends SupernetOptions {
  readonly channels: number;
  /** Of each of the three stages. */
  readonly cells: number;
  /** Of the group `cell`, whose edges may have lost candidates. */
  readonly groups: readonly EdgeGroup[];
}

/**
 * [N, H, W, 3] pixels in [0, 1] and the mixture of `cell` -> logits [N, classes]; H and W multiples of 4.
 *
 * Parameters are named as TinyNetworkDarts' in the reference, and drawn as PyTorch draws them. Normalisations of candidates
 * have no gamma and beta, those of the stem, between the stages and at the end do, as there. The convolutions' biases that
 * the reference has where normalisations do not track statistics cancel; ours track them, so that evaluation works.
 */
export class NasBench201Supernet extends Module<[x: Tensor, mixture: Mixture]> implements Supernet {
  readonly groups: readonly EdgeGroup[];
  skipDisturbance: SkipDisturbance | null = null;
  readonly normalize: Normalize;
  readonly stem: Stem;
  readonly cells: readonly (NasBench201SearchCell | StageTransition)[];
  readonly lastact: PooledFeatures;
  readonly classifier: Linear;
  readonly #portion: number;
  readonly #auxiliaries: number;

  /** @throws ArgumentError when the portion does not divide the channels, or the group is not one of the space */
  constructor(options: NasBench201SupernetOptions, seed = 0) {
    super();
    const { channels, cells, groups, portion, auxiliarySkip, normalization, classes } = options;
    if (channels % portion !== 0) {
      throw new ArgumentError(`Expected a portion that divides ${channels} channels, got ${portion}.`);
    }
    const candidates = candidatesOf(groups);
    this.groups = groups;
    this.#portion = portion;
    this.#auxiliaries = auxiliarySkip ? 1 : 0;
    this.normalize = new Normalize(normalization);
    this.stem = new Stem(normalization.mean.length, channels);
    this.cells = threeStages(
      channels,
      cells,
      (width) => new NasBench201SearchCell(width, candidates, { portion, auxiliarySkip }),
    );
    this.lastact = new PooledFeatures(4 * channels);
    this.classifier = new Linear(4 * channels, classes);
    this.initialize(seed);
  }

  /** @throws ArgumentError when `cell` has no mixture; ShapeError when it has another number of edges or candidates */
  override forward(x: Tensor, mixture: Mixture): Tensor {
    const cellMixture = this.#cellMixture(mixture.cell);
    let y = this.stem.forward(this.normalize.forward(x));
    for (const cell of this.cells) {
      y =
        cell instanceof NasBench201SearchCell
          ? cell.forward(y, cellMixture, this.skipDisturbance)
          : cell.forward(y);
    }
    return this.classifier.forward(this.lastact.forward(y));
  }

  #cellMixture(mixture: GroupMixture | undefined): CellMixture {
    if (mixture === undefined) throw new ArgumentError(`Expected a mixture of 'cell', got none.`);
    const { active, edges: factors, offsets } = mixture;
    const candidates = this.groups[0]!.candidates[0]!.length + this.#auxiliaries;
    checkShape('weights [edges, candidates]', mixture.weights, [EDGES, candidates]);
    if (factors) checkShape('factors [edges]', factors, [EDGES]);
    if (offsets) checkShape('offsets [edges]', offsets, [EDGES]);
    if (active && active.length !== EDGES) {
      throw new ShapeError(`Expected active candidates of all ${EDGES} edges, got ${active.length} lists.`);
    }
    // Nothing bypasses the candidates when all channels go through them: then factors are factors of weights.
    const folded = factors !== undefined && this.#portion === 1;
    const weights = folded ? mul(mixture.weights, reshape(factors, [-1, 1])) : mixture.weights;
    const edges = Array.from({ length: EDGES }, (_, e) => ({
      weights: reshape(slice(weights, 0, e, 1), [-1]),
      ...(active === undefined ? {} : { active: active[e]! }),
      ...(factors === undefined || folded ? {} : { factor: slice(factors, 0, e, 1) }),
    }));
    if (offsets === undefined) return { edges };
    return {
      edges,
      offsets: nasBench201Nodes.map(([first, ...more]) => sum(slice(offsets, 0, first!, 1 + more.length))),
    };
  }
}

function checkShape(what: string, { shape }: Tensor, wanted: readonly number[]): void {
  if (shape.length === wanted.length && wanted.every((extent, axis) => shape[axis] === extent)) return;
  throw new ShapeError(`Expected ${what} of 'cell' [${wanted.join(', ')}], got [${shape.join(', ')}].`);
}

/** @throws ArgumentError when the groups are not `cell` alone, or its edges have other candidates than the space has */
function candidatesOf(groups: readonly EdgeGroup[]): readonly (readonly NasBench201Operation[])[] {
  const [group, ...more] = groups;
  if (group?.name !== 'cell' || more.length > 0) {
    throw new ArgumentError(
      `Expected one group 'cell', got ${groups.map(({ name }) => `'${name}'`).join(', ')}.`,
    );
  }
  const count = group.candidates[0]?.length ?? 0;
  if (
    group.candidates.length !== EDGES ||
    count === 0 ||
    group.candidates.some((kinds) => kinds.length !== count || new Set(kinds).size !== count)
  ) {
    throw new ArgumentError(`Expected for each of ${EDGES} edges as many different candidates, at least 1.`);
  }
  return group.candidates.map((kinds, e) =>
    kinds.map((kind) => {
      const known = nasBench201Operations.find((operation) => operation === kind);
      if (known !== undefined) return known;
      throw new ArgumentError(
        `Expected candidates of edge ${e} out of ${nasBench201Operations.join(', ')}, got '${kind}'.`,
      );
    }),
  );
}
