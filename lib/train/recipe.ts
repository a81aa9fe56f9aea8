/** How to train, as a configuration says it. */

import { z } from 'zod';

import { augmentationSchema } from '../data/augmentation.js';
import type { ImageSet } from '../data/image-set.js';
import { Loader } from '../data/loader.js';
import { ArgumentError } from '../errors.js';
import { isTapped, WithAuxiliaryHead } from '../nn/auxiliary-head.js';
import { type DropPathModel, hasDropPaths } from '../nn/drop-path.js';
import type { SpecModel } from '../nn/models/index.js';
import type { Module } from '../nn/module.js';
import type { WeightMasks } from '../nn/weight-masks.js';
import { Adam, AdamW } from '../optim/adam.js';
import { WeightAverage } from '../optim/ema.js';
import type { Optimizer } from '../optim/optimizer.js';
import { cosineSchedule, oneCycleSchedule, type Schedule, stepSchedule } from '../optim/schedules.js';
import { SGD } from '../optim/sgd.js';
import { createObjective, objectiveSchema } from './objectives/registry.js';
import { Trainer, type TrainerOptions } from './trainer.js';

/** Times within a schedule are in epochs and may be fractions of one. */
const scheduleSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant') }),
  z.strictObject({
    kind: z.literal('step'),
    /** Epochs at which the rate is multiplied by `factor`. */
    milestones: z.array(z.number().min(0)),
    factor: z.number().min(0).default(0.1),
  }),
  z.strictObject({ kind: z.literal('cosine'), warmup: z.number().min(0).default(0) }),
  z.strictObject({ kind: z.literal('one-cycle'), warmup: z.number().min(0).optional() }),
]);

/** What all optimisers share; see `OptimizerOptions`. */
const steps = {
  /** Whether biases and batch normalisations decay too. */
  decayVectors: z.boolean().default(true),
  /** Parameters whose rate or decay is another. */
  groups: z
    .array(
      z.strictObject({
        /** Names of parameters, in which `*` stands for any text. */
        match: z.union([z.string(), z.array(z.string()).min(1)]),
        /** Relative to the rate of the schedule. */
        rateFactor: z.number().min(0).default(1),
        /** Default: as the other parameters. */
        decay: z.number().min(0).optional(),
      }),
    )
    .default([]),
};

const optimizerSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('sgd').default('sgd'),
    /** Highest learning rate. */
    rate: z.number().min(0).default(0.1),
    momentum: z.number().min(0).lt(1).default(0.9),
    nesterov: z.boolean().default(true),
    /** Weight decay (L2). */
    decay: z.number().min(0).default(5e-4),
    ...steps,
  }),
  z.strictObject({
    /** `adamw` decays the weights themselves, apart from the gradient. */
    kind: z.enum(['adam', 'adamw']),
    /** Highest learning rate. */
    rate: z.number().min(0).default(1e-3),
    betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.999]),
    epsilon: z.number().min(0).default(1e-8),
    /** Weight decay. */
    decay: z.number().min(0).default(0.01),
    ...steps,
  }),
]);

/** A recipe: objective, length, optimiser, schedule, augmentation. */
export const recipeSchema = z.strictObject({
  objective: objectiveSchema,
  epochs: z.int().min(1),
  /** Images a step. */
  batch: z.int().min(1).default(128),
  optimizer: optimizerSchema.prefault({}),
  schedule: scheduleSchema.prefault({ kind: 'cosine' }),
  augmentation: augmentationSchema.prefault({}),
  /** Gradients are scaled down to this 2-norm. */
  clipNorm: z.number().positive().optional(),
  /** An exponential moving average of the weights, which is what is validated and what training ends with. */
  ema: z
    .strictObject({
      /** How much of the average stays at each step. */
      decay: z.number().min(0).lt(1).default(0.999),
      /** Let the decay rise from 2/11 with the number of steps. */
      warmup: z.boolean().default(true),
    })
    .optional(),
  /** A second classifier on the middle of the network, trained beside it and left away afterwards. Default: none. */
  auxiliary: z
    .strictObject({
      /** Of its loss. */
      weight: z.number().min(0).default(0.4),
    })
    .optional(),
  /** Whole branches of the network are left out, image by image. Default: never. */
  dropPath: z
    .strictObject({
      /** What their probability would come to after the last epoch: it is rate * epoch / epochs, epochs counted from 0, as in DARTS. */
      rate: z.number().min(0).lt(1).default(0.2),
    })
    .optional(),
});

export type Recipe = z.infer<typeof recipeSchema>;

/** The learning rate by step. */
export function createSchedule(recipe: Recipe, stepsPerEpoch: number): Schedule {
  const { rate } = recipe.optimizer;
  const { schedule } = recipe;
  const steps = recipe.epochs * stepsPerEpoch;
  const inSteps = (epochs: number) => Math.min(Math.round(epochs * stepsPerEpoch), steps - 1);
  switch (schedule.kind) {
    case 'constant':
      return () => rate;
    case 'step': {
      const milestones = schedule.milestones.map((epoch) => Math.round(epoch * stepsPerEpoch));
      return stepSchedule({ rate, milestones, factor: schedule.factor });
    }
    case 'cosine':
      return cosineSchedule({ rate, steps, warmup: inSteps(schedule.warmup) });
    case 'one-cycle':
      return oneCycleSchedule({
        rate,
        steps,
        ...(schedule.warmup === undefined ? {} : { warmup: inSteps(schedule.warmup) }),
      });
  }
}

/** The optimiser that a recipe names, over all parameters of the model. The caller disposes it. @throws ArgumentError */
export function createOptimizer(
  { optimizer }: Pick<Recipe, 'optimizer'>,
  model: Module,
  masks?: WeightMasks,
): Optimizer {
  const groups = optimizer.groups.map(({ decay, ...group }) => ({
    ...group,
    ...(decay === undefined ? {} : { decay }),
  }));
  const options = { ...optimizer, groups, ...(masks === undefined ? {} : { masks: masks.tensors }) };
  switch (options.kind) {
    case 'sgd':
      return new SGD(model.namedParameters(), options);
    case 'adam':
      return new Adam(model.namedParameters(), options);
    case 'adamw':
      return new AdamW(model.namedParameters(), options);
  }
}

/** A trainer and what it holds: dispose it when training is done. */
export interface PreparedTraining extends Disposable {
  readonly trainer: Trainer;
  readonly batches: Loader;
}

/**
 * Puts a recipe, a model and images together. The order of images is random, and the last batch of an epoch is left out
 * when it is smaller.
 *
 * @param indices the images of `set` to train on
 * @param seed of order, augmentation and attacks
 * @throws ArgumentError when the recipe does not fit the images; as `createObjective`
 */
export async function prepareTraining(
  recipe: Recipe,
  model: SpecModel,
  set: ImageSet,
  indices: Int32Array,
  seed: number,
  hooks: Omit<
    TrainerOptions,
    | 'model'
    | 'optimizer'
    | 'average'
    | 'schedule'
    | 'objective'
    | 'batches'
    | 'epochs'
    | 'onEpoch'
    | 'clipNorm'
  >,
): Promise<PreparedTraining> {
  const { batch, augmentation, clipNorm, epochs, ema, auxiliary, dropPath } = recipe;
  const options = { batch, indices, shuffle: true, dropLast: true, augmentation, seed };
  const batches = new Loader(set, options);
  const dropping = dropPath === undefined ? undefined : requireDropPaths(model);
  const head = auxiliary === undefined ? undefined : attachHead(recipe, model, hooks.masks, seed);
  const trained = head ?? model;
  const objective = await createObjective(recipe.objective, seed, {
    ...(auxiliary === undefined ? {} : { auxiliaryWeight: auxiliary.weight }),
  });
  const schedule = createSchedule(recipe, batches.steps);
  const optimizer = createOptimizer(recipe, trained, hooks.masks);
  const average = ema === undefined ? undefined : new WeightAverage(model, ema);
  const trainer = new Trainer({
    ...hooks,
    model: trained,
    optimizer,
    schedule,
    objective,
    batches,
    epochs,
    ...(dropping === undefined
      ? {}
      : {
          onEpoch: (epoch: number) => {
            dropping.dropPathRate = (dropPath!.rate * epoch) / epochs;
          },
        }),
    ...(clipNorm === undefined ? {} : { clipNorm }),
    ...(average === undefined ? {} : { average }),
  });
  return {
    trainer,
    batches,
    [Symbol.dispose]: () => {
      optimizer.dispose();
      average?.dispose();
      objective.dispose?.();
      head?.auxiliary_head.dispose();
    },
  };
}

/** Seeds of heads lie apart from those of networks by this. */
const HEAD_SEED = 2 ** 40;

/** The network with a head to be trained beside it. @throws ArgumentError when recipe or network do not allow one */
function attachHead(
  { objective }: Recipe,
  model: SpecModel,
  masks: WeightMasks | undefined,
  seed: number,
): WithAuxiliaryHead {
  if (objective.kind !== 'standard' || masks !== undefined) {
    throw new ArgumentError(
      `Expected the objective 'standard' and no masks for training with an auxiliary head, got '${objective.kind}'${masks === undefined ? '' : ' with masks'}; leave 'auxiliary' out.`,
    );
  }
  if (!isTapped(model)) {
    throw new ArgumentError(
      `Expected a network that gives an inner map (the ResNets and the networks of DARTS' cells do) for an auxiliary head, got ${model.spec.model}; leave 'auxiliary' out.`,
    );
  }
  return new WithAuxiliaryHead(model, { classes: model.spec.classes, seed: seed + HEAD_SEED });
}

/** @throws ArgumentError when the network has no branches to leave out */
function requireDropPaths(model: SpecModel): DropPathModel {
  if (hasDropPaths(model)) return model;
  throw new ArgumentError(
    `Expected a network with branches to leave out (those of DARTS' cells have them) for drop-path, got ${model.spec.model}; leave 'dropPath' out.`,
  );
}
