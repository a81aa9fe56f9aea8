/** `lapidary search table`: trains cells of NAS-Bench-201 into a table that searches are compared by. */

import { readFile } from 'node:fs/promises';

import type { Command } from 'commander';
import { z } from 'zod';

import { device } from '../../device.js';
import { ConfigError, FileSystemError } from '../../errors.js';
import { scatterPlot } from '../../report/plots.js';
import { writeReport } from '../../report/report.js';
import { formatTable, type Table } from '../../report/table.js';
import { bestCell, cellMeans, type OwnTable, seedDeviation } from '../../search/tables/own-table.js';
import {
  cellListSchema,
  runTable,
  TABLE_DEFAULTS,
  type TableConfig,
  tableNetwork,
  tableSchema,
  tableTrials,
} from '../../search/tables/train-table.js';
import { PlanClock, stageOf } from '../../study/plan-clock.js';
import type { StageCost } from '../../study/workflow.js';
import { openTrainingData } from '../../train/data-recipe.js';
import { addSharedOptions, type CommandResult, runCommand, type SharedOptions } from '../command.js';
import { commandConfig, type RunSetup, setUpDevice, setUpRun } from './run-setup.js';

interface TableOptions extends SharedOptions {
  plan?: boolean;
  cells?: string[];
}

export function addTableCommand(search: Command): void {
  const command = search
    .command('table')
    .description(
      'trains cells of NAS-Bench-201, one after the other by one recipe, into table.json for search --set table=...',
    )
    .option('--plan', 'time a few steps of some cells and print how long all take; train nothing')
    .option(
      '--cells <file...>',
      'train these, too: lists of cells as JSON, such as the table.missing.json of a search (with --resume)',
    );
  addSharedOptions(command).action(
    runCommand<TableOptions>(async (options) => {
      const more = (await Promise.all((options.cells ?? []).map(readCells))).flat();
      if (options.plan === true) return plan(options, more);
      const setup = await setUpRun('search-table', tableSchema, options, TABLE_DEFAULTS);
      return train(setup, more, options.json);
    }),
  );
}

async function train(
  { config, run, progress, signal }: RunSetup<TableConfig>,
  more: readonly string[],
  json: boolean,
): Promise<CommandResult> {
  const table = await runTable(config, { run, more, progress, signal });
  progress.finish();
  await writeTableReport(run.reportPath, config, table);
  if (!json) {
    process.stdout.write(`\n${formatTable(summary(table))}\n\nThe report is ${run.reportPath}\n`);
  }
  const path = `${run.path}/table.json`;
  return { table: path, rows: table.rows.length, out: run.path, report: run.reportPath };
}

/** Cells whose steps are timed, evenly out of all: they cost very different times. */
const TIMED_CELLS = 5;

async function plan(options: TableOptions, more: readonly string[]): Promise<CommandResult> {
  const config = await commandConfig(tableSchema, options, TABLE_DEFAULTS);
  setUpDevice(options);
  const data = await openTrainingData(config.data, config.seed);
  try {
    const clock = new PlanClock();
    const trials = tableTrials(config, more);
    const every = Math.max(1, Math.floor(trials.length / TIMED_CELLS));
    const timed = trials.filter((_, place) => place % every === 0).slice(0, TIMED_CELLS);
    const steps = config.train.epochs * Math.floor(data.train.length / config.train.batch);
    const costs: StageCost[] = [];
    for (const trial of timed) {
      using model = tableNetwork(trial, config, data);
      costs.push(stageOf('train', steps, await clock.trainingStep(config.train, model, data, trial.seed)));
    }
    const mean = (key: 'seconds' | 'low' | 'high') =>
      costs.reduce((sum, cost) => sum + cost[key], 0) / costs.length;
    const seconds = mean('seconds');
    const total = {
      trainings: trials.length,
      secondsEach: seconds,
      hours: (trials.length * seconds) / 3600,
      low: (trials.length * mean('low')) / 3600,
      high: (trials.length * mean('high')) / 3600,
    };
    if (!options.json) {
      const rows = [Object.values(total)];
      const columns = ['trainings', 'each (s)', 'all (h)', 'from', 'to'];
      process.stdout.write(
        `${formatTable({ columns, rows })}\n\nFrom 20 timed steps of ${timed.length} of the cells; validation and test are not in it.\n`,
      );
    }
    return total;
  } finally {
    data.dataset.dispose();
  }
}

/** @throws ConfigError when a file is no list of cells */
async function readCells(file: string): Promise<string[]> {
  const text = await FileSystemError.during('read', file, () => readFile(file, 'utf8'));
  const parsed = cellListSchema.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    `Expected a JSON list of cells of NAS-Bench-201 in ${file}:\n${z.prettifyError(parsed.error)}`,
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function summary(table: OwnTable): Table {
  const best = bestCell(table, 'test');
  const deviation = seedDeviation(table, 'test');
  return {
    columns: ['cells', 'trainings', 'best test (%)', 'deviation over seeds (%)', 'best cell'],
    rows: [
      [
        cellMeans(table).length,
        table.rows.length,
        100 * best.test,
        deviation === null ? null : 100 * deviation,
        best.arch,
      ],
    ],
  };
}

async function writeTableReport(path: string, config: TableConfig, table: OwnTable): Promise<void> {
  const means = cellMeans(table);
  const percent = (share: number) => Number((100 * share).toFixed(2));
  const { kind, description, isa, build, threads } = device();
  await writeReport(path, {
    title: 'A table of cells',
    subtitle: `NAS-Bench-201 with ${config.space.channels} channels and ${config.space.cells} cells a stage; ${config.train.epochs} epochs each`,
    sections: [
      {
        heading: 'Cells',
        text: 'Means over seeds, the best first by validation. The test images were read once for each training’s last network; nothing was chosen by them.',
        table: {
          columns: ['cell', 'seeds', 'validation (%)', 'test (%)', 'parameters', 'MACs (M)'],
          rows: means
            .toSorted((a, b) => b.valid - a.valid)
            .map((cell) => [
              cell.arch,
              cell.seeds.length,
              percent(cell.valid),
              percent(cell.test),
              cell.parameters,
              cell.macs / 1e6,
            ]),
        },
      },
      {
        heading: 'Validation and test',
        plot: scatterPlot({
          x: { title: 'validation accuracy', unit: '%' },
          y: { title: 'test accuracy', unit: '%' },
          points: means.map(({ valid, test }) => ({ x: 100 * valid, y: 100 * test })),
        }),
      },
    ],
    environment: { device: kind === 'cpu' ? kind : description, isa, threads, build, seed: config.seed },
  });
}
