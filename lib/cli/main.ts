#!/usr/bin/env node
/** The `lapidary` command. */

import { readFileSync } from 'node:fs';

import { Command } from 'commander';

import { EXIT_CODES, runProgram } from './command.js';
import { addDoctorCommand } from './commands/doctor.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const program = new Command('lapidary')
  .description('A native compute engine for Node.js and its research workflows on vision networks.')
  .version(version);
const argv = process.argv.slice(2);

/** All commands but `doctor` need the addon; without it they are not there, and doctor says why. */
async function addWorkflowCommands(): Promise<void> {
  const [demo, train, attack, prune, convert, exports] = await Promise.all([
    import('./commands/demo.js'),
    import('./commands/train.js'),
    import('./commands/attack.js'),
    import('./commands/prune.js'),
    import('./commands/convert.js'),
    import('./commands/export.js'),
  ]);
  demo.addDemoCommand(program);
  addDoctorCommand(program);
  train.addTrainCommand(program);
  attack.addAttackCommand(program);
  prune.addPruneCommand(program);
  convert.addConvertCommand(program);
  exports.addExportCommand(program);
}

try {
  if (argv[0] === 'doctor') addDoctorCommand(program);
  else await addWorkflowCommands();
  await runProgram(program, argv);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = EXIT_CODES.failed;
}
