/** What a comparison of searches writes: `comparison.csv`, `comparison.json`, `table.missing.json` and `report.html`. */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { writeFileAtomic } from '../io/atomic-file.js';
import { intervalPlot } from '../report/interval-plot.js';
import { type Axis, scatterPlot } from '../report/plots.js';
import type { ReportSection } from '../report/report.js';
import type { Table, Cell as TableCell } from '../report/table.js';
import { type OwnTable, readOwnTable, seedDeviation } from '../search/tables/own-table.js';
import type { StudyOutcome } from './analysis.js';
import { collectStudy } from './collect.js';
import {
  type ComparedMethod,
  type ComparedQuantity,
  type Comparison,
  compareSearches,
  tablePathOf,
} from './search-comparison.js';
import type { StudyFolder } from './study-folder.js';
import { writeStudyReport } from './study-report.js';
import { csv } from './study-tables.js';

/** A column of the comparison. */
interface Column {
  readonly title: string;
  readonly unit: string;
  readonly factor: number;
  readonly of: (method: ComparedMethod) => ComparedQuantity;
}

const COLUMNS: readonly Column[] = [
  { title: 'test accuracy', unit: '%', factor: 100, of: ({ accuracy }) => accuracy },
  { title: 'regret', unit: '%', factor: 100, of: ({ regret }) => regret },
  { title: 'percentile', unit: '', factor: 1, of: ({ percentile }) => percentile },
  { title: 'tau', unit: '', factor: 1, of: ({ tau }) => tau },
  { title: 'collapsed', unit: '%', factor: 100, of: ({ collapsed }) => collapsed },
  { title: 'skips', unit: '%', factor: 100, of: ({ skipShare }) => skipShare },
  { title: 'search', unit: 's', factor: 1, of: ({ seconds }) => seconds },
  { title: 'memory', unit: 'MB', factor: 1e-6, of: ({ bytes }) => bytes },
];

/** Makes a study's files, and over them those of the comparison. @throws as `collectStudy` and `readOwnTable` */
export async function collectComparison(
  folder: StudyFolder,
): Promise<{ readonly outcome: StudyOutcome; readonly comparison: Comparison }> {
  const outcome = await collectStudy(folder);
  const path = tablePathOf(folder);
  const table = path === null ? null : await readOwnTable(path);
  const comparison = compareSearches(folder, outcome.trials, table);
  const at = (name: string) => join(folder.path, name);
  await writeFileAtomic(at('comparison.csv'), csv(exactTable(comparison)));
  await writeFileAtomic(at('comparison.json'), `${JSON.stringify(comparisonJson(comparison), null, 2)}\n`);
  const missing = at('table.missing.json');
  if (comparison.missingCells.length === 0) await rm(missing, { force: true });
  else await writeFileAtomic(missing, `${JSON.stringify(comparison.missingCells, null, 1)}\n`);
  await writeStudyReport(at('report.html'), folder, outcome, {
    title: 'Methods of search, compared',
    sections: comparisonSections(comparison, table),
  });
  return { outcome, comparison };
}

/** For a person: a line for each method under its class, means and deviations over seeds. */
export function comparisonTable({ groups }: Comparison): Table {
  const columns = columnsOf(groups.flatMap(({ methods }) => methods));
  return {
    columns: ['method', 'classes', 'n', ...columns.map(titleOf)],
    rows: groups.flatMap(({ title, methods }) => [
      [title, null, null, ...columns.map(() => null)],
      ...methods.map((method): TableCell[] => [
        `  ${method.name}`,
        method.preset.challenges.join(', ') || null,
        `${method.done.length}${method.missing.length === 0 ? '' : ` of ${method.done.length + method.missing.length}`}`,
        ...columns.map(({ of, factor }) => readable(of(method), factor, method.done.length)),
      ]),
    ]),
  };
}

/** Those that a method has a number in. */
function columnsOf(methods: readonly ComparedMethod[]): Column[] {
  return COLUMNS.filter(({ of }) => methods.some((method) => of(method).values.length > 0));
}

function titleOf({ title, unit }: Column): string {
  return unit === '' ? title : `${title} (${unit})`;
}

function readable({ values, summary }: ComparedQuantity, factor: number, searches: number): string | null {
  if (summary === null) return null;
  const digits = (value: number) => Number((factor * value).toPrecision(4)).toString();
  const spread =
    summary.deviation === null ? '' : ` ± ${Number((factor * summary.deviation).toPrecision(2))}`;
  // Of cells that a table lacks nothing is known.
  const part = values.length === searches ? '' : ` (${values.length})`;
  return `${digits(summary.mean)}${spread}${part}`;
}

function exactTable({ groups }: Comparison): Table {
  return {
    columns: ['class', 'method', 'measure', 'unit', 'n', 'mean', 'deviation', 'low', 'high'],
    rows: groups.flatMap(({ title, methods }) =>
      methods.flatMap((method) =>
        COLUMNS.map(({ title: measure, unit, factor, of }): TableCell[] => {
          const { summary } = of(method);
          const scaled = (value: number | null | undefined) => (value == null ? null : factor * value);
          return [
            title,
            method.name,
            measure,
            unit,
            summary?.n ?? 0,
            scaled(summary?.mean),
            scaled(summary?.deviation),
            scaled(summary?.interval?.low),
            scaled(summary?.interval?.high),
          ];
        }),
      ),
    ),
  };
}

function comparisonJson(comparison: Comparison): Record<string, unknown> {
  return { schemaVersion: 1, ...comparison };
}

function comparisonSections(comparison: Comparison, table: OwnTable | null): ReportSection[] {
  const methods = comparison.groups.flatMap((group) => group.methods);
  return [
    {
      heading: 'Methods by the survey’s taxonomy',
      text: comparisonText(comparison, table),
      table: comparisonTable(comparison),
    },
    ...columnsOf(methods).flatMap((column) => columnPlot(column, methods)),
    ...costPlot(methods),
    {
      heading: 'What the methods are',
      table: {
        columns: ['method', 'title', 'paper', 'settings from', 'ours'],
        rows: methods.map(({ name, preset: { title, paper, source, notes } }) => [
          name,
          title,
          paper,
          source === 'code' ? 'its code' : 'the survey',
          notes === '' ? null : notes,
        ]),
      },
    },
  ];
}

function comparisonText({ missingCells }: Comparison, table: OwnTable | null): string {
  const paragraphs = [
    'Means ± deviations over seeds. A method stands under the first of its classes (Heuillet et al., arXiv 2304.05405); all are named beside it. Search is the time of search and selection, memory the most that the engine held meanwhile; both without retraining and diagnostics.',
  ];
  if (table !== null) {
    const chance = seedDeviation(table, 'test');
    paragraphs.push(
      `Accuracies are those of the table for the found cells${chance === null ? '' : `; there, a cell’s accuracy has a deviation of ${(100 * chance).toFixed(2)} % over seeds, and smaller differences say nothing`}. Regret is against the best cell of the table, the percentile among its random cells, tau the agreement of the search network with the table.`,
    );
  }
  if (missingCells.length > 0) {
    paragraphs.push(
      `The table lacks ${missingCells.length} of the found cells, which are in no accuracy above (numbers in brackets say how many seeds are): lapidary search table --resume --cells table.missing.json trains them, and search compare --collect completes this page.`,
    );
  }
  return paragraphs.join('\n\n');
}

function columnPlot(column: Column, methods: readonly ComparedMethod[]): ReportSection[] {
  const { factor, of } = column;
  const rows = methods.flatMap((method) => {
    const { values, summary } = of(method);
    if (summary === null) return [];
    const { interval } = summary;
    return [
      {
        label: method.name,
        values: values.map((value) => factor * value),
        mean: factor * summary.mean,
        ...(interval === null
          ? {}
          : { interval: { low: factor * interval.low, high: factor * interval.high } }),
      },
    ];
  });
  return [{ heading: `By method: ${column.title}`, plot: intervalPlot({ x: axisOf(column), rows }) }];
}

/** What a method finds, against what it takes. */
function costPlot(methods: readonly ComparedMethod[]): ReportSection[] {
  const points = methods.flatMap((method) => {
    const [x, y] = [method.seconds.summary, method.accuracy.summary];
    return x === null || y === null ? [] : [{ x: x.mean, y: 100 * y.mean, label: method.name }];
  });
  if (points.length === 0) return [];
  return [
    {
      heading: 'What is found, and what it takes',
      plot: scatterPlot({
        x: { title: 'search', unit: 's' },
        y: { title: 'test accuracy', unit: '%' },
        points,
      }),
    },
  ];
}

function axisOf({ title, unit }: Column): Axis {
  return { title, ...(unit === '' ? {} : { unit }) };
}
