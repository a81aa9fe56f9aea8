/** A plot of repeated measurements: every value, their mean, and an interval of the mean. */

import { type Axis, frame, numeric, type PlotSpec } from './plots.js';

/** One line of the plot. */
export interface IntervalRow {
  readonly label: string;
  readonly values: readonly number[];
  readonly mean: number;
  /** Left out where a single value allows none. */
  readonly interval?: { readonly low: number; readonly high: number };
}

const ROW_STEP = 34;

/** Rows in the given order: values as circles, the interval as a bar, the mean as a tick. */
export function intervalPlot({ x, rows }: { x: Axis; rows: readonly IntervalRow[] }): PlotSpec {
  const labelExpr = `${JSON.stringify(rows.map(({ label }) => label))}[datum.value]`;
  const y = {
    field: 'position',
    type: 'ordinal',
    title: null,
    axis: { ticks: false, domain: false, grid: false, labelExpr },
    scale: { domain: rows.map((_, position) => position) },
  } as const;
  const points = rows.flatMap(({ values }, position) => values.map((value) => ({ position, value })));
  const intervals = rows.flatMap(({ mean, interval }, position) => [
    { position, value: mean, ...(interval === undefined ? {} : interval) },
  ]);
  const axis = numeric('value', x, { padding: 12 });
  return {
    ...frame(points),
    height: { step: ROW_STEP },
    layer: [
      {
        data: { values: intervals.filter((row) => 'low' in row) },
        mark: { type: 'bar', height: 8, opacity: 0.3, cornerRadius: 4 },
        encoding: { y, x: { ...axis, field: 'low' }, x2: { field: 'high' } },
      },
      {
        mark: { type: 'point', filled: false, size: 50, strokeWidth: 1.5, opacity: 0.9 },
        encoding: { y, x: axis },
      },
      {
        data: { values: intervals },
        mark: { type: 'tick', thickness: 2.5, size: 20, color: 'currentColor' },
        encoding: { y, x: axis },
      },
    ],
  };
}
