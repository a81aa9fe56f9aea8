/** The stages of `lapidary demo`: a workflow each, small, on pictures that the package draws. A new one is an entry here. */

import type { z } from 'zod';

import { pruneSchema } from '../../prune/config.js';
import { searchDefaults, searchSchema } from '../../search/config.js';
import type { CommandResult } from '../command.js';
import { runAndReport as pruneAndReport } from './prune.js';
import type { RunSetup } from './run-setup.js';
import { runAndReport as searchAndReport } from './search.js';

export type DemoSize = 'normal' | 'tiny';

/** A workflow in the demonstration. `C` is its configuration. */
interface DemoStage<C> {
  /** Of its run folder within the demonstration's. */
  readonly name: string;
  /** What happens, for the progress. */
  readonly title: string;
  readonly schema: z.ZodType<C>;
  /** What its configuration is when nothing else is said. */
  readonly preset: (size: DemoSize) => unknown;
  /** Runs it, writes its report, and prints its table unless a program reads the output. */
  readonly run: (setup: RunSetup<C>, json: boolean) => Promise<CommandResult>;
}

const prune: DemoStage<z.infer<typeof pruneSchema>> = {
  name: 'prune',
  title: 'adversarial training, pruning by sensitivity, fine-tuning',
  schema: pruneSchema,
  preset: prunePreset,
  run: (setup, json) => pruneAndReport(setup, setup.config, json),
};

const search: DemoStage<z.infer<typeof searchSchema>> = {
  name: 'search',
  title: 'search of a cell (beta-DARTS), and its own training',
  schema: searchSchema,
  preset: searchPreset,
  run: (setup, json) => searchAndReport(setup, setup.config, json),
};

/** In their order. */
export const DEMO_STAGES = [erased(prune), erased(search)] as const;

export type ErasedStage = ReturnType<typeof erased>;

/** A stage for whoever does not know its configuration. */
function erased<C extends { readonly seed: number }>({ name, title, schema, preset, run }: DemoStage<C>) {
  return {
    name,
    title,
    preset,
    /** Sets its run up by `setUp`, and runs it. */
    runWith: async (
      setUp: <T extends { readonly seed: number }>(schema: z.ZodType<T>) => Promise<RunSetup<T>>,
      json: boolean,
    ) => run(await setUp(schema), json),
  };
}

const EPSILON = 4 / 255;

function prunePreset(size: DemoSize): unknown {
  const tiny = size === 'tiny';
  const recipe = { batch: tiny ? 32 : 128, augmentation: { pad: 2, flip: true } };
  return {
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

function searchPreset(size: DemoSize): unknown {
  const tiny = size === 'tiny';
  const method = 'beta-darts';
  return {
    ...(searchDefaults({ method }) as object),
    method,
    data: {
      source: 'shapes10?size=16',
      ...(tiny ? { train: 64, validation: 32, test: 32 } : { train: 2560, validation: 256, test: 600 }),
    },
    space: { name: 'nas-bench-201', channels: tiny ? 4 : 8, cells: 1 },
    epochs: tiny ? 1 : 16,
    batch: tiny ? 16 : 64,
    // A short search: the architecture has to decide in a twentieth of the usual steps.
    architecture: { rate: 0.02 },
    augmentation: { pad: 2, flip: true },
    retrain: {
      train: {
        objective: { kind: 'standard' },
        epochs: tiny ? 1 : 10,
        batch: tiny ? 16 : 64,
        optimizer: { rate: 0.1, decay: 5e-4 },
        schedule: { kind: 'cosine' },
        augmentation: { pad: 2, flip: true },
      },
    },
  };
}
