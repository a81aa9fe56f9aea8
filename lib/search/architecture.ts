/** The architecture's own parameters: what the relaxations make mixtures of. */

import { Module, type ParameterRandom } from '../nn/module.js';
import { Parameter } from '../nn/parameter.js';
import { randn, zeros } from '../ops/create.js';
import { assign } from '../ops/layout.js';
import { noGrad, scope } from '../scope.js';
import type { EdgeGroup } from './supernet.js';

/** How architecture parameters begin. */
export interface ArchitectureInit {
  readonly mean: number;
  readonly deviation: number;
}

export interface ArchitectureOptions {
  readonly init: ArchitectureInit;
  /** Whether each edge has a parameter, too (PC-DARTS). */
  readonly edgeWeights: boolean;
  /** Whether each pair of edges into a node has one (DOTS). Default: no. */
  readonly edgePairs?: boolean;
}

/** The parameters of one group. */
export class GroupParameters extends Module<[], Tensors> {
  /** [edges, candidates] */
  readonly alphas: Parameter;
  /** [edges]; null without edge weights. */
  readonly betas: Parameter | null;
  /** [pairs of edges, node after node]; null without weights of pairs. */
  readonly pairs: Parameter | null;
  readonly #init: ArchitectureInit;

  constructor(
    { candidates, nodes }: EdgeGroup,
    { init, edgeWeights, edgePairs = false }: ArchitectureOptions,
  ) {
    super();
    this.#init = init;
    this.alphas = new Parameter(zeros([candidates.length, candidates[0]!.length]));
    this.betas = edgeWeights ? new Parameter(zeros([candidates.length])) : null;
    const pairs = nodes.reduce((count, { length }) => count + (length * (length - 1)) / 2, 0);
    this.pairs = edgePairs ? new Parameter(zeros([pairs])) : null;
  }

  protected override drawParameters(random: ParameterRandom): void {
    const { mean, deviation } = this.#init;
    noGrad(() =>
      scope(() => {
        for (const parameter of this.parameters()) {
          assign(parameter, randn(parameter.shape, { ...random(parameter), mean, deviation }));
        }
      }),
    );
  }

  override forward(): Tensors {
    return { alphas: this.alphas, betas: this.betas, pairs: this.pairs };
  }
}

interface Tensors {
  readonly alphas: Parameter;
  readonly betas: Parameter | null;
  readonly pairs: Parameter | null;
}

/** The parameters of all groups, drawn from a normal distribution. Named `normal.alphas`, `cells.3.alphas` and so on. */
export class Architecture extends Module<[], ReadonlyMap<string, GroupParameters>> {
  readonly groups: readonly EdgeGroup[];
  readonly byGroup: ReadonlyMap<string, GroupParameters>;

  constructor(groups: readonly EdgeGroup[], options: ArchitectureOptions, seed: number) {
    super();
    this.groups = groups;
    this.byGroup = new Map(groups.map((group) => [group.name, new GroupParameters(group, options)]));
    this.initialize(seed);
  }

  override *namedChildren(): Generator<[name: string, module: GroupParameters]> {
    yield* this.byGroup;
  }

  override forward(): ReadonlyMap<string, GroupParameters> {
    return this.byGroup;
  }
}
