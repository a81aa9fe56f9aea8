/** `lapidary search` in a study. */

import { modelFromSpec } from '../../nn/models/index.js';
import { scope } from '../../scope.js';
import { strongestCandidates } from '../../search/candidates-left.js';
import {
  type PhaseConfig,
  phasesOf,
  type SearchConfig,
  searchDefaults,
  searchSchema,
} from '../../search/config.js';
import { SearchPhase } from '../../search/phase.js';
import { SearchImages } from '../../search/search-images.js';
import { measureNames } from '../../search/search-result.js';
import { rehearseSelection } from '../../search/selection-rehearsal.js';
import { createSelector } from '../../search/selectors/registry.js';
import { spaceOf } from '../../search/spaces/registry.js';
import type { Choice } from '../../search/supernet.js';
import { openTrainingData, type TrainingData } from '../../train/data-recipe.js';
import { checkpointBytes, evaluationStage, modelBytes, type PlanClock, stageOf } from '../plan-clock.js';
import type { StageCost, Workflow } from '../workflow.js';
import { shrinkData, shrinkRecipe, testImages } from './shared-stages.js';

export const searchWorkflow: Workflow<SearchConfig> = {
  name: 'search',
  schema: searchSchema,
  defaults: searchDefaults,
  measures: measureNames,
  shrink(config) {
    const data = shrinkData(config.data);
    const shared = Math.min(config.split, 1 - config.split) * (data.train ?? 1);
    return {
      ...config,
      data,
      epochs: 1,
      batch: Math.max(1, Math.min(config.batch, Math.floor(shared / 2))),
      architecture: { ...config.architecture, start: 0 },
      stages: config.stages.map(shrinkStage),
      retrain:
        config.retrain === null ? null : { ...config.retrain, train: shrinkRecipe(config.retrain.train) },
    };
  },
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

/** Without what would make the one epoch of a smoke test longer, or leave the architecture where it is. */
function shrinkStage({ epochs: _, batch: __, ...stage }: Record<string, unknown>): Record<string, unknown> {
  const { architecture } = stage;
  if (typeof architecture !== 'object' || architecture === null) return stage;
  return { ...stage, architecture: { ...architecture, start: 0 } };
}

async function costOf(config: SearchConfig, clock: PlanClock, data: TrainingData) {
  const { classes, normalization } = data.dataset;
  const images = new SearchImages(config, data);
  const phases = phasesOf(config);
  const stages: StageCost[] = [];
  let groups = spaceOf(phases[0]!.space).groups(phases[0]!.space);
  let checkpoint = 0;
  let choice: Choice = {};
  for (const [index, phaseConfig] of phases.entries()) {
    const options = { classes: classes.length, normalization, seed: config.seed + index };
    using phase = new SearchPhase(phaseConfig, groups, options);
    const name = phases.length === 1 ? 'search' : `search, stage ${index + 1}`;
    stages.push(...(await searchStages(name, phaseConfig, phase, images, clock, data)));
    checkpoint = Math.max(checkpoint, await stateBytes(phase));
    if (index === phases.length - 1) {
      const selection = await scope(() => selectionStage(config, phase, images, clock, data));
      if (selection.stage.seconds > 0) stages.push(selection.stage);
      choice = selection.choice;
      break;
    }
    if (phaseConfig.keep !== null) {
      groups = strongestCandidates(groups, await phase.mixer.strengths(), phaseConfig.keep);
    }
  }
  const retraining = await retrainStages(config, phases.at(-1)!, groups, choice, clock, data);
  return {
    stages: [...stages, ...retraining.stages],
    memoryBytes: clock.memoryBytes,
    diskBytes: Math.max(3 * checkpoint, retraining.checkpoints) + retraining.model,
  };
}

/** The epochs of a stage: those before the architecture moves, those after, and the validation of each. */
async function searchStages(
  name: string,
  { epochs, architecture }: PhaseConfig,
  phase: SearchPhase,
  images: SearchImages,
  clock: PlanClock,
  data: TrainingData,
): Promise<StageCost[]> {
  const { steps } = images.loaders(phase.config).weights;
  const start = Math.min(architecture.start, epochs);
  const stages: StageCost[] = [];
  if (start > 0) {
    stages.push(stageOf(`${name}: weights alone`, start * steps, await clock.searchStep(phase, images, 0)));
  }
  if (start < epochs) {
    stages.push(stageOf(name, (epochs - start) * steps, await clock.searchStep(phase, images, start)));
  }
  const forward = await clock.mixedForward(phase, data);
  return [...stages, evaluationStage(`${name}: validate`, epochs * data.validation.length, forward, [])];
}

async function selectionStage(
  config: SearchConfig,
  phase: SearchPhase,
  images: SearchImages,
  clock: PlanClock,
  data: TrainingData,
): Promise<{ stage: StageCost; choice: Choice }> {
  const { measured, tuned, choice } = await rehearseSelection(createSelector(config.selector), phase, data, {
    images: images.architecture.length,
    seed: config.seed,
  });
  const measuring = stageOf('select', measured, await clock.mixedForward(phase, data));
  if (tuned === 0) return { stage: measuring, choice };
  const { steps } = images.loaders(phase.config).weights;
  const tuning = stageOf('select', tuned * steps, await clock.tuningStep(phase, images, data));
  const sum = (key: 'seconds' | 'low' | 'high') => measuring[key] + tuning[key];
  return { stage: { name: 'select', seconds: sum('seconds'), low: sum('low'), high: sum('high') }, choice };
}

async function retrainStages(
  { retrain, seed, data: recipe }: SearchConfig,
  { space: config }: PhaseConfig,
  groups: SearchPhase['groups'],
  choice: Choice,
  clock: PlanClock,
  data: TrainingData,
): Promise<{ stages: StageCost[]; checkpoints: number; model: number }> {
  if (retrain === null) return { stages: [], checkpoints: 0, model: 0 };
  const { classes, normalization } = data.dataset;
  const space = spaceOf(config);
  const genotype = space.genotype(config, groups, choice);
  const spec = space.network({ ...config, ...retrain.space }, genotype, {
    classes: classes.length,
    normalization,
  });
  using model = modelFromSpec(spec, seed);
  const { train } = retrain;
  const steps = train.epochs * Math.floor(data.train.length / train.batch);
  const step = await clock.trainingStep(train, model, data, seed);
  const forward = await clock.forward(model, data);
  const bytes = await modelBytes(model);
  return {
    stages: [
      stageOf('retrain', steps, step),
      evaluationStage('retrain: validate', train.epochs * data.validation.length, forward, []),
      evaluationStage('test', await testImages(recipe, data), forward, []),
    ],
    checkpoints: checkpointBytes(bytes, train),
    model: bytes.state,
  };
}

async function stateBytes(phase: SearchPhase): Promise<number> {
  let bytes = 0;
  for (const { data } of (await phase.hostState()).values()) bytes += data.byteLength;
  return bytes;
}
