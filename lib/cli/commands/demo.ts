/** `lapidary demo`: the workflows one after the other, small, on data that the package draws. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { Command } from 'commander';
import { z } from 'zod';

import { mergeConfigs, resolveConfig } from '../../config.js';
import { RunFolder } from '../../io/run-folder.js';
import { readResultIfThere } from '../../io/run-result.js';
import { addSharedOptions, type CommandResult, runCommand, type SharedOptions } from '../command.js';
import { DEMO_STAGES, type ErasedStage } from './demo-stages.js';
import { setUpRun } from './run-setup.js';

const DEFAULT_OUT = 'lapidary-demo';

/** How large the demonstration is, and keys of each stage's configuration that differ. */
export const demoSchema = z.strictObject({
  size: z.enum(['normal', 'tiny']).default('normal'),
  ...Object.fromEntries(DEMO_STAGES.map(({ name }) => [name, z.record(z.string(), z.unknown()).default({})])),
});

type DemoConfig = z.infer<typeof demoSchema> & Readonly<Record<string, unknown>>;

/** The first of lapidary-demo, lapidary-demo-2, ... that is not there yet: a second demonstration keeps the first. */
function freeFolder(): string {
  let name = DEFAULT_OUT;
  for (let n = 2; existsSync(name); n++) name = `${DEFAULT_OUT}-${n}`;
  return name;
}

export function addDemoCommand(program: Command): void {
  const command = program
    .command('demo')
    .description(
      'every workflow in a few minutes, on pictures that lapidary draws itself (--data for others, --set size=tiny)',
    );
  addSharedOptions(command).action(
    runCommand(async (options) => {
      const out = options.out ?? (options.resume ? DEFAULT_OUT : freeFolder());
      const given = await resolveConfig(demoSchema, { file: options.config, sets: options.set });
      const folder = await RunFolder.open(out, given, { resume: options.resume });
      const config: DemoConfig = folder.resumed
        ? await resolveConfig(demoSchema, { defaults: await folder.readConfig() })
        : given;
      const stages: Record<string, CommandResult> = {};
      for (const stage of DEMO_STAGES) {
        stages[stage.name] = await runStage(stage, config, { ...options, out: join(out, stage.name) });
      }
      return { out, stages };
    }),
  );
}

/** Runs a stage, or tells its result where it has one already. */
async function runStage(
  stage: ErasedStage,
  config: DemoConfig,
  options: SharedOptions & { out: string },
): Promise<CommandResult> {
  const done = options.resume ? await readResultIfThere(options.out) : undefined;
  if (done !== undefined) return { out: options.out, measures: done.measures };
  if (!options.quiet) process.stderr.write(`${stage.name}: ${stage.title}\n`);
  const defaults = mergeConfigs(stage.preset(config.size), config[stage.name] ?? {});
  // What was said is in the defaults by now.
  const rest = { ...options, set: [] };
  delete rest.config;
  return stage.runWith((schema) => setUpRun('demo', schema, rest, defaults), options.json);
}
