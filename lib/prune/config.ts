/** The configuration of the pruning workflow. */

import { z } from 'zod';

import { ConfigError } from '../errors.js';
import { modelNames } from '../nn/models/index.js';
import { dataSchema } from '../train/data-recipe.js';
import { recipeSchema } from '../train/recipe.js';
import { MAX_RATIO } from './budget-solver.js';
import { CRITERION_NAMES } from './criteria/registry.js';
import { GLOBAL, RATIO_MAP_NAMES } from './ratios/registry.js';

const choice = {
  /** What ranks the channels within a layer. Single weights are ranked by magnitude, whatever is said here. */
  criterion: z.enum(CRITERION_NAMES).default('l2'),
  /** What spreads the pruning over the layers; `global` compares single weights over all layers. */
  ratios: z.enum([...RATIO_MAP_NAMES, GLOBAL]).default('rank'),
};

const radius = z.number().min(0).max(1);

/** The recipes when nothing is said. A configuration that says a part of one is merged into it. */
export const PRUNE_DEFAULTS = {
  dense: { objective: { kind: 'fast' }, epochs: 15 },
  finetune: { objective: { kind: 'trades' }, epochs: 5, optimizer: { rate: 0.02 } },
} as const;

export const pruneSchema = z.strictObject({
  data: dataSchema.prefault({}),
  /** A model of the registry. */
  model: z.enum(modelNames).default('resnet8'),
  /** Of all random numbers. */
  seed: z.int().nonnegative().default(0),
  /** Training of the dense network. */
  dense: recipeSchema.prefault(PRUNE_DEFAULTS.dense),
  /** Module Robustness Sensitivity; see `moduleSensitivities`. */
  sensitivity: z
    .strictObject({
      /** Training images of the adversarial set. */
      images: z.int().min(1).default(512),
      /** Images a forward pass. */
      batch: z.int().min(1).default(128),
      /** Radius of the pixel ball. */
      epsilon: radius.default(8 / 255),
      /** Steps of the PGD that makes the set. */
      steps: z.int().min(1).default(10),
      /** Rising radii of the weight ball, relative to the norm of the weights. */
      epsilons: z.array(z.number().min(0)).min(1).default([0.02, 0.05, 0.1]),
      /** Ascent steps at each radius. */
      stepsPerEpsilon: z.int().min(1).default(2),
      /** Learning rate of the ascent. */
      rate: z.number().positive().default(1),
    })
    .prefault({}),
  prune: z
    .strictObject({
      /** `channels` makes a smaller network; `weights` sets single weights to 0 and keeps them there. */
      structure: z.enum(['channels', 'weights']).default('channels'),
      ...choice,
      /** What the budget counts; of single weights those that stay, or what they compute. */
      measure: z.enum(['macs', 'parameters']).default('macs'),
      /** The share of it that may remain. */
      budget: z.number().gt(0).max(1).default(0.5),
      /** Largest share of a layer's channels, or weights, that is removed. */
      maxRatio: z.number().gt(0).lt(1).default(MAX_RATIO),
    })
    .prefault({}),
  /** Other choices to prune and fine-tune by, for comparison. */
  compare: z.array(z.strictObject(choice)).default([]),
  /** Training of the pruned network. */
  finetune: recipeSchema.prefault(PRUNE_DEFAULTS.finetune),
  evaluation: z
    .strictObject({
      /** Radius of the pixel ball. */
      epsilon: radius.default(8 / 255),
      /** Steps of the PGD on test images. */
      steps: z.int().min(1).default(20),
      restarts: z.int().min(1).default(1),
      /** Steps of the PGD on validation images, after each epoch. */
      validationSteps: z.int().min(1).default(10),
      /** Timed rounds, in which the networks take turns. */
      latencyRounds: z.int().min(1).default(15),
    })
    .prefault({}),
});

export type PruneConfig = z.infer<typeof pruneSchema>;

/**
 * Refuses what no schema of single keys can: `global` magnitudes are a matter of single weights and of their number.
 *
 * @throws ConfigError
 */
export function requireConsistent({ prune, compare }: PruneConfig): void {
  if (![prune, ...compare].some(({ ratios }) => ratios === GLOBAL)) return;
  if (prune.structure === 'weights' && prune.measure === 'parameters') return;
  throw new ConfigError(
    `The ratios 'global' need prune.structure=weights and prune.measure=parameters, not ${prune.structure} and ${prune.measure}.`,
  );
}

/** A way to prune: the one asked for, and those it is compared with. */
export interface PruneVariant {
  /** As in `l2-rank`, or `magnitude-global`: criterion and ratio map. */
  readonly name: string;
  readonly criterion: PruneConfig['prune']['criterion'];
  readonly ratios: PruneConfig['prune']['ratios'];
}

/** The variants of a configuration, the one asked for first; one that comes twice counts once. */
export function variantsOf({ prune, compare }: PruneConfig): PruneVariant[] {
  const variants = [prune, ...compare].map(({ criterion, ratios }) => ({
    name: `${prune.structure === 'weights' ? 'magnitude' : criterion}-${ratios}`,
    criterion,
    ratios,
  }));
  return variants.filter(({ name }, i) => variants.findIndex((other) => other.name === name) === i);
}
