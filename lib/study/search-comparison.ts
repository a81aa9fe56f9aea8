/** Methods of search against each other: a study of them, and the one table that it ends in, arranged by the survey's taxonomy. */

import { z } from 'zod';

import { genotypeSchema } from '../nn/genotype.js';
import { searchSchema } from '../search/config.js';
import { CHALLENGES, type MethodPreset, methodPreset } from '../search/methods/registry.js';
import type { OwnTable } from '../search/tables/own-table.js';
import { lookUp, type TableEntry } from '../search/tables/table-lookup.js';
import { type Summary, summarizeSample } from '../statistics.js';
import { bootstrapOf, type TrialOutcome } from './analysis.js';
import { type StudyConfig, studySchema } from './config.js';
import type { StudyFolder } from './study-folder.js';
import type { Cell } from './trials.js';

const overrides = z.record(z.string(), z.unknown());

export const comparisonSchema = z.strictObject({
  /**
   * Names of methods; or rows by name, each with keys of the configuration that differ, among them `method` where the row is not
   * named after it.
   */
  methods: z.union([z.array(z.string()).min(1), z.record(z.string(), overrides.nullable())]),
  /** What all methods share: data, space, length, retraining. It wins over the presets. */
  base: overrides.default({}),
  /** A table of `lapidary search table`; null: accuracies are those of `retrain`. */
  table: z.string().nullable().default(null),
  seeds: z.array(z.int().nonnegative()).min(1).default([0, 1, 2, 3]),
  /** As a study's. */
  statistics: overrides.default({}),
});

export type ComparisonConfig = z.infer<typeof comparisonSchema>;

/** The study of a comparison: `lapidary study` could run it. */
export function studyOf({ methods, base, table, seeds, statistics }: ComparisonConfig): StudyConfig {
  const rows = Array.isArray(methods) ? Object.fromEntries(methods.map((name) => [name, {}])) : methods;
  const retrained = base.retrain !== undefined && base.retrain !== null;
  return studySchema.parse({
    workflow: 'search',
    base: { ...base, table },
    grid: {
      method: Object.fromEntries(
        Object.entries(rows).map(([name, keys]) => [
          name,
          { ...lengthOf(name, keys), method: name, ...keys },
        ]),
      ),
    },
    seeds,
    measures: [
      ...(retrained ? [{ name: 'clean', title: 'test accuracy', unit: '%', factor: 100 }] : []),
      { name: 'parameters' },
      { name: 'skipShare', title: 'skip connections', unit: '%', factor: 100 },
      { name: 'collapsed', title: 'collapsed', unit: '%', factor: 100 },
      { name: 'search', title: 'search', unit: 's', factor: 1e-3 },
      { name: 'memory', title: 'memory', unit: 'MB', factor: 1e-6 },
    ],
    curves: ['accuracy', 'entropy', 'margin', 'skipShare', 'eigenvalue'],
    statistics,
  });
}

/** A method that trains no search network (random search) keeps its 0 epochs, whatever the others have. */
function lengthOf(name: string, keys: Record<string, unknown> | null): { epochs?: 0 } {
  const { epochs } = methodPreset(String(keys?.method ?? name)).config;
  return epochs === 0 ? { epochs } : {};
}

/** A search of a comparison that is done. */
interface ComparedSearch {
  readonly seed: number;
  readonly measures: Readonly<Record<string, number>>;
  readonly entry: TableEntry | null;
}

/** A quantity over the seeds of a method. */
export interface ComparedQuantity {
  readonly values: readonly number[];
  /** Null where no seed has it. */
  readonly summary: Summary | null;
}

/** A row of the comparison. Shares are in [0, 1]. */
export interface ComparedMethod {
  readonly name: string;
  readonly preset: MethodPreset;
  /** Seeds that are done, and those that are not. */
  readonly done: readonly number[];
  readonly missing: readonly number[];
  /** Of the architecture alone on test images: by the table where there is one, else of its own training. */
  readonly accuracy: ComparedQuantity;
  readonly regret: ComparedQuantity;
  readonly percentile: ComparedQuantity;
  /** Kendall's tau of the search network with the table. */
  readonly tau: ComparedQuantity;
  readonly seconds: ComparedQuantity;
  readonly bytes: ComparedQuantity;
  readonly collapsed: ComparedQuantity;
  readonly skipShare: ComparedQuantity;
  /** Found cells that the table lacks. */
  readonly missingCells: readonly string[];
}

/** Methods under the first of their classes, and those that the survey does not classify. */
export interface TaxonomyGroup {
  readonly title: string;
  readonly methods: readonly ComparedMethod[];
}

/** Methods side by side. */
export interface Comparison {
  readonly groups: readonly TaxonomyGroup[];
  readonly table: string | null;
  /** Found cells that the table lacks, of all methods, each once. */
  readonly missingCells: readonly string[];
}

/** The table that a comparison's trials name; null without. */
export function tablePathOf({ study }: StudyFolder): string | null {
  return searchSchema.parse(study.trials[0]!.config).table;
}

/**
 * Lays the results of a comparison's searches beside each other: a pure function of them and of the table as it is now.
 *
 * @param table read from `tablePathOf`; null without
 */
export function compareSearches(
  folder: StudyFolder,
  trials: readonly TrialOutcome[],
  table: OwnTable | null,
): Comparison {
  const methods = folder.study.cells.map((cell) => comparedMethod(folder, cell, trials, table));
  return {
    groups: byTaxonomy(methods),
    table: tablePathOf(folder),
    missingCells: [...new Set(methods.flatMap(({ missingCells }) => missingCells))],
  };
}

function comparedMethod(
  folder: StudyFolder,
  cell: Cell,
  trials: readonly TrialOutcome[],
  table: OwnTable | null,
): ComparedMethod {
  const own = trials.filter(({ trial }) => trial.cell === cell);
  const searches = own.flatMap((outcome) => comparedSearch(outcome, table));
  const quantity = (value: (search: ComparedSearch) => number | undefined): ComparedQuantity => {
    const values = searches.flatMap((search) => value(search) ?? []);
    return { values, summary: values.length === 0 ? null : summarizeSample(values, bootstrapOf(folder)) };
  };
  const found = (key: 'test' | 'regret' | 'percentile') => quantity(({ entry }) => entry?.found?.[key]);
  const measured = (name: string) => quantity(({ measures }) => measures[name]);
  const { method } = searchSchema.parse(own[0]!.trial.config);
  return {
    name: cell.name,
    preset: methodPreset(method),
    done: searches.map(({ seed }) => seed),
    missing: own.filter(({ result }) => result === undefined).map(({ trial }) => trial.seed),
    accuracy: table === null ? measured('clean') : found('test'),
    regret: found('regret'),
    percentile: found('percentile'),
    tau: measured('tau'),
    seconds: quantity(({ measures }) => (measures.search ?? 0) / 1000),
    bytes: measured('memory'),
    collapsed: measured('collapsed'),
    skipShare: measured('skipShare'),
    missingCells: searches.flatMap(({ entry }) =>
      entry !== null && entry.found === null ? [entry.arch] : [],
    ),
  };
}

const detailsSchema = z.object({ genotype: genotypeSchema });

function comparedSearch({ trial, result }: TrialOutcome, table: OwnTable | null): ComparedSearch[] {
  if (result === undefined) return [];
  const { genotype } = detailsSchema.parse(result.details);
  return [
    {
      seed: trial.seed,
      measures: { ...result.measures, ...result.timings, ...result.resources },
      entry: table === null ? null : lookUp(table, genotype),
    },
  ];
}

function byTaxonomy(methods: readonly ComparedMethod[]): TaxonomyGroup[] {
  const classes = Object.entries(CHALLENGES).map(([name, challenge]) => ({
    title: `Class ${name}: ${challenge}`,
    methods: methods.filter(({ preset }) => preset.challenges[0] === name),
  }));
  const others = methods.filter(({ preset }) => preset.challenges.length === 0);
  return [...classes, { title: 'Not classified by the survey', methods: others }].filter(
    (group) => group.methods.length > 0,
  );
}
