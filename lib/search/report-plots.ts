/** Plots of how a search went, for its report. */

import { type Axis, frame, lineChart, numeric, type PlotSpec } from '../report/plots.js';
import type { AlphaStatistics } from './diagnostics/alpha-statistics.js';
import { edgeWeights, type WeightsByGroup } from './diagnostics/group-weights.js';
import type { EdgeGroup } from './supernet.js';

/** What a search recorded at the end of an epoch. */
export interface EpochDiagnostics {
  readonly epoch: number;
  /** By group. */
  readonly statistics: Readonly<Record<string, AlphaStatistics>>;
  /** Null where it was not measured. */
  readonly eigenvalue: number | null;
}

const EPOCHS: Axis = { title: 'epoch' };
const STACK_HEIGHT = 260;
const ROW_HEIGHT = 22;
/** Paul Tol's "muted" scheme: as many as a cell has operations, told apart by colour-blind readers. */
const OPERATION_COLORS = [
  '#dddddd',
  '#332288',
  '#88ccee',
  '#cc6677',
  '#117733',
  '#44aa99',
  '#999933',
  '#ddcc77',
  '#882255',
  '#aa4499',
];

/**
 * By epoch, how many edges of the architecture have each operation: stacked, in the order of the legend.
 *
 * @param groups whose edges are counted together; default: all that were recorded
 */
export function operationCountsPlot(
  records: readonly EpochDiagnostics[],
  groups?: readonly string[],
): PlotSpec {
  const values = records.flatMap(({ epoch, statistics }) => {
    const counts = new Map<string, number>();
    for (const name of groups ?? Object.keys(statistics)) {
      for (const [operation, count] of Object.entries(statistics[name]?.chosen ?? {})) {
        counts.set(operation, (counts.get(operation) ?? 0) + count);
      }
    }
    return [...counts].map(([operation, count]) => ({ epoch, operation, count }));
  });
  const domain = [...new Set(values.map(({ operation }) => operation))];
  return {
    // The order in the stack is that of the operations, not of their names.
    ...frame(values.map((value) => ({ ...value, place: domain.indexOf(value.operation) }))),
    height: STACK_HEIGHT,
    mark: { type: 'bar', stroke: 'currentColor', strokeWidth: 0.3 },
    encoding: {
      x: {
        field: 'epoch',
        type: 'ordinal',
        title: EPOCHS.title,
        axis: { labelAngle: 0, labelOverlap: true },
      },
      y: { ...numeric('count', { title: 'edges of the architecture', zero: true }), stack: 'zero' },
      color: {
        field: 'operation',
        type: 'nominal',
        title: null,
        scale: { domain, range: OPERATION_COLORS },
        legend: { columns: 4, symbolType: 'square' },
      },
      order: { field: 'place', type: 'quantitative' },
    },
  };
}

/** By epoch and group, how undecided the edges are: 1 is not at all decided. */
export function entropyPlot(records: readonly EpochDiagnostics[]): PlotSpec {
  return lineChart({
    x: EPOCHS,
    y: { title: 'mean entropy of an edge, of the largest possible', zero: true },
    series: byGroup(records, ({ normalizedEntropy }) => normalizedEntropy),
  });
}

/** By epoch and group, how far the strongest candidate leads the second, in the mean of edges. */
export function marginPlot(records: readonly EpochDiagnostics[]): PlotSpec {
  return lineChart({
    x: EPOCHS,
    y: { title: 'strongest weight less the second', zero: true },
    series: byGroup(records, ({ margin }) => margin?.mean ?? null),
  });
}

/** The largest eigenvalue of the Hessian in the alphas, in the epochs in which it was measured. */
export function eigenvaluePlot(records: readonly EpochDiagnostics[]): PlotSpec {
  const points = records.flatMap(({ epoch, eigenvalue }) =>
    eigenvalue === null ? [] : [{ x: epoch, y: eigenvalue }],
  );
  return lineChart({
    x: EPOCHS,
    y: { title: 'largest eigenvalue of the Hessian in the alphas', zero: true },
    series: [{ name: 'eigenvalue', points }],
  });
}

/**
 * The weights of a group: a row for each edge, named by the states that it joins, and a column for each candidate. Every edge
 * must have the same candidates; where they differ (in a pruned space), columns are the union of them, and gaps are left.
 *
 * @throws as `edgeWeights`
 */
export function weightHeatMap(group: EdgeGroup, weights: WeightsByGroup): PlotSpec {
  const inputs = group.nodes[0]!.length;
  const origins = new Map(
    group.nodes.flatMap((edges, node) =>
      edges.map((edge, from) => [edge, `${from} → ${inputs + node}`] as const),
    ),
  );
  const values = edgeWeights(group, weights).flatMap((row, edge) =>
    Array.from(row, (weight, index) => ({
      edge: origins.get(edge)!,
      candidate: group.candidates[edge]![index]!,
      weight,
    })),
  );
  const most = Math.max(...values.map(({ weight }) => weight));
  const x = {
    field: 'candidate',
    type: 'nominal',
    title: null,
    sort: [...new Set(group.candidates.flat())],
    axis: { orient: 'top', labelAngle: -25, labelAlign: 'left', ticks: false, domain: false },
  } as const;
  const y = {
    field: 'edge',
    type: 'nominal',
    title: 'edge',
    sort: [...origins.values()],
    axis: { ticks: false, domain: false },
  } as const;
  return {
    ...frame(values),
    height: { step: ROW_HEIGHT },
    layer: [
      {
        mark: 'rect',
        encoding: {
          x,
          y,
          color: {
            ...numeric('weight', { title: 'weight', zero: true }),
            scale: { scheme: 'viridis', domain: [0, most] },
            legend: null,
          },
        },
      },
      {
        mark: { type: 'text', fontSize: 10 },
        encoding: {
          x,
          y,
          text: { field: 'weight', type: 'quantitative', format: '.2f' },
          // Viridis is dark below and light above.
          color: { condition: { test: `datum.weight > ${0.6 * most}`, value: 'black' }, value: 'white' },
        },
      },
    ],
  };
}

function byGroup(
  records: readonly EpochDiagnostics[],
  value: (statistics: AlphaStatistics) => number | null,
) {
  const names = [...new Set(records.flatMap(({ statistics }) => Object.keys(statistics)))];
  return names.map((name) => ({
    name,
    points: records.map(({ epoch, statistics }) => {
      const found = statistics[name];
      return { x: epoch, y: found === undefined ? null : value(found) };
    }),
  }));
}
