/** The tables of a study: for other programs (CSV), for a paper (LaTeX), and for a person. */

import type { Table, Cell as TableCell } from '../report/table.js';
import type { Summary } from '../statistics.js';
import type { StudyOutcome } from './analysis.js';
import type { Measure } from './config.js';

/** A table of plain values as CSV (RFC 4180), numbers with all their digits, with a line of titles. */
export function csv({ columns, rows }: Table): string {
  return [columns, ...rows].map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
}

/** One line for each trial and row: what was measured, in the units of `result.json`. */
export function trialsTable({ trials, rows }: StudyOutcome): Table {
  const measures = rows[0]?.measures.map(({ measure }) => measure.name) ?? [];
  return {
    columns: ['trial', 'row', 'seed', 'state', 'reason', 'attempts', 'seconds', ...measures],
    rows: rows.flatMap(({ row, measures }) =>
      trials
        .filter(({ trial }) => trial.cell === row.cell)
        .map(({ trial, status }): TableCell[] => [
          trial.id,
          row.name,
          trial.seed,
          status.state,
          status.reason,
          status.attempts,
          status.seconds,
          ...measures.map(({ values }) => values.get(trial.seed)),
        ]),
    ),
  };
}

/** One line for each row and measure, then one for each difference, in the units of `result.json`. */
export function summaryTable({ rows, comparisons }: StudyOutcome): Table {
  const numbers = (summary: Summary | null): TableCell[] => [
    summary?.n ?? 0,
    summary?.mean,
    summary?.deviation,
    summary?.interval?.low,
    summary?.interval?.high,
  ];
  return {
    columns: ['row', 'minus', 'measure', 'missing', 'n', 'mean', 'deviation', 'low', 'high'],
    rows: [
      ...rows.flatMap(({ row, missing, measures }) =>
        measures.map(({ measure, summary }) => [
          row.name,
          null,
          measure.name,
          missing.length,
          ...numbers(summary),
        ]),
      ),
      ...comparisons.map(({ first, second, measure, summary }) => [
        first,
        second,
        measure.name,
        null,
        ...numbers(summary),
      ]),
    ],
  };
}

/** For a person: one line for each row, each measure as mean, deviation and interval. */
export function readableTable({ rows }: StudyOutcome): Table {
  const measures = rows[0]?.measures.map(({ measure }) => measure) ?? [];
  return {
    columns: ['row', 'n', ...measures.map(titleOf)],
    rows: rows.map(({ row, missing, measures }) => [
      row.name,
      seedCount(measures[0]?.summary?.n ?? 0, missing.length),
      ...measures.map(({ measure, summary }) => readable(measure, summary)),
    ]),
  };
}

/** For a person: one line for each difference. */
export function readableDifferences({ comparisons }: StudyOutcome): Table {
  return {
    columns: ['difference', 'measure', 'n', 'mean ± deviation [interval]'],
    rows: comparisons.map(({ first, second, measure, summary }) => [
      `${first} − ${second}`,
      titleOf(measure),
      summary?.n ?? 0,
      readable(measure, summary),
    ]),
  };
}

/** Both tables for LaTeX with booktabs. `note` tells how the intervals were made. */
export function latexTables(outcome: StudyOutcome, note: string): string {
  const { rows, comparisons } = outcome;
  const measures = rows[0]?.measures.map(({ measure }) => measure) ?? [];
  const lines = [
    '% Needs \\usepackage{booktabs}. Mean \\pm standard deviation (n - 1), and interval of the mean.',
    `% ${note}`,
    `\\begin{tabular}{lr${'l'.repeat(measures.length)}}`,
    '\\toprule',
    latexLine(['', '$n$', ...measures.map((measure) => latexText(titleOf(measure)))]),
    '\\midrule',
    ...rows.map(({ row, missing, measures }) =>
      latexLine([
        latexText(row.name) + (missing.length > 0 ? '\\textsuperscript{*}' : ''),
        String(measures[0]?.summary?.n ?? 0),
        ...measures.map(({ measure, summary }) => latexValue(measure, summary)),
      ]),
    ),
    '\\bottomrule',
    '\\end{tabular}',
  ];
  if (rows.some(({ missing }) => missing.length > 0)) {
    lines.push('', '\\textsuperscript{*} Incomplete: not all trials are done.');
  }
  if (comparisons.length > 0) {
    lines.push(
      '',
      '% Differences paired by seed.',
      '\\begin{tabular}{llrl}',
      '\\toprule',
      latexLine(['Difference', '', '$n$', 'Mean']),
      '\\midrule',
      ...comparisons.map(({ first, second, measure, summary }) =>
        latexLine([
          `${latexText(first)} $-$ ${latexText(second)}`,
          latexText(titleOf(measure)),
          String(summary?.n ?? 0),
          latexValue(measure, summary),
        ]),
      ),
      '\\bottomrule',
      '\\end{tabular}',
    );
  }
  return `${lines.join('\n')}\n`;
}

/** A measure's title with its unit. */
export function titleOf({ title, unit }: Measure): string {
  return unit === undefined ? title : `${title} (${unit})`;
}

function seedCount(n: number, missing: number): string {
  return missing === 0 ? String(n) : `${n} of ${n + missing}, incomplete`;
}

function readable(measure: Measure, summary: Summary | null): string {
  if (summary === null) return '–';
  const { mean, deviation, interval } = inUnits(measure, summary);
  if (deviation === null || interval === null) return `${mean}, no interval`;
  return `${mean} ± ${deviation} [${interval.low}, ${interval.high}]`;
}

function latexValue(measure: Measure, summary: Summary | null): string {
  if (summary === null) return '--';
  const { mean, deviation, interval } = inUnits(measure, summary);
  if (deviation === null || interval === null) return `$${mean}$`;
  return `$${mean} \\pm ${deviation}$ \\small$[${interval.low}, ${interval.high}]$`;
}

/** All numbers with the decimals that the deviation's second digit asks for; of one value, four digits. */
function inUnits({ factor }: Measure, { mean, deviation, interval }: Summary) {
  const spread = deviation === null || deviation === 0 ? Math.abs(mean * factor) / 100 : deviation * factor;
  const decimals = spread > 0 ? Math.min(Math.max(1 - Math.floor(Math.log10(spread)), 0), 6) : 0;
  const text = (value: number) => (value * factor).toFixed(decimals);
  return {
    mean: text(mean),
    deviation: deviation === null ? null : text(deviation),
    interval: interval === null ? null : { low: text(interval.low), high: text(interval.high) },
  };
}

function csvField(value: TableCell): string {
  if (value === null || value === undefined) return '';
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function latexLine(cells: readonly string[]): string {
  return `${cells.join(' & ')} \\\\`;
}

const LATEX: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
};

function latexText(text: string): string {
  return text.replaceAll(/[\\~^&%$#_{}]/g, (sign) => LATEX[sign] ?? `\\${sign}`);
}
