/**
 * A penalty on chosen operations, as CDARTS has it on skip connections and pools according to the survey (arXiv 2304.05405), and
 * NASiam's code: the sum over all edges of |a| or a^2, of their alphas or of their weights in the mixture.
 */

import { ArgumentError } from '../../errors.js';
import { StateBuffer } from '../../nn/parameter.js';
import { tensor } from '../../ops/create.js';
import { abs, square } from '../../ops/elementwise.js';
import { concat, slice } from '../../ops/layout.js';
import { sum } from '../../ops/reduce.js';
import type { ScheduledValue } from '../scheduled-value.js';
import type { Regularizer, RegularizerContext } from './regularizer.js';
import { weightedTerm } from './weighted-term.js';

export interface OperationPenaltyOptions {
  /** By the names of candidates. */
  readonly operations: readonly string[];
  readonly norm: 'l1' | 'l2';
  readonly of: 'alphas' | 'weights';
  readonly weight: ScheduledValue;
}

/** @throws ArgumentError for an operation that no edge has */
export function operationPenalty(
  { architecture }: RegularizerContext,
  { operations, norm, of, weight }: OperationPenaltyOptions,
): Regularizer {
  const known = new Set(architecture.groups.flatMap(({ candidates }) => candidates.flat()));
  const unknown = operations.find((operation) => !known.has(operation));
  if (unknown !== undefined) {
    throw new ArgumentError(`Expected operations out of ${[...known].join(', ')}, got '${unknown}'.`);
  }
  /** [edges, candidates]: 1 for what is penalised. */
  const chosen = new Map(
    architecture.groups.map(({ name, candidates }) => {
      const rows = candidates.map((kinds) => kinds.map((kind) => Number(operations.includes(kind))));
      return [name, new StateBuffer(tensor(rows))] as const;
    }),
  );
  const size = norm === 'l1' ? abs : square;
  const term = weightedTerm(weight, (mixture) => {
    const penalties = architecture.groups.map(({ name, candidates }) => {
      // Columns beyond the candidates are auxiliary skip connections.
      const values =
        of === 'alphas'
          ? architecture.byGroup.get(name)!.alphas
          : slice(mixture[name]!.weights, 1, 0, candidates[0]!.length);
      return sum(size(values).mul(chosen.get(name)!)).reshape([1]);
    });
    return sum(concat(penalties, 0));
  });
  return {
    ...term,
    [Symbol.dispose]: () => {
      term[Symbol.dispose]();
      for (const buffer of chosen.values()) buffer.dispose();
    },
  };
}
