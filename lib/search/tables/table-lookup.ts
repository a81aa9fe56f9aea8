/** What a table says of an architecture that was found, and of the search network that it was found in. */

import { z } from 'zod';

import type { Genotype } from '../../nn/genotype.js';
import { nasBench201FromString, nasBench201String } from '../../nn/nas-bench-201-string.js';
import { noGrad, scope } from '../../scope.js';
import type { SearchPhase } from '../phase.js';
import { kendallTau } from '../rank-correlation.js';
import { choiceMixture } from '../selectors/one-hot-mixture.js';
import { spaceOf } from '../spaces/registry.js';
import type { Mixture } from '../supernet.js';
import { bestCell, cellMeans, type OwnTable, percentile, sampledCells } from './own-table.js';

/** What a table says of a cell. Plain JSON; shares, `percentile` from 0 to 100. */
export interface TableEntry {
  readonly arch: string;
  /** Null where the table has no such cell: train it with `lapidary search table --cells`. */
  readonly found: {
    readonly seeds: number;
    readonly valid: number;
    readonly test: number;
    /** How much less on the test images than the best cell of the table. */
    readonly regret: number;
    /** On the test images among the cells that were drawn at random. */
    readonly percentile: number;
  } | null;
}

/** Looks a genotype up. Means over the seeds of its cell. */
export function lookUp(table: OwnTable, genotype: Genotype): TableEntry | null {
  if (genotype.space !== 'nas-bench-201') return null;
  const arch = nasBench201String(genotype);
  const cell = cellMeans(table).find((one) => one.arch === arch);
  if (cell === undefined) return { arch, found: null };
  const { valid, test, seeds } = cell;
  return {
    arch,
    found: {
      seeds: seeds.length,
      valid,
      test,
      regret: bestCell(table, 'test').test - test,
      percentile: percentile(table, test, 'test'),
    },
  };
}

export const supernetRankingSchema = z.strictObject({
  /** Kendall's tau-b with the table's validation accuracies; null where it is not defined, as all are equal. */
  tau: z.number().nullable(),
  /** Accuracies under shared weights, by the cell's string. */
  accuracies: z.record(z.string(), z.number()),
});

/** How a search network orders the cells of a table. Plain JSON. */
export type SupernetRanking = z.infer<typeof supernetRankingSchema>;

/**
 * Measures the random cells of a table with the weights of a search network: each cell's candidates alone, with weight 1; batch
 * normalisation by the batch, as running statistics are those of the mixture.
 */
export async function rankBySupernet(
  table: OwnTable,
  phase: SearchPhase,
  accuracy: (mixture: Mixture) => Promise<number>,
): Promise<SupernetRanking> {
  const space = spaceOf(phase.config.space);
  const cells = sampledCells(table);
  const accuracies: number[] = [];
  for (const { arch } of cells) {
    const choice = space.choice(phase.config.space, phase.groups, nasBench201FromString(arch));
    accuracies.push(
      await scope(() => accuracy(noGrad(() => choiceMixture(phase.groups, phase.settledMixture(), choice)))),
    );
  }
  const tau = kendallTau(
    accuracies,
    cells.map(({ valid }) => valid),
  );
  return { tau, accuracies: Object.fromEntries(cells.map(({ arch }, i) => [arch, accuracies[i]!])) };
}
