/** From the results of trials to the rows of the table. */

import { FileFormatError } from '../errors.js';
import type { RunResult } from '../io/run-result.js';
import { type BootstrapOptions, pairedDifferences, type Summary, summarizeSample } from '../statistics.js';
import { type Measure, measuresOf } from './config.js';
import type { StudyFolder } from './study-folder.js';
import type { TrialStatus } from './trial-status.js';
import type { Row, Trial } from './trials.js';

/** How a trial stands, and what it came to where it is done. */
export interface TrialOutcome {
  readonly trial: Trial;
  readonly status: TrialStatus;
  readonly result: RunResult | undefined;
}

/** A measure of a row. */
export interface MeasuredCell {
  readonly measure: Measure;
  /** By seed, of the trials that are done. */
  readonly values: ReadonlyMap<number, number>;
  /** Null where no trial is done. */
  readonly summary: Summary | null;
}

/** A row of the table. */
export interface RowOutcome {
  readonly row: Row;
  /** Seeds whose trials are not done: the row is incomplete. */
  readonly missing: readonly number[];
  readonly measures: readonly MeasuredCell[];
}

/** The difference of two rows, seed by seed. */
export interface PairedComparison {
  /** The difference is `first` minus `second`. */
  readonly first: string;
  readonly second: string;
  readonly measure: Measure;
  /** Of the seeds that both rows have; null where there are none. */
  readonly summary: Summary | null;
}

/** A study's results. */
export interface StudyOutcome {
  readonly trials: readonly TrialOutcome[];
  readonly rows: readonly RowOutcome[];
  readonly comparisons: readonly PairedComparison[];
}

/** Reads status and result of every trial. @throws as `StudyFolder.status` */
export function readOutcomes(folder: StudyFolder): Promise<TrialOutcome[]> {
  return Promise.all(
    folder.study.trials.map(async (trial) => {
      const status = await folder.status(trial);
      const result = status.state === 'done' ? (await folder.result(trial)).result : undefined;
      return { trial, status, result };
    }),
  );
}

/** What `statistics` of a study's configuration says, for the functions of statistics.ts. */
export function bootstrapOf({ study }: StudyFolder): BootstrapOptions {
  const { interval, resamples, confidence, seed } = study.config.statistics;
  return { method: interval, resamples, confidence, seed };
}

/** Summarises the results: a pure function of those of the trials that are done. */
export function analyse(folder: StudyFolder, trials: readonly TrialOutcome[]): StudyOutcome {
  const { config, rows: all } = folder.study;
  const bootstrap = bootstrapOf(folder);
  const rows = all.map((row): RowOutcome => {
    const own = trials.filter(({ trial }) => trial.cell === row.cell);
    const missing = own.filter(({ result }) => result === undefined).map(({ trial }) => trial.seed);
    const measures = measuresOf(config).map((measure): MeasuredCell => {
      const values = new Map(
        own.flatMap(({ trial, result }) =>
          result === undefined
            ? []
            : [[trial.seed, measuredValue(result, row.prefix + measure.name, trial)] as const],
        ),
      );
      return { measure, values, summary: summaryOf([...values.values()], bootstrap) };
    });
    return { row, missing, measures };
  });
  const comparisons = config.compare.flatMap(([first, second]) => {
    const [a, b] = [first, second].map((name) => rows.find(({ row }) => row.name === name)!);
    return a!.measures.map(({ measure, values }, i): PairedComparison => {
      const differences = pairedDifferences(values, b!.measures[i]!.values);
      return { first, second, measure, summary: summaryOf(differences, bootstrap) };
    });
  });
  return { trials, rows, comparisons };
}

function summaryOf(values: readonly number[], options: BootstrapOptions): Summary | null {
  return values.length === 0 ? null : summarizeSample(values, options);
}

function measuredValue(result: RunResult, name: string, trial: Trial): number {
  const value = result.measures[name] ?? result.timings[name] ?? result.resources[name];
  if (value !== undefined) return value;
  throw new FileFormatError(
    `The result of trial ${trial.id} has no measure ${name}; it has ${Object.keys(result.measures).join(', ')}. Run the trial again with this version of lapidary.`,
  );
}
