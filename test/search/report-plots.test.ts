import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../lib/errors.js';
import { type PlotSpec, renderPlot } from '../../lib/report/plots.js';
import { alphaStatistics } from '../../lib/search/diagnostics/alpha-statistics.js';
import {
  type EpochDiagnostics,
  eigenvaluePlot,
  entropyPlot,
  marginPlot,
  operationCountsPlot,
  weightHeatMap,
} from '../../lib/search/report-plots.js';
import { dartsChoice, dartsGroup, weightsOf } from './cells.js';

const group = dartsGroup('normal');
const other = dartsGroup('reduce');
const rows = (sharpness: number): number[][] =>
  Array.from({ length: 14 }, (_, edge) => {
    const powers = Array.from({ length: 8 }, (_, c) => Math.exp(sharpness * Math.sin(edge + c)));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((x) => x / sum);
  });
const records = Array.from({ length: 6 }, (_, index): EpochDiagnostics => {
  const operations = Array.from({ length: 8 }, (_, e) => (e < index ? 'skip_connect' : 'sep_conv_3x3'));
  return {
    epoch: index + 1,
    statistics: alphaStatistics(
      [group, other],
      { ...weightsOf('normal', rows(index)), ...weightsOf('reduce', rows(0)) },
      { ...dartsChoice('normal', operations), ...dartsChoice('reduce', Array(8).fill('max_pool_3x3')) },
    ),
    eigenvalue: index % 2 === 0 ? 0.1 * index : null,
  };
});
const dataOf = (plot: PlotSpec): Record<string, unknown>[] =>
  (plot.data as { values: Record<string, unknown>[] }).values;

describe('plots of a search', () => {
  it('stack the operations of chosen groups', async () => {
    const plot = operationCountsPlot(records, ['normal']);
    expect(dataOf(plot)).toContainEqual({ epoch: 6, operation: 'skip_connect', count: 5, place: 3 });
    expect(dataOf(operationCountsPlot(records))).toContainEqual({
      epoch: 1,
      operation: 'max_pool_3x3',
      count: 8,
      place: 1,
    });
    const svg = await renderPlot(plot);
    expect(svg).toContain('sep_conv_3x3');
    expect(svg).toContain('edges of the architecture');
  });

  it('draw a line for each group, and measured eigenvalues only', async () => {
    for (const plot of [entropyPlot(records), marginPlot(records)]) {
      expect(new Set(dataOf(plot).map(({ name }) => name))).toEqual(new Set(['normal', 'reduce']));
      expect(await renderPlot(plot)).toContain('reduce');
    }
    expect(dataOf(entropyPlot(records))[0]).toMatchObject({ x: 1, name: 'normal' });
    expect(dataOf(entropyPlot(records))[0]!.y).toBeCloseTo(1, 12);
    expect(dataOf(eigenvaluePlot(records)).map(({ x }) => x)).toEqual([1, 3, 5]);
    expect(await renderPlot(eigenvaluePlot(records))).toContain('largest eigenvalue');
  });

  it('map weights by edge and candidate', async () => {
    const plot = weightHeatMap(group, weightsOf('normal', rows(2)));
    expect(dataOf(plot)).toHaveLength(14 * 8);
    expect(dataOf(plot).at(-1)).toMatchObject({ edge: '4 → 5', candidate: 'dil_conv_5x5' });
    const svg = await renderPlot(plot);
    expect(svg).toContain('0 → 2');
    expect(svg).toContain('dil_conv_5x5');
    expect(() => weightHeatMap(group, {})).toThrow(ShapeError);
  });
});
