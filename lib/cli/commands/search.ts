/** `lapidary search`: differentiable search of an architecture, its selection, and its own training. */

import type { Command } from 'commander';

import { formatTable, type Table } from '../../report/table.js';
import { type SearchConfig, searchDefaults, searchSchema } from '../../search/config.js';
import { runSearch } from '../../search/run-search.js';
import type { SearchResult } from '../../search/search-result.js';
import { addSharedOptions, type CommandResult, runCommand } from '../command.js';
import { type RunSetup, setUpRun } from './run-setup.js';
import { addLatencyCommand } from './search-latency.js';

export function addSearchCommand(program: Command): void {
  const command = program
    .command('search')
    .description(
      'differentiable architecture search: a method (--set method=pc-darts) in a space (--set space.name=darts)',
    );
  addLatencyCommand(command);
  addSharedOptions(command).action(
    runCommand(async (options) => {
      const setup = await setUpRun('search', searchSchema, options, searchDefaults);
      return runAndReport(setup, setup.config, options.json);
    }),
  );
}

/** Runs the search and prints what it found unless a program reads the output. */
export async function runAndReport(
  { run, progress, signal }: Omit<RunSetup<unknown>, 'config'>,
  config: SearchConfig,
  json: boolean,
): Promise<CommandResult> {
  const { result, cost } = await runSearch(config, { run, progress, signal });
  progress.finish();
  if (!json) process.stdout.write(`\n${formatTable(searchTable(result))}\n`);
  const { epochs: _, ...brief } = result;
  return { ...brief, cost, out: run.path };
}

function searchTable({ method, parameters, macs, supernetAccuracy, test }: SearchResult): Table {
  return {
    columns: ['method', 'supernet (%)', 'parameters', 'MACs (M)', 'test (%)'],
    rows: [[method, 100 * supernetAccuracy, parameters, macs / 1e6, test === null ? null : 100 * test]],
  };
}
