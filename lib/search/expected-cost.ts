/** What the architectures of a search cost, by a table of their candidates: in expectation, differentiable, and one by one. */

import { ArgumentError } from '../errors.js';
import { tensor } from '../ops/create.js';
import { add, affine, mul } from '../ops/elementwise.js';
import { sum } from '../ops/reduce.js';
import { own } from '../scope.js';
import type { Tensor } from '../tensor.js';
import type { LatencyTable } from './latency-table.js';
import type { Choice, EdgeGroup, GroupMixture } from './supernet.js';

/** The costs of a table for the groups of a search. Its tensors are made once, so that a step that takes them can be recorded. */
export class ExpectedCost {
  readonly #fixed: number;
  readonly #groups: ReadonlyMap<
    string,
    { readonly candidates: readonly string[]; readonly costs: readonly number[]; readonly constants: Tensor }
  >;

  /** @throws ArgumentError when the table lacks a candidate */
  constructor(table: LatencyTable, groups: readonly EdgeGroup[]) {
    const costs = new Map(table.rows.map(({ layer, candidate, cost }) => [`${layer} ${candidate}`, cost]));
    this.#fixed = table.fixed;
    this.#groups = new Map(
      groups.map(({ name, candidates: [candidates = []] }) => {
        const known = candidates.map((candidate) => {
          const cost = costs.get(`${name} ${candidate}`);
          if (cost !== undefined) return cost;
          throw new ArgumentError(
            `Expected a cost of ${candidate} in ${name}, but the table has none; make it again for this space.`,
          );
        });
        return [name, { candidates, costs: known, constants: own(tensor(known, [1, known.length])) }];
      }),
    );
  }

  /**
   * The cost of what all architectures have, and the sum over layers and candidates of weight times cost: a scalar in the
   * table's unit.
   *
   * @param mixture by group its `probabilities`, or its `weights`, [1, candidates]
   * @throws ArgumentError when a group has none
   */
  of(mixture: Readonly<Record<string, Pick<GroupMixture, 'weights' | 'probabilities'>>>): Tensor {
    let total: Tensor | null = null;
    for (const [name, { constants }] of this.#groups) {
      const weights = mixture[name]?.probabilities ?? mixture[name]?.weights;
      if (weights === undefined) throw new ArgumentError(`Expected weights of ${name}, got none.`);
      const cost = sum(mul(weights, constants));
      total = total === null ? cost : add(total, cost);
    }
    if (total === null) throw new ArgumentError('Expected a group whose cost is asked for, got none.');
    return affine(total, 1, this.#fixed);
  }

  /** The cost of one architecture, on the host. @throws ArgumentError when it is none of the groups' */
  ofChoice(choice: Choice): number {
    let total = this.#fixed;
    for (const [name, { candidates, costs }] of this.#groups) {
      const kept = choice[name]?.[0] ?? [];
      const index = candidates.indexOf(kept[0] ?? '');
      if (kept.length !== 1 || index === -1) {
        throw new ArgumentError(
          `Expected one of ${candidates.join(', ')} in ${name}, got ${kept.join(', ') || 'none'}.`,
        );
      }
      total += costs[index]!;
    }
    return total;
  }

  /** Gives the memory of the constants back. */
  dispose(): void {
    for (const { constants } of this.#groups.values()) constants.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
