/** What a search comes to, and the measures of its `result.json`. */

import type { Genotype } from '../nn/genotype.js';
import { phasesOf, type SearchConfig, trainsSupernet } from './config.js';
import type { AlphaStatistics } from './diagnostics/alpha-statistics.js';
import type { CollapseFinding } from './diagnostics/collapse-alarm.js';
import { meanOver } from './epoch-diagnostics.js';
import type { SearchEpoch, SearchProgress } from './search-state.js';
import type { EdgeGroup } from './supernet.js';
import type { SupernetRanking, TableEntry } from './tables/table-lookup.js';

/** What a search comes to. Plain JSON. */
export interface SearchResult {
  readonly method: string;
  readonly genotype: Genotype;
  /** Other architectures that the selector names, such as those of other limits on skip connections. */
  readonly alternatives: readonly { readonly name: string; readonly genotype: Genotype }[];
  /** Of the architecture alone, as large as it was searched or as `retrain.space` says. */
  readonly parameters: number;
  readonly macs: number;
  /** Whether the architecture is one of skip connections. */
  readonly collapse: CollapseFinding;
  /** Of the last mixture, on validation images; null where no search network was trained. */
  readonly supernetAccuracy: number | null;
  /** What was left of the space in the last stage. */
  readonly groups: readonly EdgeGroup[];
  readonly epochs: readonly SearchEpoch[];
  /** Why it ended early; null: it did not. */
  readonly stopped: SearchProgress['stopped'];
  /** What the table says, and how the search network orders the table's cells; null without a table. */
  readonly table: (TableEntry & { readonly ranking: SupernetRanking | null }) | null;
  /** On the test images, after retraining; null without. */
  readonly test: number | null;
}

/** What searching and selecting took of the machine, in all processes together; retraining is not in it. */
export interface SearchCost {
  readonly milliseconds: number;
  /** The most bytes that the device held for the engine. */
  readonly memory: number;
}

interface NamedMeasure {
  readonly name: string;
  /** Whether a search of that configuration has it. */
  readonly when?: (config: SearchConfig) => boolean;
  readonly value: (result: SearchResult) => number | null;
}

const MEASURES: readonly NamedMeasure[] = [
  { name: 'supernet', when: trainsSupernet, value: ({ supernetAccuracy }) => supernetAccuracy },
  { name: 'parameters', value: ({ parameters }) => parameters },
  { name: 'macs', value: ({ macs }) => macs },
  { name: 'collapsed', value: ({ collapse }) => Number(collapse.level === 'collapsed') },
  { name: 'skipShare', value: ({ collapse }) => collapse.skipShare },
  {
    name: 'entropy',
    when: trainsSupernet,
    value: (result) => lastMean(result, ({ normalizedEntropy }) => normalizedEntropy),
  },
  {
    name: 'margin',
    when: trainsSupernet,
    value: (result) => lastMean(result, ({ margin }) => margin?.mean ?? 0),
  },
  {
    name: 'eigenvalue',
    when: ({ diagnostics, ...config }) =>
      diagnostics.eigenvalueEvery > 0 &&
      phasesOf({ diagnostics, ...config }).some(({ epochs }) => epochs >= diagnostics.eigenvalueEvery),
    value: ({ epochs }) =>
      epochs.findLast(({ eigenvalue }) => eigenvalue !== null)?.eigenvalue?.largest ?? null,
  },
  {
    name: 'tau',
    when: (config) => config.table !== null && trainsSupernet(config),
    // Of equal accuracies no order agrees with another.
    value: ({ table }) => (table === null || table.ranking === null ? null : (table.ranking.tau ?? 0)),
  },
  { name: 'clean', when: ({ retrain }) => retrain !== null, value: ({ test }) => test },
];

/** Of the last epoch, over all edges; null where there was no epoch. */
function lastMean({ groups, epochs }: SearchResult, value: (one: AlphaStatistics) => number): number | null {
  const last = epochs.at(-1);
  return last === undefined ? null : meanOver(groups, last.architecture, value);
}

/** The names of what the result of a search measures: `measures`, `timings` and `resources`. */
export function measureNames(config: SearchConfig): string[] {
  const measured = MEASURES.filter(({ when }) => when?.(config) ?? true).map(({ name }) => name);
  return [...measured, 'search', 'memory'];
}

/** The numbers of `result.json`. */
export function measuresOf(
  result: SearchResult,
  { milliseconds, memory }: SearchCost,
): Record<'measures' | 'timings' | 'resources', Record<string, number>> {
  const measured = MEASURES.flatMap(({ name, value }) => {
    const number = value(result);
    return number === null ? [] : [[name, number] as const];
  });
  return {
    measures: Object.fromEntries(measured),
    timings: { search: milliseconds },
    resources: { memory },
  };
}
