/** `lapidary demo`: the main job, small, on data that the package draws. */

import { existsSync } from 'node:fs';

import type { Command } from 'commander';
import { z } from 'zod';

import { pruneSchema } from '../../prune/config.js';
import { addSharedOptions, runCommand } from '../command.js';
import { runAndReport } from './prune.js';
import { commandConfig, setUpRun } from './run-setup.js';

const DEFAULT_OUT = 'lapidary-demo';

const sizeSchema = z.strictObject({ size: z.enum(['normal', 'tiny']).default('normal') });

/** The configuration of `prune`, and how large the demonstration is. */
export const demoSchema = pruneSchema.extend({ demo: sizeSchema.prefault({}) });

const EPSILON = 4 / 255;

function preset(size: 'normal' | 'tiny'): unknown {
  const tiny = size === 'tiny';
  const recipe = { batch: tiny ? 32 : 128, augmentation: { pad: 2, flip: true } };
  return {
    demo: { size },
    model: 'resnet8',
    data: tiny ? { train: 128, validation: 64, test: 64 } : { train: 5888, validation: 256, test: 600 },
    dense: {
      ...recipe,
      objective: { kind: 'fast', epsilon: EPSILON },
      epochs: tiny ? 1 : 8,
      optimizer: { rate: 0.15 },
      schedule: { kind: 'one-cycle' },
    },
    sensitivity: { images: tiny ? 32 : 256, epsilon: EPSILON, steps: tiny ? 2 : 10 },
    prune: { measure: 'macs', budget: 0.5 },
    finetune: {
      ...recipe,
      objective: { kind: 'trades', epsilon: EPSILON, beta: 3, steps: tiny ? 1 : 3 },
      epochs: tiny ? 1 : 2,
      optimizer: { rate: 0.05 },
      schedule: { kind: 'cosine' },
    },
    evaluation: {
      epsilon: EPSILON,
      steps: tiny ? 2 : 20,
      validationSteps: tiny ? 2 : 10,
      latencyRounds: tiny ? 3 : 15,
    },
  };
}

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
      'the whole job in under two minutes, on pictures that lapidary draws itself (--data for others, --set demo.size=tiny)',
    );
  addSharedOptions(command).action(
    runCommand(async (given) => {
      const options = { ...given, out: given.out ?? (given.resume ? DEFAULT_OUT : freeFolder()) };
      // The size decides the other defaults, so it is looked up first.
      const { demo } = await commandConfig(demoSchema, options, preset('normal'));
      const setup = await setUpRun('demo', demoSchema, options, preset(demo.size));
      const { demo: _, ...config } = setup.config;
      return runAndReport(setup, config, options.json);
    }),
  );
}
