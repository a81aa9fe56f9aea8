/** What the stages of several workflows have in common: data, recipes, validation. */

import type { AttackConfig } from '../../attack/registry.js';
import { parseDataSpec } from '../../data/data-spec.js';
import type { DataRecipe } from '../../train/data-recipe.js';
import type { Recipe } from '../../train/recipe.js';

/** For a smoke test. */
const SHRUNK = { train: 32, validation: 16, test: 16, batch: 16 } as const;
/** Test images of a data set of which all are taken: of the drawn one, and of CIFAR-10. */
const ALL_TEST = { shapes10: 4_000, cifar10: 10_000 } as const;
const VALIDATION_STEPS = 10;

/** The same data set, few images. */
export function shrinkData(data: DataRecipe): DataRecipe {
  return {
    ...data,
    train: Math.min(data.train ?? SHRUNK.train, SHRUNK.train),
    validation: Math.min(data.validation, SHRUNK.validation),
    test: Math.min(data.test ?? SHRUNK.test, SHRUNK.test),
  };
}

/** The same recipe, two steps. */
export function shrinkRecipe(recipe: Recipe): Recipe {
  return { ...recipe, epochs: 1, batch: Math.min(recipe.batch, SHRUNK.batch) };
}

/** How many test images a run will read. They stay unread for a plan. */
export function testImages({ source, test }: DataRecipe): number {
  return test ?? ALL_TEST[parseDataSpec(source).kind];
}

/** What a recipe's validation attacks with, after each epoch. */
export function validationAttacks({ objective }: Recipe, steps = VALIDATION_STEPS): AttackConfig[] {
  if (objective.kind === 'standard') return [];
  return validationAttacksAt(objective.epsilon, steps);
}

/** FGSM and PGD at a radius. */
export function validationAttacksAt(epsilon: number, steps: number, restarts = 1): AttackConfig[] {
  return [
    { kind: 'fgsm', epsilon },
    { kind: 'pgd', epsilon, steps, restarts, randomStart: true, norm: 'linf' },
  ];
}
