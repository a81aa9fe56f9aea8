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
}

/** The parameters of one group. */
export class GroupParameters extends Module<[], Tensors> {
  /** [edges, candidates] */
  readonly alphas: Parameter;
  /** [edges]; null without edge weights. */
  readonly betas: Parameter | null;
  readonly #init: ArchitectureInit;

  constructor({ candidates }: EdgeGroup, { init, edgeWeights }: ArchitectureOptions) {
    super();
    this.#init = init;
    this.alphas = new Parameter(zeros([candidates.length, candidates[0]!.length]));
    this.betas = edgeWeights ? new Parameter(zeros([candidates.length])) : null;
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
    return { alphas: this.alphas, betas: this.betas };
  }
}

interface Tensors {
  readonly alphas: Parameter;
  readonly betas: Parameter | null;
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
