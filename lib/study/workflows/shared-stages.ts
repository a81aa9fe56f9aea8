/** What the stages of several workflows have in common: data, recipes, validation. */

import type { AttackConfig } from '../../attack/registry.js';
import type { DataRecipe, TrainingData } from '../../train/data-recipe.js';
import type { Recipe } from '../../train/recipe.js';

/** For a smoke test. */
const SHRUNK = { train: 32, validation: 16, test: 16, batch: 16 } as const;
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

/** How many test images a run will read. They are counted where the configuration does not say, and not looked at. */
export async function testImages({ test }: DataRecipe, data: TrainingData): Promise<number> {
  if (test !== undefined) return test;
  const { set, indices } = await data.readTest();
  set.dispose();
  return indices.length;
}

/** What a recipe's validation attacks with, after each epoch. */
export function validationAttacks({ objective }: Recipe, steps = VALIDATION_STEPS): AttackConfig[] {
  return 'epsilon' in objective ? validationAttacksAt(objective.epsilon, steps) : [];
}

/** FGSM and PGD at a radius. */
export function validationAttacksAt(epsilon: number, steps: number, restarts = 1): AttackConfig[] {
  return [
    { kind: 'fgsm', epsilon, norm: 'linf' },
    { kind: 'pgd', epsilon, steps, restarts, randomStart: true, norm: 'linf' },
  ];
}
