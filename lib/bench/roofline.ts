/**
 * The roofline of a benchmark as a plot and a page (Williams, Waterman, Patterson, "Roofline", CACM 52(4), 2009): what each case
 * reaches, over the FLOPs that it does for each byte of its operands, below what the machine allows.
 */

import { extname } from 'node:path';
import { ArgumentError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic-file.js';
import { frame, type PlotSpec, renderPlot } from '../report/plots.js';
import { writeReport } from '../report/report.js';
import type { Table } from '../report/table.js';
import { attainableGflops, bandwidthOf, type Peaks } from './peaks.js';

/** A measured case. */
export interface RooflinePoint {
  readonly kernel: string;
  readonly isa: string;
  readonly flops: number;
  readonly bytes: number;
  readonly gflops: number;
}

/** Where the slope meets the ceiling: below so many FLOPs a byte memory is what bounds. */
export const ridgeOf = (peaks: Peaks): number => peaks.gflops / bandwidthOf(peaks);

/** Roofs and points, both axes logarithmic. Cases that count no FLOPs have no place in it. */
export function rooflinePlot(peaks: readonly Peaks[], points: readonly RooflinePoint[]): PlotSpec {
  const intensities = [...points.map(({ flops, bytes }) => flops / bytes), ...peaks.map(ridgeOf)];
  const low = Math.min(...intensities) / 2;
  const high = Math.max(...intensities) * 4;
  const roofs = peaks.flatMap((one) =>
    [low, ridgeOf(one), high].map((x) => ({
      roof: one.isa,
      x,
      y: attainableGflops(one, x, 1),
      label: x === high ? `${one.isa}: ${one.gflops.toFixed(0)} GFLOP/s` : '',
    })),
  );
  const slopes = peaks.slice(0, 1).map((one) => ({
    x: low,
    y: attainableGflops(one, low, 1),
    label: `${bandwidthOf(one).toFixed(0)} GB/s`,
  }));
  const domain = [low, high];
  const log = { type: 'log', nice: false } as const;
  const x = {
    field: 'x',
    type: 'quantitative',
    title: 'arithmetic intensity (FLOP per byte of the operands)',
    scale: { ...log, domain },
    axis: { grid: false },
  } as const;
  const y = { field: 'y', type: 'quantitative', title: 'GFLOP/s', scale: log } as const;
  const kernels = [...new Set(points.map(({ kernel }) => kernel))];
  const color = {
    field: 'kernel',
    type: 'nominal',
    title: null,
    scale: { domain: kernels },
    legend: kernels.length < 2 ? null : {},
  } as const;
  const text = { type: 'text', fontSize: 10, fill: 'currentColor' } as const;
  return {
    ...frame(points.map((point) => ({ ...point, x: point.flops / point.bytes, y: point.gflops }))),
    height: 380,
    layer: [
      {
        data: { values: roofs },
        mark: { type: 'line', stroke: 'currentColor', strokeWidth: 1.5, interpolate: 'linear' },
        encoding: { x, y, detail: { field: 'roof', type: 'nominal' } },
      },
      {
        data: { values: roofs.filter(({ label }) => label !== '') },
        mark: { ...text, align: 'right', dy: -6 },
        encoding: { x, y, text: { field: 'label', type: 'nominal' } },
      },
      {
        data: { values: slopes },
        mark: { ...text, align: 'left', dx: 26, dy: 4 },
        encoding: { x, y, text: { field: 'label', type: 'nominal' } },
      },
      {
        mark: { type: 'point', filled: true, size: 55, opacity: 0.85 },
        encoding: { x, y, color, shape: color },
      },
    ],
  };
}

/** What a roofline page says beside the plot. */
export interface RooflineReport {
  readonly peaks: readonly Peaks[];
  readonly points: readonly RooflinePoint[];
  readonly table: Table;
  readonly environment: Readonly<Record<string, string | number>>;
}

/**
 * Writes the plot alone (`.svg`) or a page with the plot and a table (`.html`).
 *
 * @throws ArgumentError for another kind of file, FileSystemError when it cannot be written
 */
export async function writeRoofline(path: string, report: RooflineReport): Promise<void> {
  const plot = rooflinePlot(report.peaks, report.points);
  switch (checkedExtension(path)) {
    case '.svg':
      return writeFileAtomic(path, await renderPlot(plot));
    case '.html':
      return writeReport(path, {
        title: 'Roofline',
        subtitle: 'What each kernel reaches of what this machine was measured to allow',
        sections: [
          {
            heading: 'Attained and attainable',
            text: rooflineText(report.peaks),
            plot,
          },
          { heading: 'Cases', table: report.table },
        ],
        environment: report.environment,
      });
  }
}

/** @throws ArgumentError unless the file is one that `writeRoofline` can write */
export function checkedExtension(path: string): '.svg' | '.html' {
  const extension = extname(path);
  if (extension === '.svg' || extension === '.html') return extension;
  throw new ArgumentError(`Expected a report ending in .svg or .html, got '${path}'.`);
}

function rooflineText(peaks: readonly Peaks[]): string {
  const roofs = peaks.map(
    (one) =>
      `${one.isa} on ${one.threads} threads: ${one.gflops.toFixed(0)} GFLOP/s of multiply-adds in registers; ` +
      `memory ${one.readGbs.toFixed(1)} GB/s read, ${one.triadGbs.toFixed(1)} GB/s STREAM triad; ` +
      `the two meet at ${ridgeOf(one).toFixed(1)} FLOP per byte.`,
  );
  return [
    ...roofs,
    'Bytes are those of the operands, each counted once: what caches save is not subtracted, so a case whose operands stay in a ' +
      'cache may lie above the slope, and one that computes less than it counts (Winograd) above the ceiling.',
  ].join('\n\n');
}
