/**
 * Plots as vega-lite specifications, and their rendering to SVG without a browser.
 *
 * Text and lines take the colour of the page (`currentColor`), so a plot fits a light page, a dark one and paper.
 * Series differ in dash or shape as well as in colour.
 */

import type { TopLevelSpec } from 'vega-lite';

/** A vega-lite specification with its data inside. */
export type PlotSpec = TopLevelSpec;

/** What an axis shows. */
export interface Axis {
  readonly title: string;
  /** Unit of the numbers, put in brackets behind the title; leave it out for plain numbers. */
  readonly unit?: string;
  /** Whether the axis must begin at zero. Default: false, except for bars, which always do. */
  readonly zero?: boolean;
}

/** A named line. A `y` that is null or not finite leaves a gap. */
export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number | null }[];
}

/** A horizontal bar. */
export interface Bar {
  readonly label: string;
  readonly value: number;
}

/** A point of a scatter plot. Points of one `series` share colour and shape; a `label` is written beside its point. */
export interface ScatterPoint {
  readonly x: number;
  readonly y: number;
  readonly series?: string;
  readonly label?: string;
}

const WIDTH = 620;
const HEIGHT = 300;
const BAR_STEP = 18;
const SCHEMA = 'https://vega.github.io/schema/vega-lite/v6.json';
/** Paul Tol's "bright" scheme: told apart by colour-blind readers, legible on white and on near-black. */
const COLORS = ['#4477aa', '#ee6677', '#228833', '#ccbb44', '#66ccee', '#aa3377', '#888888'];

const THEME = {
  background: 'transparent',
  font: 'system-ui, sans-serif',
  view: { stroke: null },
  axis: {
    domainColor: 'currentColor',
    gridColor: 'currentColor',
    tickColor: 'currentColor',
    labelColor: 'currentColor',
    titleColor: 'currentColor',
    domainOpacity: 0.4,
    gridOpacity: 0.12,
    tickOpacity: 0.4,
    labelFontSize: 11,
    titleFontSize: 12,
    titleFontWeight: 500,
    titlePadding: 10,
    tickCount: 8,
    labelLimit: 260,
  },
  legend: {
    labelColor: 'currentColor',
    titleColor: 'currentColor',
    labelFontSize: 11,
    labelLimit: 600,
    orient: 'top',
    symbolStrokeWidth: 2,
  },
  range: { category: COLORS },
} as const;

/** Several lines over one axis, such as accuracy by epoch. */
export function lineChart({ x, y, series }: { x: Axis; y: Axis; series: readonly Series[] }): PlotSpec {
  const name = seriesChannel(
    series.map((one) => one.name),
    'stroke',
  );
  return {
    ...frame(
      series.flatMap(({ name, points }) =>
        points.map((point) => ({ x: point.x, y: finiteOrNull(point.y), name })),
      ),
    ),
    height: HEIGHT,
    mark: { type: 'line', strokeWidth: 2, point: { size: 18 }, invalid: 'break-paths-show-path-domains' },
    encoding: {
      x: { ...numeric('x', x, { nice: false }), axis: { grid: false } },
      y: numeric('y', y),
      color: name,
      strokeDash: name,
    },
  };
}

/** Horizontal bars in the given order, such as sensitivity or ratio by layer. */
export function barChart({ x, bars }: { x: Axis; bars: readonly Bar[] }): PlotSpec {
  const labelExpr = `${JSON.stringify(bars.map((bar) => bar.label))}[datum.value]`;
  return {
    ...frame(bars.map(({ value }, position) => ({ position, value: finiteOrNull(value) }))),
    height: { step: BAR_STEP },
    mark: { type: 'bar', color: COLORS[0]!, cornerRadiusEnd: 2 },
    encoding: {
      x: numeric('value', { ...x, zero: true }),
      // By position, not by label: two layers may have one name.
      y: {
        field: 'position',
        type: 'ordinal',
        title: null,
        axis: { ticks: false, domain: false, labelExpr },
      },
    },
  };
}

/** Points over two axes, such as accuracy against sparsity. */
export function scatterPlot({
  x,
  y,
  points,
}: {
  x: Axis;
  y: Axis;
  points: readonly ScatterPoint[];
}): PlotSpec {
  const values = points
    .filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y))
    .map(({ x, y, series = '', label = '' }) => ({ x, y, name: series, label }));
  const name = seriesChannel(values.map((value) => value.name));
  // Room for the symbols at the edge.
  const roomy = { padding: 12 };
  const position = { x: numeric('x', x, roomy), y: numeric('y', y, roomy) };
  return {
    ...frame(values),
    height: HEIGHT,
    layer: [
      {
        mark: { type: 'point', filled: true, size: 60, opacity: 0.85 },
        encoding: { ...position, color: name, shape: name },
      },
      {
        mark: { type: 'text', align: 'left', dx: 8, fontSize: 10, fill: 'currentColor' },
        encoding: { ...position, text: { field: 'label', type: 'nominal' } },
      },
    ],
  };
}

/**
 * Renders a specification to an SVG element that stands alone.
 *
 * @throws Error of vega-lite when the specification is wrong
 */
export async function renderPlot(spec: PlotSpec): Promise<string> {
  // Loaded late: a third of a second that only a report needs.
  const [{ compile }, vega] = await Promise.all([import('vega-lite'), import('vega')]);
  const view = new vega.View(vega.parse(compile(spec, { config: THEME }).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/** Width, data and schema of every plot. */
export function frame(values: object[]) {
  return { $schema: SCHEMA, width: WIDTH, data: { values } } as const;
}

/** A quantitative channel with its title and unit. */
export function numeric(
  field: string,
  { title, unit, zero = false }: Axis,
  scale: { nice?: boolean; padding?: number } = {},
) {
  return {
    field,
    type: 'quantitative',
    title: unit === undefined ? title : `${title} (${unit})`,
    scale: { zero, ...scale },
  } as const;
}

/** Colour, dash or shape by series, in the order in which they were given; a lone series needs no legend. */
function seriesChannel(names: readonly string[], symbol?: 'stroke') {
  const domain = [...new Set(names)];
  const legend =
    domain.length < 2 ? null : symbol === undefined ? {} : { symbolType: symbol, symbolSize: 300 };
  return { field: 'name', type: 'nominal', title: null, scale: { domain }, legend } as const;
}

function finiteOrNull(value: number | null): number | null {
  return Number.isFinite(value) ? value : null;
}
