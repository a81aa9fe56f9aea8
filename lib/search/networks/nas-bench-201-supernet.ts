/**
 * The search network of NAS-Bench-201 (Dong and Yang, arXiv 2001.00326; D-X-Y/AutoDL-Projects, cell_searchs), whose cells
 * share one mixture of the candidates of six edges.
 */

import { ArgumentError } from '../../errors.js';
import { type NasBench201Operation, nasBench201Operations } from '../../nn/genotype.js';
import { Linear } from '../../nn/linear.js';
import { Candidate } from '../../nn/mixed-candidate.js';
import { type CandidateEdge, mixedEdges } from '../../nn/mixed-edges.js';
import { type CellMixture, cellMixture, type EdgeMixture } from '../../nn/mixture.js';
import { PooledFeatures, type StageTransition, Stem, threeStages } from '../../nn/models/nas-bench-201.js';
import { Module } from '../../nn/module.js';
import { Normalize } from '../../nn/normalize.js';
import { add } from '../../ops/elementwise.js';
import { scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import type { SupernetOptions } from '../space.js';
import type { EdgeGroup, Mixture, SkipDisturbance, Supernet } from '../supernet.js';

/** The nodes 1 to 3 of a cell by the edges that enter them, from node 0, 1, …: the reference's order. */
export const nasBench201Nodes: readonly (readonly number[])[] = [[0], [1, 2], [3, 4, 5]];

const EDGES = 6;

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
    const options = {
      training: this.training,
      update,
      portion: this.#portion,
      disturbance,
      poolNorm: false,
    };
    const sums: (Tensor | undefined)[] = [undefined, undefined, undefined];
    let state = x;
    for (const origin of sums.keys()) {
      const numbers = nasBench201Nodes.slice(origin).map((entering) => entering[origin]!);
      const leaving = numbers.map((e, index) => this.#edge(e, edges[e]!, sums[origin + index]));
      for (const [index, output] of mixedEdges(state, leaving, options).entries()) {
        sums[origin + index] = output;
      }
      const node = sums[origin]!;
      const offset = offsets?.[origin];
      state = offset === undefined ? node : add(node, offset);
    }
    return state;
  }

  #edge(e: number, mixture: EdgeMixture, addend: Tensor | undefined): CandidateEdge {
    const candidates = this.edges[e]!;
    return {
      ...mixture,
      candidates,
      searched: candidates.length - this.#auxiliaries,
      ...(addend === undefined ? {} : { addend }),
    };
  }
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
    const own = cellMixture('cell', mixture.cell, {
      nodes: nasBench201Nodes,
      candidates: this.groups[0]!.candidates[0]!.length + this.#auxiliaries,
      bypassed: this.#portion > 1,
    });
    let y = this.stem.forward(this.normalize.forward(x));
    for (const cell of this.cells) {
      y =
        cell instanceof NasBench201SearchCell ? cell.forward(y, own, this.skipDisturbance) : cell.forward(y);
    }
    return this.classifier.forward(this.lastact.forward(y));
  }
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
