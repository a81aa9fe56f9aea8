/** The configuration of a search. */

import { z } from 'zod';

import { mergeConfigs } from '../config.js';
import { augmentationSchema } from '../data/augmentation.js';
import { ConfigError } from '../errors.js';
import { dataSchema } from '../train/data-recipe.js';
import { recipeSchema } from '../train/recipe.js';
import { costObjectiveSchema } from './cost-objective.js';
import { methodPreset } from './methods/registry.js';
import { perturbationSchema } from './perturbations/registry.js';
import { regularizerSchema } from './regularizers/registry.js';
import { relaxationSchema } from './relaxations/registry.js';
import { scheduledValueSchema } from './scheduled-value.js';
import { selectorSchema } from './selectors/registry.js';
import { spaceSchema } from './spaces/registry.js';
import { stopperSchema } from './stoppers/registry.js';
import { updateSchema } from './updates/registry.js';

/** What may differ from stage to stage. */
const phaseFields = {
  space: spaceSchema.prefault({ name: 'darts' }),
  /** 0: the network is not trained, for a selector that does without. */
  epochs: z.int().min(0).default(50),
  /** Images a step, of the weights as of the architecture. */
  batch: z.int().min(1).default(64),
  /** SGD; its rate falls by half a cosine from epoch to epoch. */
  weights: z
    .strictObject({
      rate: z.number().positive().default(0.025),
      /** The rate that the cosine would come to after the last epoch. */
      final: z.number().min(0).default(0.001),
      /** A part of a longer cosine, of so many epochs in all, so many of them before this stage; null: one for each stage. */
      cosine: z
        .strictObject({ before: z.int().nonnegative().default(0), total: z.int().min(1) })
        .nullable()
        .default(null),
      momentum: z.number().min(0).lt(1).default(0.9),
      nesterov: z.boolean().default(false),
      decay: z.number().min(0).default(3e-4),
      /** Gradients are scaled down to this 2-norm; null: never. */
      clipNorm: z.number().positive().nullable().default(5),
    })
    .prefault({}),
  /** Adam, and how the architecture's parameters begin and when they move. */
  architecture: z
    .strictObject({
      rate: z.number().min(0).default(3e-4),
      betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.5, 0.999]),
      /** L2, in the gradient. */
      decay: z.number().min(0).default(1e-3),
      clipNorm: z.number().positive().nullable().default(null),
      init: z
        .strictObject({ mean: z.number().default(0), deviation: z.number().min(0).default(1e-3) })
        .prefault({}),
      /** The first epoch, from 0, in which it moves. */
      start: z.int().nonnegative().default(0),
      /** It moves at every so many steps of the weights. */
      every: z.int().min(1).default(1),
      /** Who moves first in a step. */
      order: z.enum(['architecture-first', 'weights-first']).default('architecture-first'),
    })
    .prefault({}),
  relaxation: relaxationSchema.prefault({ kind: 'softmax' }),
  /** A parameter for each edge, by a softmax over the edges into a node (PC-DARTS). */
  edgeWeights: z.boolean().default(false),
  /** Only the first 1 / portion of the channels goes through the candidates (PC-DARTS). */
  portion: z.int().min(1).default(1),
  /** The factor of an auxiliary skip connection beside the candidates of each edge (DARTS-); null: none. */
  auxiliarySkip: scheduledValueSchema.nullable().default(null),
  /** Of the mixtures of the weights' steps (SDARTS); null: none. */
  perturbation: perturbationSchema.nullable().default(null),
  /** Of skip connections: dropout of identities (P-DARTS), or noise on their inputs (NoisyDARTS); null: none. */
  skipDisturbance: z
    .strictObject({ kind: z.enum(['dropout', 'noise']), level: scheduledValueSchema })
    .nullable()
    .default(null),
  /** Images of the weights: their share of the split, or all training images, with an update on a single level (DOTS). */
  weightImages: z.enum(['split', 'all']).default('split'),
  update: updateSchema.prefault({ kind: 'first-order' }),
  regularizers: z.array(regularizerSchema).default([]),
  /** What the mixture costs, in the architecture's loss; null: nothing. Of spaces whose layers have costs of their own (layerwise). */
  cost: z
    .strictObject({
      /** `macs`: counted; else the path of a table that `lapidary search latency` made on this machine. */
      table: z.string().min(1).default('macs'),
      objective: costObjectiveSchema,
    })
    .nullable()
    .default(null),
};

const phaseSchema = z
  .strictObject({
    ...phaseFields,
    /** Candidates that each edge keeps when the stage is over, the strongest; null: all. */
    keep: z.int().min(1).nullable().default(null),
    /** The same of those without weights and of those with weights, each for themselves (DOTS); null: all. */
    keepPerGroup: z.int().min(1).nullable().default(null),
  })
  .refine(({ weightImages, update }) => weightImages === 'split' || update.kind === 'single-level', {
    path: ['weightImages'],
    error:
      "expected 'split' but with the update 'single-level': the architecture has no images of its own in 'all'",
  });

/** All that holds in one stage of a search. */
export type PhaseConfig = z.infer<typeof phaseSchema>;

export const searchSchema = z.strictObject({
  /** The preset that the other keys come from where they are not said; see `methods/`. */
  method: z.string().default('darts'),
  data: dataSchema.prefault({}),
  /** Of all random numbers. */
  seed: z.int().nonnegative().default(0),
  /** Share of the training images that the architecture learns from; the weights learn from the others. */
  split: z.number().gt(0).lt(1).default(0.5),
  augmentation: augmentationSchema.prefault({}),
  ...phaseFields,
  /** One after the other, each with keys that differ from those above; the network begins anew in each. Default: one stage. */
  stages: z.array(z.record(z.string(), z.unknown())).default([]),
  /** Ends a stage before its last epoch; null: nothing does. */
  stopper: stopperSchema.nullable().default(null),
  selector: selectorSchema.prefault({ kind: 'strongest' }),
  diagnostics: z
    .strictObject({
      /** Epochs between two measurements of the Hessian's largest eigenvalue; 0: none. */
      eigenvalueEvery: z.int().nonnegative().default(0),
      /** Images of that measurement: the first of the architecture's. */
      eigenvalueImages: z.int().min(1).default(64),
    })
    .prefault({}),
  /** A `table.json` of `lapidary search table`, that says what the found cell is worth; null: none. Of NAS-Bench-201 only. */
  table: z.string().nullable().default(null),
  /** Steps between two checkpoints, besides those after each epoch; 0: none. */
  checkpointEvery: z.int().min(0).default(0),
  /** Trains the architecture alone afterwards, and tests it on the test images; null: not. */
  retrain: z
    .strictObject({
      /** Keys of the space's configuration that differ, such as `channels` and `cells`. */
      space: z.record(z.string(), z.unknown()).default({}),
      train: recipeSchema,
    })
    .nullable()
    .default(null),
});

export type SearchConfig = z.infer<typeof searchSchema>;

/** The keys of a configuration that a method sets: the defaults of `resolveConfig`. @throws ConfigError for an unknown method */
export function searchDefaults(given: unknown): unknown {
  const method: unknown =
    typeof given === 'object' && given !== null ? Reflect.get(given, 'method') : undefined;
  if (method !== undefined && typeof method !== 'string') return {};
  return mergeConfigs({ space: { name: 'darts' } }, methodPreset(method ?? 'darts').config);
}

/** Whether a search trains a search network at all. */
export function trainsSupernet(config: SearchConfig): boolean {
  return phasesOf(config).some(({ epochs }) => epochs > 0);
}

/**
 * The stages of a search, each with all its keys.
 *
 * @throws ConfigError when a stage has a key that no stage can have, or a wrong value
 */
export function phasesOf(config: SearchConfig): PhaseConfig[] {
  const shared = Object.fromEntries(
    Object.keys(phaseFields).map((key) => [key, config[key as keyof typeof phaseFields]]),
  );
  const stages = config.stages.length === 0 ? [{}] : config.stages;
  return stages.map((stage, index) => {
    const result = phaseSchema.safeParse(mergeConfigs(shared, stage));
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    const path = ['stages', index, ...(issue?.path ?? [])].join('.');
    throw new ConfigError(`The configuration is wrong: ${path}: ${issue?.message}.`);
  });
}
