/** `report.html` of a study. */

import { intervalPlot } from '../report/interval-plot.js';
import { lineChart, type Series } from '../report/plots.js';
import { type ReportSection, writeReport } from '../report/report.js';
import type { BootstrapOptions } from '../statistics.js';
import { type RunEnvironment, readEnvironment } from '../train/run-environment.js';
import { bootstrapOf, type StudyOutcome, type TrialOutcome } from './analysis.js';
import type { StudyFolder } from './study-folder.js';
import { readableDifferences, readableTable } from './study-tables.js';
import { type MetricRecord, readTrialMetrics } from './trial-metrics.js';

/** How intervals were made, in a sentence or three. */
export function intervalNote({ method, resamples, confidence, seed }: BootstrapOptions): string {
  const name = method === 'bca' ? 'bias-corrected and accelerated (BCa)' : 'percentile';
  return (
    `Intervals: ${Number((100 * confidence).toPrecision(4))} % ${name} bootstrap of the mean over seeds, ${resamples} resamples, Philox seed ${seed}. ` +
    'A single value has none. From few seeds they are narrower than their nominal coverage: three seeds have only ten different resamples.'
  );
}

/** Writes the report. @param before a title and sections that come before the study's own @throws FileSystemError */
export async function writeStudyReport(
  path: string,
  folder: StudyFolder,
  outcome: StudyOutcome,
  before: { readonly title?: string; readonly sections?: readonly ReportSection[] } = {},
): Promise<void> {
  const { config, cells, trials } = folder.study;
  const done = outcome.trials.filter(({ status }) => status.state === 'done');
  const note = intervalNote(bootstrapOf(folder));
  const sections: ReportSection[] = [
    ...(before.sections ?? []),
    {
      heading: 'Result',
      text: `Mean ± standard deviation over seeds [interval of the mean]. ${note}`,
      table: readableTable(outcome),
    },
  ];
  if (outcome.comparisons.length > 0) {
    sections.push({
      heading: 'Differences, paired by seed',
      text: 'The first minus the second, for each seed that both have; then mean, deviation and interval of these differences.',
      table: readableDifferences(outcome),
    });
  }
  sections.push(...measureSections(outcome), ...(await curveSections(folder, done)));
  const open = outcome.trials.filter(({ status }) => status.state !== 'done');
  if (open.length > 0) {
    sections.push({
      heading: 'Trials that are not done',
      text: 'They are in no number above.',
      table: {
        columns: ['trial', 'state', 'attempts', 'reason'],
        rows: open.map(({ trial, status }) => [trial.id, status.state, status.attempts, status.reason]),
      },
    });
  }
  await writeReport(path, {
    title: before.title ?? `A study of ${config.workflow}`,
    subtitle: `${cells.length} ${cells.length === 1 ? 'cell' : 'cells'}, ${config.seeds.length} ${config.seeds.length === 1 ? 'seed' : 'seeds'}: ${done.length} of ${trials.length} trials done`,
    sections,
    environment: await environmentOf(folder, done),
  });
}

function measureSections({ rows }: StudyOutcome): ReportSection[] {
  const measures = rows[0]?.measures.map(({ measure }) => measure) ?? [];
  return measures.flatMap((measure, m) => {
    const plotted = rows.flatMap(({ row, measures }) => {
      const { values, summary } = measures[m]!;
      if (summary === null) return [];
      const scaled = (value: number) => value * measure.factor;
      const { interval } = summary;
      return [
        {
          label: row.name,
          values: [...values.values()].map(scaled),
          mean: scaled(summary.mean),
          ...(interval === null
            ? {}
            : { interval: { low: scaled(interval.low), high: scaled(interval.high) } }),
        },
      ];
    });
    if (plotted.length === 0) return [];
    const x = { title: measure.title, ...(measure.unit === undefined ? {} : { unit: measure.unit }) };
    return [
      {
        heading: measure.title,
        text: 'Circles: one seed each. Line: mean. Bar: interval of the mean.',
        plot: intervalPlot({ x, rows: plotted }),
      },
    ];
  });
}

/** Means over seeds of what the runs measured after each epoch. */
async function curveSections(folder: StudyFolder, done: readonly TrialOutcome[]): Promise<ReportSection[]> {
  const metrics = new Map<TrialOutcome, MetricRecord[]>();
  for (const outcome of done) metrics.set(outcome, await readTrialMetrics(folder.runPath(outcome.trial)));
  return folder.study.config.curves.flatMap((key) => {
    const series = folder.study.cells.flatMap((cell): Series[] => {
      const records = [...metrics].flatMap(([{ trial }, all]) => (trial.cell === cell ? all : []));
      const stages = [...new Set(records.map(({ stage }) => stage))];
      return stages.flatMap((stage) => {
        const points = meansByStep(
          records.filter((record) => record.stage === stage),
          key,
        );
        const name = stage === undefined ? cell.name : `${cell.name}, ${stage}`;
        return points.length === 0 ? [] : [{ name, points }];
      });
    });
    if (series.length === 0) return [];
    return [
      {
        heading: `While training: ${key}`,
        text: 'After each epoch, the mean over the seeds that are done.',
        plot: lineChart({ x: { title: 'step' }, y: { title: key }, series }),
      },
    ];
  });
}

function meansByStep(records: readonly MetricRecord[], key: string): { x: number; y: number }[] {
  const sums = new Map<number, { sum: number; count: number }>();
  for (const record of records) {
    const value = record.values[key];
    if (value === undefined || record.values.epoch === undefined) continue;
    const { sum, count } = sums.get(record.step) ?? { sum: 0, count: 0 };
    sums.set(record.step, { sum: sum + value, count: count + 1 });
  }
  return [...sums].sort(([a], [b]) => a - b).map(([x, { sum, count }]) => ({ x, y: sum / count }));
}

async function environmentOf(
  folder: StudyFolder,
  done: readonly TrialOutcome[],
): Promise<Record<string, string | number>> {
  const environments: RunEnvironment[] = [];
  for (const { trial } of done) {
    const environment = await readEnvironment(folder.runPath(trial)).catch(() => undefined);
    if (environment !== undefined) environments.push(environment);
  }
  const processes = environments.flatMap((environment) => environment.processes);
  const all = (texts: readonly string[]) => [...new Set(texts)].sort().join('; ') || 'unknown';
  return {
    build: all(processes.map(({ build }) => build)),
    isa: all(processes.map(({ isa }) => isa)),
    precision: all(processes.map(({ precision }) => precision)),
    threads: all(processes.map(({ threads }) => String(threads))),
    commit: all(
      processes.map(({ git }) =>
        git === null ? 'none' : git.commit.slice(0, 12) + (git.dirty ? ' (changed)' : ''),
      ),
    ),
    cpu: all(processes.map(({ cpu }) => cpu)),
    node: all(processes.map(({ node }) => node)),
    'training images (SHA-256)': all(
      environments.map(({ data }) => data?.trainSha256.slice(0, 16) ?? 'unknown'),
    ),
    seeds: folder.study.config.seeds.join(', '),
  };
}
