/** Makes the tables and the report of a study from what its trials have written. */

import { join } from 'node:path';

import { writeFileAtomic } from '../io/atomic-file.js';
import { canonicalJson } from '../io/json-digest.js';
import type { Summary } from '../statistics.js';
import { analyse, bootstrapOf, readOutcomes, type StudyOutcome, type TrialOutcome } from './analysis.js';
import type { StudyFolder } from './study-folder.js';
import { intervalNote, writeStudyReport } from './study-report.js';
import { csv, latexTables, summaryTable, trialsTable } from './study-tables.js';

/**
 * Writes `trials.csv`, `table.csv`, `table.tex`, `study.json` and `report.html`.
 *
 * Several processes may collect at once. Each looks again after it has written, and writes again when a trial has moved on
 * meanwhile: so whoever writes last has seen all.
 *
 * @throws FileFormatError for a trial whose status or result is damaged; FileSystemError
 */
export async function collectStudy(folder: StudyFolder): Promise<StudyOutcome> {
  for (let trials = await readOutcomes(folder); ; ) {
    const outcome = analyse(folder, trials);
    await writeAll(folder, outcome);
    const now = await readOutcomes(folder);
    if (fingerprint(now) === fingerprint(trials)) return outcome;
    trials = now;
  }
}

async function writeAll(folder: StudyFolder, outcome: StudyOutcome): Promise<void> {
  const at = (name: string) => join(folder.path, name);
  await writeFileAtomic(at('trials.csv'), csv(trialsTable(outcome)));
  await writeFileAtomic(at('table.csv'), csv(summaryTable(outcome)));
  await writeFileAtomic(at('table.tex'), latexTables(outcome, intervalNote(bootstrapOf(folder))));
  await writeFileAtomic(at('study.json'), `${JSON.stringify(studyJson(folder, outcome), null, 2)}\n`);
  await writeStudyReport(at('report.html'), folder, outcome);
}

/** What the tables depend on. */
function fingerprint(trials: readonly TrialOutcome[]): string {
  return canonicalJson(
    trials.map(({ status, result }) => [status, result?.measures, result?.timings, result?.resources]),
  );
}

/** The content of `study.json`: all of the study for other programs, values in the units of `result.json`. */
export function studyJson(folder: StudyFolder, outcome: StudyOutcome): Record<string, unknown> {
  const { config } = folder.study;
  const numbers = (summary: Summary | null) => summary ?? { n: 0 };
  return {
    schemaVersion: 1,
    config,
    trials: outcome.trials.map(({ trial, status, result }) => ({
      ...status,
      cell: trial.cell.name,
      settings: trial.cell.settings,
      seed: trial.seed,
      configSha256: trial.configSha256,
      measures: result?.measures ?? null,
      timings: result?.timings ?? null,
      resources: result?.resources ?? null,
    })),
    rows: outcome.rows.map(({ row, missing, measures }) => ({
      name: row.name,
      cell: row.cell.name,
      part: row.part ?? null,
      missingSeeds: missing,
      measures: measures.map(({ measure, values, summary }) => ({
        name: measure.name,
        bySeed: Object.fromEntries(values),
        ...numbers(summary),
      })),
    })),
    differences: outcome.comparisons.map(({ first, second, measure, summary }) => ({
      first,
      second,
      measure: measure.name,
      ...numbers(summary),
    })),
    intervals: intervalNote(bootstrapOf(folder)),
  };
}
