/** `lapidary search` in a study. */

import { type ModelSpec, modelFromSpec } from '../../nn/models/index.js';
import { scope } from '../../scope.js';
import { candidateCosts } from '../../search/candidate-costs.js';
import { candidatesLeft } from '../../search/candidates-left.js';
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
import type { Choice, EdgeGroup } from '../../search/supernet.js';
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
      epochs: Math.min(config.epochs, 1),
      batch: Math.max(1, Math.min(config.batch, Math.floor(shared / 2))),
      architecture: { ...config.architecture, start: 0 },
      stages: config.stages.map(shrinkStage),
      selector: shrinkSelector(config.selector),
      diagnostics: {
        eigenvalueEvery: Math.min(config.diagnostics.eigenvalueEvery, 1),
        eigenvalueImages: Math.min(config.diagnostics.eigenvalueImages, 8),
      },
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

function shrinkSelector(selector: SearchConfig['selector']): SearchConfig['selector'] {
  switch (selector.kind) {
    case 'perturbation':
      return { ...selector, tuneEvery: Math.min(selector.tuneEvery, 1) };
    case 'sampled-best':
      return { ...selector, count: Math.min(selector.count, 5) };
    case 'random-search':
      return { ...selector, count: Math.min(selector.count, 2), train: shrinkRecipe(selector.train) };
    default:
      return selector;
  }
}

async function costOf(config: SearchConfig, clock: PlanClock, data: TrainingData) {
  const { classes, normalization } = data.dataset;
  const images = new SearchImages(config, data);
  const phases = phasesOf(config);
  const stages: StageCost[] = [];
  let groups: readonly EdgeGroup[] = spaceOf(phases[0]!.space).groups(phases[0]!.space);
  let checkpoint = 0;
  let choice: Choice = {};
  for (const [index, phaseConfig] of phases.entries()) {
    const costs = await candidateCosts(phaseConfig, {
      imageShape: data.imageShape,
      classes: classes.length,
    });
    using phase = new SearchPhase(phaseConfig, groups, {
      classes: classes.length,
      normalization,
      seed: config.seed + index,
      ...(costs === undefined ? {} : { costs }),
    });
    const name = phases.length === 1 ? 'search' : `search, stage ${index + 1}`;
    stages.push(...(await searchStages(name, phaseConfig, phase, images, clock, data)));
    checkpoint = Math.max(checkpoint, await stateBytes(phase));
    if (index === phases.length - 1) {
      const selection = await scope(() => selectionStage(config, phase, images, clock, data));
      if (selection.stage.seconds > 0) stages.push(selection.stage);
      choice = selection.choice;
      break;
    }
    groups = candidatesLeft(groups, await phase.mixer.strengths(), phaseConfig);
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
  if (epochs === 0) return [];
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

/** Of architectures that are trained for themselves so many are timed. */
const TIMED_ARCHITECTURES = 4;

/** What the selector will do, as a rehearsal tells: measurements, steps of the weights, trainings of architectures alone. */
async function selectionStage(
  config: SearchConfig,
  phase: SearchPhase,
  images: SearchImages,
  clock: PlanClock,
  data: TrainingData,
): Promise<{ stage: StageCost; choice: Choice }> {
  const { measured, tuned, alone, choice } = await rehearseSelection(
    createSelector(config.selector),
    phase,
    data,
    { images: images.architecture.length, seed: config.seed },
  );
  const parts: StageCost[] = [];
  if (measured > 0) parts.push(stageOf('select', measured, await clock.mixedForward(phase, data)));
  if (tuned > 0) {
    const { steps } = images.loaders(phase.config).weights;
    parts.push(stageOf('select', tuned * steps, await clock.tuningStep(phase, images, data)));
  }
  const timed = alone.slice(0, TIMED_ARCHITECTURES);
  for (const { choice, recipe } of timed) {
    using model = modelFromSpec(specOf(phase.config.space, phase.groups, choice, data), config.seed);
    const share = alone.length / timed.length;
    const steps = recipe.epochs * Math.floor(images.weights.length / recipe.batch);
    parts.push(stageOf('select', share * steps, await clock.trainingStep(recipe, model, data, config.seed)));
    const forward = await clock.forward(model, data);
    parts.push(evaluationStage('select', share * images.architecture.length, forward, []));
  }
  const sum = (key: 'seconds' | 'low' | 'high') => parts.reduce((total, part) => total + part[key], 0);
  return { stage: { name: 'select', seconds: sum('seconds'), low: sum('low'), high: sum('high') }, choice };
}

function specOf(
  config: PhaseConfig['space'],
  groups: readonly EdgeGroup[],
  choice: Choice,
  { dataset: { classes, normalization } }: TrainingData,
  size: Record<string, unknown> = {},
): ModelSpec {
  const space = spaceOf(config);
  const genotype = space.genotype(config, groups, choice);
  return space.network({ ...config, ...size }, genotype, { classes: classes.length, normalization });
}

async function retrainStages(
  { retrain, seed, data: recipe }: SearchConfig,
  { space: config }: PhaseConfig,
  groups: readonly EdgeGroup[],
  choice: Choice,
  clock: PlanClock,
  data: TrainingData,
): Promise<{ stages: StageCost[]; checkpoints: number; model: number }> {
  if (retrain === null) return { stages: [], checkpoints: 0, model: 0 };
  using model = modelFromSpec(specOf(config, groups, choice, data, retrain.space), seed);
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
