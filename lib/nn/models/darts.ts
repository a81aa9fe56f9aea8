/**
 * The search network of DARTS (Liu, Simonyan and Yang, arXiv 1806.09055; quark0/darts, model_search.py), in which every
 * edge of a cell is a mixture of all candidates, by one softmax for normal and one for reduction cells.
 */

import { z } from 'zod';

import { ArgumentError } from '../../errors.js';
import { randn, zeros } from '../../ops/create.js';
import { assign } from '../../ops/layout.js';
import { type CandidateKind, candidateKinds } from '../../ops/mixed-state.js';
import { softmax } from '../../ops/softmax.js';
import { noGrad, scope } from '../../scope.js';
import type { GroupMixture } from '../mixture.js';
import { Module, type ParameterRandom } from '../module.js';
import { Parameter } from '../parameter.js';
import { CellSearchNet } from './cell-search-net.js';
import { edgeCount } from './darts-cell.js';
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

/** The mixtures of both kinds of cells. */
export type DartsMixture = Readonly<Record<'normal' | 'reduce', GroupMixture>>;

/**
 * [N, H, W, 3] pixels in [0, 1] and mixtures of the candidates of `normal` and `reduce` cells -> logits [N, classes].
 * `DartsArchitecture` makes them by the softmax of DARTS.
 */
export class DartsSearchNet extends CellSearchNet {
  readonly spec: DartsSpec;

  /**
   * @param spec what it leaves out is as in DARTS: C = 16, 8 cells of 4 nodes, a stem of 48 channels
   * @param seed draws the weights
   * @throws ArgumentError when the spec is none, or its channels cannot be divided as it says
   */
  constructor(spec: z.input<typeof dartsSpecSchema>, seed = 0) {
    const checked = dartsSpecSchema.safeParse(spec);
    if (!checked.success) {
      throw new ArgumentError(
        `Expected the spec of a DARTS search network:\n${z.prettifyError(checked.error)}`,
      );
    }
    const edges = Array.from({ length: edgeCount(checked.data.nodes) }, () => checked.data.candidates);
    super(
      { ...checked.data, groups: ['normal', 'reduce'].map((name) => ({ name, candidates: edges })) },
      seed,
    );
    this.spec = checked.data;
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
