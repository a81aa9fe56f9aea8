#!/usr/bin/env node
/** The `lapidary` command. */

import { readFileSync } from 'node:fs';

import { Command } from 'commander';

import { EXIT_CODES, runProgram } from './command.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const program = new Command('lapidary')
  .description('A native compute engine for Node.js and its research workflows on vision networks.')
  .version(version);
const argv = process.argv.slice(2);

/** Every command by its name. All but `doctor` need the addon, so a module is loaded when its command is called. */
const commands: Record<string, () => Promise<(program: Command) => void>> = {
  demo: async () => (await import('./commands/demo.js')).addDemoCommand,
  doctor: async () => (await import('./commands/doctor.js')).addDoctorCommand,
  bench: async () => (await import('./commands/bench.js')).addBenchCommand,
  train: async () => (await import('./commands/train.js')).addTrainCommand,
  attack: async () => (await import('./commands/attack.js')).addAttackCommand,
  prune: async () => (await import('./commands/prune.js')).addPruneCommand,
  search: async () => (await import('./commands/search.js')).addSearchCommand,
  study: async () => (await import('./commands/study.js')).addStudyCommand,
  data: async () => (await import('./commands/data.js')).addDataCommand,
  report: async () => (await import('./commands/report.js')).addReportCommand,
  convert: async () => (await import('./commands/convert.js')).addConvertCommand,
  export: async () => (await import('./commands/export.js')).addExportCommand,
};

try {
  const [first = ''] = argv;
  for (const name of Object.hasOwn(commands, first) ? [first] : Object.keys(commands)) {
    const add = await commands[name]!();
    add(program);
  }
  await runProgram(program, argv);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = EXIT_CODES.failed;
}
