/** `lapidary train` in a study. */

import { createAttack } from '../../attack/registry.js';
import { modelFromSpec, type SpecModel } from '../../nn/models/index.js';
import { openTrainingData } from '../../train/data-recipe.js';
import { resolveModelChoice } from '../../train/model-choice.js';
import { TRAIN_DEFAULTS, type TrainConfig, trainSchema } from '../../train/training-run.js';
import { checkpointBytes, evaluationStage, modelBytes, stageOf } from '../plan-clock.js';
import type { Workflow } from '../workflow.js';
import { shrinkData, shrinkRecipe, testImages, validationAttacks } from './shared-stages.js';

export const trainWorkflow: Workflow<TrainConfig> = {
  name: 'train',
  schema: trainSchema,
  defaults: TRAIN_DEFAULTS,
  measures: ({ attacks, seed }) => [
    'clean',
    ...attacks.map((attack) => createAttack(attack, seed).name),
    'steps',
  ],
  // Attacks stay as they are: the measures are named after them.
  shrink: (config) => ({ ...config, data: shrinkData(config.data), train: shrinkRecipe(config.train) }),
  async cost(config, clock) {
    const { seed, train: recipe } = config;
    const specOf = await resolveModelChoice(config.model);
    const { result: data, timing: opening } = await clock.once(() => openTrainingData(config.data, seed));
    try {
      const { classes, normalization } = data.dataset;
      using model: SpecModel = modelFromSpec(specOf({ classes: classes.length, normalization }), seed);
      const step = await clock.trainingStep(recipe, model, data, seed);
      const forward = await clock.forward(model, data);
      const attacksOf = (configs: TrainConfig['attacks']) =>
        inTurn(configs, (attack) => clock.attack(model, data, attack, seed));
      const steps = recipe.epochs * Math.floor(data.train.length / recipe.batch);
      const validations = recipe.epochs * data.validation.length;
      const bytes = await modelBytes(model);
      return {
        stages: [
          stageOf('open data', 1, opening),
          stageOf('train', steps, step),
          evaluationStage('validate', validations, forward, await attacksOf(validationAttacks(recipe))),
          evaluationStage(
            'test',
            await testImages(config.data, data),
            forward,
            await attacksOf(config.attacks),
          ),
        ],
        memoryBytes: clock.memoryBytes,
        diskBytes: bytes.state + checkpointBytes(bytes, recipe),
      };
    } finally {
      data.dataset.dispose();
    }
  },
};

/** One after the other: timings must not share the machine. */
async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}
