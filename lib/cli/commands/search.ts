/** `lapidary search`: differentiable search of an architecture, its selection, and its own training. */

import type { Command } from 'commander';

import { formatTable } from '../../report/table.js';
import { type SearchConfig, searchDefaults, searchSchema } from '../../search/config.js';
import { runSearch } from '../../search/run-search.js';
import { addSharedOptions, type CommandResult, runCommand } from '../command.js';
import { type RunSetup, setUpRun } from './run-setup.js';
import { addCompareCommand } from './search-compare.js';
import { addLatencyCommand } from './search-latency.js';
import { searchTable, writeSearchReport } from './search-report.js';
import { addTableCommand } from './search-table.js';

export function addSearchCommand(program: Command): void {
  const command = program
    .command('search')
    .description(
      'differentiable architecture search: a method (--set method=pc-darts) in a space (--set space.name=darts)',
    );
  addLatencyCommand(command);
  addTableCommand(command);
  addCompareCommand(command);
  addSharedOptions(command).action(
    runCommand(async (options) => {
      const setup = await setUpRun('search', searchSchema, options, searchDefaults);
      return runAndReport(setup, setup.config, options.json);
    }),
  );
}

/** Runs the search, writes `report.html`, and prints what it found unless a program reads the output. */
export async function runAndReport(
  { run, progress, signal }: Omit<RunSetup<unknown>, 'config'>,
  config: SearchConfig,
  json: boolean,
): Promise<CommandResult> {
  const { result, cost } = await runSearch(config, { run, progress, signal });
  progress.finish();
  await writeSearchReport(run, config, result, cost);
  if (!json) {
    const table = formatTable(searchTable(result, cost));
    process.stdout.write(`\n${table}\n\n${result.collapse.sentence}\nThe report is ${run.reportPath}\n`);
  }
  const { epochs: _, groups: __, ...brief } = result;
  return { ...brief, cost, out: run.path, report: run.reportPath };
}
