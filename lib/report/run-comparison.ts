/** Runs side by side: what they were told, what they came to, and their curves in one plot. */

import { FileFormatError } from '../errors.js';
import { type MetricsRecord, RunFolder } from '../io/run-folder.js';
import { type RunResult, readResultIfThere } from '../io/run-result.js';
import { lineChart, type Series } from './plots.js';
import type { Report, ReportSection } from './report.js';
import type { Table } from './table.js';

/** What a run folder holds, read once. The run may still be going on. */
export interface RunView {
  /** As the reports call it. */
  readonly name: string;
  readonly config: unknown;
  readonly metrics: readonly MetricsRecord[];
  /** Undefined while the run is not done. */
  readonly result: RunResult | undefined;
}

/** A curve has at most so many points: of longer ones, neighbouring points are averaged. */
const MOST_POINTS = 400;
/** Fields of a record that say where it belongs. */
const PLACES: ReadonlySet<string> = new Set(['step', 'epoch']);

/**
 * Reads a run folder, of a finished run or one that is going on.
 *
 * @throws FileSystemError, FileFormatError when it is not the folder of a run
 */
export async function readRun(path: string, name: string): Promise<RunView> {
  const run = await RunFolder.read(path);
  const [config, metrics, result] = await Promise.all([
    run.readConfig(),
    run.readMetrics(),
    readResultIfThere(path),
  ]);
  return { name, config, metrics, result };
}

/** The report that lays runs over each other. @throws FileFormatError when none is given */
export function compareRuns(runs: readonly RunView[]): Report {
  if (runs.length === 0) throw new FileFormatError('Expected at least one run to report, got none.');
  const differing = differingSettings(runs);
  const sections: ReportSection[] = [{ heading: 'Runs', table: overview(runs) }];
  if (measureNames(runs).length > 0) sections.push({ heading: 'Measures', table: measureTable(runs) });
  if (differing.rows.length > 0) sections.push({ heading: 'Settings that differ', table: differing });
  sections.push(...curves(runs));
  return {
    title: runs.length === 1 ? `Run ${runs[0]!.name}` : `${runs.length} runs`,
    sections,
    environment: { runs: runs.map(({ name }) => name).join(', ') },
  };
}

/** A row for each run: how far it is. */
function overview(runs: readonly RunView[]): Table {
  return {
    columns: ['run', 'workflow', 'state', 'seed', 'last step'],
    rows: runs.map(({ name, config, metrics, result }) => [
      name,
      result?.workflow,
      result === undefined ? 'not done' : 'done',
      result?.seed ?? (flattened(config).get('seed') as number | undefined),
      metrics.at(-1)?.step,
    ]),
  };
}

/** A row for each run and a column for each measure of its result. */
export function measureTable(runs: readonly RunView[]): Table {
  const names = measureNames(runs);
  return {
    columns: ['run', ...names],
    rows: runs.map(({ name, result }) => [name, ...names.map((measure) => result?.measures[measure])]),
  };
}

function measureNames(runs: readonly RunView[]): string[] {
  return [...new Set(runs.flatMap(({ result }) => Object.keys(result?.measures ?? {})))];
}

/** A row for each setting in which runs differ, a column for each run. */
function differingSettings(runs: readonly RunView[]): Table {
  const settings = runs.map(({ config }) => flattened(config));
  const keys = [...new Set(settings.flatMap((one) => [...one.keys()]))];
  const differing = keys.filter(
    (key) => new Set(settings.map((one) => JSON.stringify(one.get(key)))).size > 1,
  );
  return {
    columns: ['setting', ...runs.map(({ name }) => name)],
    rows: differing.map((key) => [
      key,
      ...settings.map((one) => {
        const value = one.get(key);
        return typeof value === 'number' || typeof value === 'string' || value === undefined
          ? value
          : JSON.stringify(value);
      }),
    ]),
  };
}

/** Leaves by dotted path. */
function flattened(value: unknown, path = ''): Map<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Map([[path, value]]);
  const prefix = path === '' ? '' : `${path}.`;
  return new Map(Object.entries(value).flatMap(([key, child]) => [...flattened(child, prefix + key)]));
}

/** One plot for each quantity that any run has recorded at two steps or more. */
function curves(runs: readonly RunView[]): ReportSection[] {
  const quantities = [
    ...new Set(runs.flatMap(({ metrics }) => metrics.flatMap((record) => numericFields(record)))),
  ];
  return quantities.flatMap((quantity) => {
    const series = runs.flatMap((run) => seriesOf(run, quantity, runs.length > 1));
    if (!series.some(({ points }) => points.length > 1)) return [];
    return [
      {
        heading: quantity,
        plot: lineChart({ x: { title: 'step' }, y: { title: quantity }, series }),
      },
    ];
  });
}

function numericFields(record: MetricsRecord): string[] {
  return Object.keys(record).filter((name) => !PLACES.has(name) && typeof record[name] === 'number');
}

/** The curve of a quantity, one for each stage that recorded it. */
function seriesOf({ name, metrics }: RunView, quantity: string, naming: boolean): Series[] {
  const byStage = new Map<string, { x: number; y: number }[]>();
  for (const record of metrics) {
    const { [quantity]: value, stage = '' } = record;
    if (typeof value !== 'number') continue;
    const points = byStage.get(String(stage)) ?? [];
    points.push({ x: record.step, y: value });
    byStage.set(String(stage), points);
  }
  return [...byStage].map(([stage, points]) => ({
    name: [...(naming || stage === '' ? [name] : []), ...(stage === '' ? [] : [stage])].join(', '),
    points: thinned(points),
  }));
}

function thinned(points: readonly { x: number; y: number }[]): { x: number; y: number }[] {
  const width = Math.ceil(points.length / MOST_POINTS);
  if (width === 1) return [...points];
  return Array.from({ length: Math.ceil(points.length / width) }, (_, i) => {
    const window = points.slice(i * width, (i + 1) * width);
    const mean = (of: (point: { x: number; y: number }) => number) =>
      window.reduce((sum, point) => sum + of(point), 0) / window.length;
    return { x: Math.round(mean(({ x }) => x)), y: mean(({ y }) => y) };
  });
}
