/** `lapidary train`: trains a network and tests it. */

import type { Command } from 'commander';
import { formatTable } from '../../report/table.js';
import { runTraining, TRAIN_DEFAULTS, type TrainResult, trainSchema } from '../../train/training-run.js';
import { addSharedOptions, runCommand } from '../command.js';
import { setUpRun } from './run-setup.js';

export function addTrainCommand(program: Command): void {
  const command = program
    .command('train')
    .description('train a network (standard, fast adversarial or TRADES) and test it');
  addSharedOptions(command).action(
    runCommand(async (options) => {
      const { config, run, progress, signal } = await setUpRun('train', trainSchema, options, TRAIN_DEFAULTS);
      const result = await runTraining(config, { run, progress, signal });
      progress.finish();
      if (!options.json) process.stdout.write(`${accuracyTable(result)}\n\nThe model is ${result.model}\n`);
      return { ...result, out: run.path };
    }),
  );
}

function accuracyTable({ test }: TrainResult): string {
  const rows = [
    ['none', 100 * test.clean],
    ...Object.entries(test.underAttack).map(([name, share]) => [name, 100 * share]),
  ];
  return formatTable({ columns: ['attack', 'test accuracy (%)'], rows });
}
