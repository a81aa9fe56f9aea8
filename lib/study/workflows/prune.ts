/** `lapidary prune` in a study. */

import { buildModel, type SpecModel } from '../../nn/models/index.js';
import { planChannels } from '../../prune/channel-plan.js';
import { PRUNE_DEFAULTS, type PruneConfig, pruneSchema, variantsOf } from '../../prune/config.js';
import { needsSensitivity } from '../../prune/ratios/registry.js';
import { measuresOf, type NetworkResult } from '../../prune/result.js';
import { moduleSensitivities, sensitiveWeights } from '../../prune/sensitivity.js';
import { removeChannels } from '../../prune/surgery.js';
import { scope } from '../../scope.js';
import { evaluationBatches, openTrainingData, type TrainingData } from '../../train/data-recipe.js';
import type { Recipe } from '../../train/recipe.js';
import { checkpointBytes, evaluationStage, modelBytes, type PlanClock, stageOf } from '../plan-clock.js';
import type { StageCost, Workflow } from '../workflow.js';
import { shrinkData, shrinkRecipe, testImages, validationAttacksAt } from './shared-stages.js';

export const pruneWorkflow: Workflow<PruneConfig> = {
  name: 'prune',
  schema: pruneSchema,
  defaults: PRUNE_DEFAULTS,
  measures: (config) => {
    const { measures, timings } = measuresOf(networkNames(config).map((name) => ({ ...NO_RESULT, name })));
    return [...Object.keys(measures), ...Object.keys(timings)];
  },
  shrink: (config) => ({
    ...config,
    data: shrinkData(config.data),
    dense: shrinkRecipe(config.dense),
    sensitivity: {
      ...config.sensitivity,
      images: 8,
      steps: 1,
      epsilons: config.sensitivity.epsilons.slice(0, 1),
    },
    finetune: shrinkRecipe(config.finetune),
    evaluation: { ...config.evaluation, steps: 2, validationSteps: 2, latencyRounds: 1 },
  }),
  async cost(config, clock) {
    const { result: data, timing } = await clock.once(() => openTrainingData(config.data, config.seed));
    try {
      const { stages, ...rest } = await costOf(config, clock, data);
      return { stages: [stageOf('open data', 1, timing), ...stages], ...rest };
    } finally {
      data.dataset.dispose();
    }
  },
};

/** As `runPruning` names them. */
function networkNames(config: PruneConfig): string[] {
  return ['dense', ...variantsOf(config).flatMap(({ name }) => [`${name} pruned`, `${name} fine-tuned`])];
}

const NO_RESULT: NetworkResult = {
  name: '',
  clean: 0,
  fgsm: 0,
  pgd: 0,
  parameters: 0,
  nonzero: 0,
  macs: 0,
  latency: 0,
  latency128: 0,
  bytes: 0,
};

/** Uniform ratios need no sensitivities; others leave about as much to compute at the same budget. */
async function prunedNetwork(model: SpecModel, { prune, seed }: PruneConfig, data: TrainingData) {
  const { criterion, measure, budget, maxRatio } = prune;
  const options = { criterion, measure, budget, maxRatio, seed, inputShape: data.imageShape };
  const plan = await planChannels(model, [], { ...options, ratios: 'uniform' });
  return removeChannels(model, plan.kept);
}

async function costOf(config: PruneConfig, clock: PlanClock, data: TrainingData) {
  const { seed, dense, finetune, prune, evaluation } = config;
  const { classes, normalization } = data.dataset;
  const dimensions = { classes: classes.length, normalization, seed };
  using model = buildModel(config.model, dimensions);
  using pruned =
    prune.structure === 'weights'
      ? buildModel(config.model, dimensions) // computes as much as before
      : await prunedNetwork(model, config, data);
  const variants = variantsOf(config);
  const stages: StageCost[] = [];

  const addTraining = async (name: string, network: SpecModel, recipe: Recipe, times: number) => {
    const steps = times * recipe.epochs * Math.floor(data.train.length / recipe.batch);
    stages.push(stageOf(name, steps, await clock.trainingStep(recipe, network, data, seed)));
    const images = times * recipe.epochs * data.validation.length;
    stages.push(await evaluationOf(`${name}: validate`, network, images, evaluation.validationSteps, 1));
  };
  const evaluationOf = async (
    name: string,
    network: SpecModel,
    images: number,
    steps: number,
    restarts: number,
  ) => {
    const forward = await clock.forward(network, data);
    const attacks = [];
    for (const attack of validationAttacksAt(evaluation.epsilon, steps, restarts)) {
      attacks.push(await clock.attack(network, data, attack, seed));
    }
    return evaluationStage(name, images, forward, attacks);
  };

  await addTraining('dense', model, dense, 1);
  if (variants.some(({ ratios }) => needsSensitivity(ratios))) {
    stages.push(await sensitivityStage(config, clock, model, data));
  }
  await addTraining(`fine-tune (${variants.length})`, pruned, finetune, variants.length);
  const images = await testImages(config.data, data);
  const { steps, restarts } = evaluation;
  stages.push(await evaluationOf('evaluate dense', model, images, steps, restarts));
  stages.push(await evaluationOf('evaluate pruned', pruned, 2 * variants.length * images, steps, restarts));

  const [full, less] = [await modelBytes(model), await modelBytes(pruned)];
  return {
    stages,
    memoryBytes: clock.memoryBytes,
    diskBytes:
      full.state +
      2 * variants.length * less.state +
      Math.max(checkpointBytes(full, dense), checkpointBytes(less, finetune)),
  };
}

/** Images on which the ascent is timed. */
const TIMED_IMAGES = 16;

async function sensitivityStage(
  { sensitivity, seed }: PruneConfig,
  clock: PlanClock,
  model: SpecModel,
  data: TrainingData,
): Promise<StageCost> {
  const { epsilon, steps, epsilons, stepsPerEpsilon, rate } = sensitivity;
  const images = Math.min(sensitivity.images, data.train.length);
  const timed = data.train.subarray(0, TIMED_IMAGES);
  const passSeconds = await scope(async () => {
    const set = [];
    for await (const { images, labels } of evaluationBatches(data.dataset.train, timed)) {
      set.push({ images: images.clone(), labels: labels.clone() });
    }
    const start = performance.now();
    await moduleSensitivities(model, set, { epsilons: epsilons.slice(0, 1), stepsPerEpsilon: 1, rate });
    const layers = [...sensitiveWeights(model)].length;
    return (performance.now() - start) / 1000 / (2 * layers * timed.length);
  });
  const passes = [...sensitiveWeights(model)].length * (1 + epsilons.length * stepsPerEpsilon);
  const [, pgd] = validationAttacksAt(epsilon, steps);
  const attack = await clock.attack(model, data, pgd!, seed);
  const perImage = { seconds: attack.seconds + passes * passSeconds, error: attack.error };
  return stageOf('sensitivity', images, perImage);
}
