/** A method's mixtures: those of its relaxation, with weights of edges and auxiliary skip connections where it has them. */

import { full } from '../ops/create.js';
import { mul } from '../ops/elementwise.js';
import { concat, reshape, slice } from '../ops/layout.js';
import { softmax } from '../ops/softmax.js';
import type { Tensor } from '../tensor.js';
import type { Architecture } from './architecture.js';
import type { Drawing, Pass, Purpose } from './pass.js';
import type { Relaxation } from './relaxations/relaxation.js';
import { ScheduledScalar } from './scheduled-scalar.js';
import type { ScheduledValue } from './scheduled-value.js';
import type { EdgeGroup, GroupMixture, Mixture } from './supernet.js';

/** Values of a group on the host. */
export interface GroupStrengths {
  /** [edges][candidates], each edge's factor included. */
  readonly candidates: readonly (readonly number[])[];
  /** Of pairs of edges into a node, node after node (DOTS). */
  readonly pairs?: readonly number[];
}

/** By group: how much of each candidate an architecture stands for; what selections and diagnostics go by. */
export type Strengths = Readonly<Record<string, GroupStrengths>>;

export class Mixer implements Drawing, Disposable {
  readonly #architecture: Architecture;
  readonly #relaxation: Relaxation;
  readonly #auxiliarySkip: ScheduledScalar | null;

  /** @param auxiliarySkip the factor of the auxiliary skip connections (DARTS-); null: there are none */
  constructor(architecture: Architecture, relaxation: Relaxation, auxiliarySkip: ScheduledValue | null) {
    this.#architecture = architecture;
    this.#relaxation = relaxation;
    this.#auxiliarySkip = auxiliarySkip === null ? null : new ScheduledScalar(auxiliarySkip);
  }

  get sampled(): boolean {
    return this.#relaxation.sampled;
  }

  draw(pass: Pass): void | Promise<void> {
    this.#auxiliarySkip?.draw(pass);
    return this.#relaxation.draw?.(pass);
  }

  /** As `Relaxation.mixture`. */
  mixture(purpose: Purpose): Mixture {
    const mixture = this.#relaxation.mixture(purpose);
    return Object.fromEntries(
      this.#architecture.groups.map((group) => {
        const own = mixture[group.name]!;
        const edges = this.#edgeWeights(group);
        return [group.name, this.#withSkip(edges === null ? own : { ...own, edges })];
      }),
    );
  }

  /** As `Relaxation.settle`. */
  settle(): void {
    this.#relaxation.settle?.();
  }

  /** What the architecture stands for, without any chance. */
  async strengths(): Promise<Strengths> {
    const relaxed = this.#relaxation.strengths();
    const relaxedPairs = this.#relaxation.pairStrengths?.();
    const entries = this.#architecture.groups.map(async (group) => {
      const edges = this.#edgeWeights(group);
      const weights = relaxed[group.name]!;
      const values = await (edges === null ? weights : mul(weights, edges.reshape([-1, 1]))).data();
      const [rows = 0, columns = 0] = weights.shape;
      const candidates = Array.from({ length: rows }, (_, e) =>
        Array.from(values.subarray(e * columns, (e + 1) * columns)),
      );
      const pairs = relaxedPairs?.[group.name];
      return [
        group.name,
        pairs === undefined ? { candidates } : { candidates, pairs: Array.from(await pairs.data()) },
      ] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  /** [edges]: PC-DARTS' softmax over the edges that enter a node (Xu et al., arXiv 1907.05737, equation 3). */
  #edgeWeights({ name, nodes }: EdgeGroup): Tensor | null {
    const { betas } = this.#architecture.byGroup.get(name)!;
    if (betas === null) return null;
    // Edges are numbered by the node that they enter.
    return concat(
      nodes.map((edges) => softmax(slice(betas, 0, edges[0]!, edges.length))),
      0,
    );
  }

  /** DARTS- (Chu et al., arXiv 2009.01027): beside the candidates a skip connection, by a factor of its own. */
  #withSkip(mixture: GroupMixture): GroupMixture {
    if (this.#auxiliarySkip === null) return mixture;
    const { weights, active } = mixture;
    const [edges = 0, candidates = 0] = weights.shape;
    const column = mul(full([edges, 1], 1), reshape(this.#auxiliarySkip.tensor, [1, 1]));
    return {
      ...mixture,
      weights: concat([weights, column], 1),
      ...(active === undefined ? {} : { active: active.map((places) => [...places, candidates]) }),
    };
  }

  [Symbol.dispose](): void {
    this.#relaxation[Symbol.dispose]();
    this.#auxiliarySkip?.[Symbol.dispose]();
  }
}
