/** `lapidary prune`: trains a network adversarially, prunes it by sensitivity, fine-tunes it, and reports. */

import type { Command } from 'commander';

import { PRUNE_DEFAULTS, type PruneConfig, pruneSchema } from '../../prune/config.js';
import { runPruning } from '../../prune/pipeline.js';
import { formatTable } from '../../report/table.js';
import { addSharedOptions, type CommandResult, runCommand } from '../command.js';
import { networkTable, writePruneReport } from './prune-report.js';
import { type RunSetup, setUpRun } from './run-setup.js';

export function addPruneCommand(program: Command): void {
  const command = program
    .command('prune')
    .description(
      'adversarial training, Module Robustness Sensitivity, channel pruning, TRADES fine-tuning, report',
    );
  addSharedOptions(command).action(
    runCommand(async (options) => {
      const setup = await setUpRun('prune', pruneSchema, options, PRUNE_DEFAULTS);
      return runAndReport(setup, setup.config, options.json);
    }),
  );
}

/** Runs the workflow, writes `report.html`, and prints the table unless a program reads the output. */
export async function runAndReport(
  { run, progress, signal }: Omit<RunSetup<unknown>, 'config'>,
  config: PruneConfig,
  json: boolean,
): Promise<CommandResult> {
  const result = await runPruning(config, { run, progress, signal });
  progress.finish();
  await writePruneReport(run, config, result);
  if (!json) {
    const table = formatTable(networkTable(result, config));
    process.stdout.write(`\n${table}\n\nThe report is ${run.reportPath}\n`);
  }
  return { ...result, out: run.path, report: run.reportPath };
}
