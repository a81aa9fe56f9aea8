/** `lapidary search latency`: times the candidates of a search space on the machine at hand. */

import type { Command } from 'commander';

import { ConfigError } from '../../errors.js';
import { formatTable } from '../../report/table.js';
import { searchDefaults, searchSchema } from '../../search/config.js';
import { measureLatencyTable, writeLatencyTable } from '../../search/latency-table.js';
import { spaceOf } from '../../search/spaces/registry.js';
import { openTrainingData } from '../../train/data-recipe.js';
import { addSharedOptions, runCommand } from '../command.js';
import { commandConfig, setUpDevice } from './run-setup.js';

export function addLatencyCommand(search: Command): void {
  const command = search
    .command('latency')
    .description('times every candidate of a layer-wise space here, for cost.table; --out names the table');
  addSharedOptions(command).action(
    runCommand(async (options) => {
      if (options.out === undefined) throw new ConfigError('Expected --out, the file of the table.');
      const config = await commandConfig(searchSchema, options, searchDefaults);
      setUpDevice(options);
      const { dataset, imageShape } = await openTrainingData(config.data, config.seed);
      const classes = dataset.classes.length;
      dataset.dispose();
      const table = await measureLatencyTable(spaceOf(config.space), config.space, { imageShape, classes });
      await writeLatencyTable(options.out, table);
      if (!options.json) {
        const rows = table.rows.map(({ layer, candidate, cost }) => [layer, candidate, cost]);
        process.stdout.write(`${formatTable({ columns: ['layer', 'candidate', 'time (us)'], rows })}\n`);
      }
      return { ...table, out: options.out };
    }),
  );
}
