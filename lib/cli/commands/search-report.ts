/** The table and the report of a search. */

import { device } from '../../device.js';
import { ArgumentError } from '../../errors.js';
import type { RunFolder } from '../../io/run-folder.js';
import type { Genotype } from '../../nn/genotype.js';
import { lineChart, type Series, scatterPlot } from '../../report/plots.js';
import { type ReportSection, writeReport } from '../../report/report.js';
import type { Table } from '../../report/table.js';
import type { SearchConfig } from '../../search/config.js';
import { drawGenotype } from '../../search/drawing.js';
import { weightsByGroup } from '../../search/epoch-diagnostics.js';
import { formatGenotype } from '../../search/genotype-text.js';
import { methodPreset } from '../../search/methods/registry.js';
import {
  type EpochDiagnostics,
  eigenvaluePlot,
  entropyPlot,
  marginPlot,
  operationCountsPlot,
  weightHeatMap,
} from '../../search/report-plots.js';
import type { SearchCost, SearchResult } from '../../search/search-result.js';
import type { SearchEpoch } from '../../search/search-state.js';
import { cellMeans, readOwnTable } from '../../search/tables/own-table.js';

/** One line: what was found, and what it took. */
export function searchTable(
  { method, parameters, macs, supernetAccuracy, collapse, test }: SearchResult,
  { milliseconds, memory }: SearchCost,
): Table {
  return {
    columns: [
      'method',
      'search network (%)',
      'parameters',
      'MACs (M)',
      'test (%)',
      'skips',
      'search (s)',
      'memory (MB)',
    ],
    rows: [
      [
        method,
        percent(supernetAccuracy),
        parameters,
        macs / 1e6,
        percent(test),
        `${percent(collapse.skipShare)} %${collapse.level === 'collapsed' ? ', collapsed' : ''}`,
        milliseconds / 1000,
        memory / 1e6,
      ],
    ],
  };
}

/** Writes `report.html` into the run folder. @throws FileSystemError */
export async function writeSearchReport(
  run: RunFolder,
  config: SearchConfig,
  result: SearchResult,
  cost: SearchCost,
): Promise<void> {
  const { title, paper, notes } = methodPreset(config.method);
  const { kind, description, isa, build, threads } = device();
  await writeReport(run.reportPath, {
    title: `Search: ${title}`,
    subtitle: `${config.space.name}, ${config.data.source.split(':')[0]}; ${paper}`,
    sections: [
      {
        heading: 'Result',
        text: resultText(config, result, notes),
        table: searchTable(result, cost),
      },
      ...(await architectureSections(result)),
      ...trainingSections(await run.readMetrics(), result),
      ...diagnosticSections(result),
      ...(await tableSections(config, result)),
    ],
    environment: { device: kind === 'cpu' ? kind : description, isa, threads, build, seed: config.seed },
  });
}

function resultText(config: SearchConfig, { collapse, stopped, test }: SearchResult, notes: string): string {
  return [
    `${collapse.sentence}`,
    ...(stopped === null
      ? []
      : [
          `The search ended early: ${stopped.reason}. The architecture is that of epoch ${stopped.returnTo ?? 'its end'}.`,
        ]),
    test === null
      ? 'The architecture was not trained for itself (`retrain`), so there is no test accuracy.'
      : 'The test images were read once, for the network of the architecture after its own training.',
    ...(notes === '' ? [] : [`Of this method ours: ${notes}`]),
    ...(config.stages.length > 1 ? [`${config.stages.length} stages, each with a network of its own.`] : []),
  ].join('\n\n');
}

async function architectureSections({ genotype, alternatives }: SearchResult): Promise<ReportSection[]> {
  const drawings = await drawGenotype(genotype);
  const text = genotypeText(genotype);
  const others = alternatives.map(({ name, genotype }) => [name, genotypeText(genotype)]);
  return [
    { heading: 'Architecture', text, drawings },
    ...(others.length === 0
      ? []
      : [
          {
            heading: 'Other architectures that the selector names',
            table: { columns: ['limit', 'genotype'], rows: others },
          },
        ]),
  ];
}

/** As its repository prints it, or as JSON what that notation cannot say (layers, cells without edges). */
function genotypeText(genotype: Genotype): string {
  try {
    return formatGenotype(genotype);
  } catch (error) {
    if (error instanceof ArgumentError) return JSON.stringify(genotype);
    throw error;
  }
}

/** Losses and accuracies, first of the search, then of the architecture alone. */
function trainingSections(
  metrics: readonly Record<string, unknown>[],
  { epochs }: SearchResult,
): ReportSection[] {
  const curve = (name: string, value: (epoch: SearchEpoch) => number | null): Series => ({
    name,
    points: epochs.map((epoch, index) => ({ x: index + 1, y: value(epoch) })),
  });
  const retraining = metrics.flatMap(({ stage, step, epoch, clean }) =>
    stage === 'retrain' && typeof epoch === 'number' && typeof clean === 'number'
      ? [{ x: Number(step), y: 100 * clean }]
      : [],
  );
  return [
    ...(epochs.length === 0
      ? []
      : [
          {
            heading: 'Losses of the search',
            text: 'Means over each epoch: of the weights’ batches, and of the architecture’s with what regularises it, where it moves on its own.',
            plot: lineChart({
              x: { title: 'epoch' },
              y: { title: 'loss', unit: 'nats' },
              series: [
                curve('weights', ({ trainLoss }) => trainLoss),
                ...(epochs.some(({ searchLoss }) => searchLoss !== null)
                  ? [curve('architecture', ({ searchLoss }) => searchLoss)]
                  : []),
              ],
            }),
          },
          {
            heading: 'Accuracy of the search network',
            text: 'Of the whole mixture, on validation images. It says little of the architecture that is chosen from it.',
            plot: lineChart({
              x: { title: 'epoch' },
              y: { title: 'validation accuracy', unit: '%', zero: true },
              series: [curve('search network', ({ accuracy }) => 100 * accuracy)],
            }),
          },
        ]),
    ...(retraining.length === 0
      ? []
      : [
          {
            heading: 'Accuracy of the architecture alone',
            text: 'While it is trained for itself, on validation images after each epoch.',
            plot: lineChart({
              x: { title: 'step' },
              y: { title: 'validation accuracy', unit: '%', zero: true },
              series: [{ name: 'architecture', points: retraining }],
            }),
          },
        ]),
  ];
}

function diagnosticSections({ epochs, groups }: SearchResult): ReportSection[] {
  const last = epochs.at(-1);
  if (last === undefined) return [];
  const records = epochs.map(
    ({ architecture, eigenvalue }, index): EpochDiagnostics => ({
      epoch: index + 1,
      statistics: architecture.statistics,
      eigenvalue: eigenvalue?.largest ?? null,
    }),
  );
  const weights = weightsByGroup(last.strengths);
  // Of cells that are all for themselves, a map each would be a book.
  const shown = groups.slice(0, MAPS);
  return [
    {
      heading: 'Operations of the architecture',
      text: 'What would be chosen after each epoch, counted over all cells that are searched.',
      plot: operationCountsPlot(records),
    },
    {
      heading: 'How decided it is',
      text: 'Entropy of the weights of an edge, as a share of the largest possible: 1 is undecided.',
      plot: entropyPlot(records),
    },
    {
      heading: 'Margins',
      text: 'The strongest weight less the second, of candidates that may be chosen. Where margins are smaller than what another seed changes, a choice is chance.',
      plot: marginPlot(records),
    },
    ...(records.every(({ eigenvalue }) => eigenvalue === null)
      ? []
      : [
          {
            heading: 'Sharpness in the architecture',
            text: 'The largest algebraic eigenvalue of the Hessian of the loss in the architecture’s parameters. Its growth foretells a loss of accuracy when one architecture is chosen (R-DARTS).',
            plot: eigenvaluePlot(records),
          },
        ]),
    ...shown.map((group) => ({
      heading: `Weights of ${group.name}`,
      text: 'After the last epoch; a row for each edge, named by the states that it joins.',
      plot: weightHeatMap(group, weights),
    })),
  ];
}

/** What the table says of the cell, and what the search network says of the table's cells. */
async function tableSections(
  { table: path }: SearchConfig,
  { table }: SearchResult,
): Promise<ReportSection[]> {
  if (path === null || table === null) return [];
  const { arch, found, ranking } = table;
  const entry: ReportSection = {
    heading: 'The cell in the table',
    text:
      found === null
        ? 'The table has no such cell: `lapidary search table --resume --cells table.missing.json` trains it.'
        : 'Means over the seeds of the table. Regret is against the best cell of the table, the percentile among the cells that were drawn at random, both on test images.',
    table: {
      columns: ['cell', 'seeds', 'validation (%)', 'test (%)', 'regret (%)', 'percentile'],
      rows: [
        [
          arch,
          found?.seeds,
          percent(found?.valid ?? null),
          percent(found?.test ?? null),
          percent(found?.regret ?? null),
          found?.percentile,
        ],
      ],
    },
  };
  if (ranking === null) return [entry];
  const cells = cellMeans(await readOwnTable(path));
  return [
    entry,
    {
      heading: 'The table’s cells under shared weights',
      text: `Each cell of the table alone with the weights of the search network, on the images of the architecture, against what it comes to alone. Kendall’s tau: ${ranking.tau?.toFixed(3) ?? 'not defined, as all are equal'}.`,
      plot: scatterPlot({
        x: { title: 'under shared weights', unit: '%' },
        y: { title: 'validation accuracy alone', unit: '%' },
        points: cells.flatMap(({ arch, valid }) => {
          const shared = ranking.accuracies[arch];
          return shared === undefined ? [] : [{ x: 100 * shared, y: 100 * valid }];
        }),
      }),
    },
  ];
}

const MAPS = 4;

function percent(share: number | null): number | null {
  return share === null ? null : Number((100 * share).toFixed(2));
}
