/** The training of an architecture alone, after the search that found it, and its test. */

import { join } from 'node:path';

import { evaluateRobustness } from '../attack/robust-accuracy.js';
import type { HostTensor } from '../io/host-tensor.js';
import type { RunFolder } from '../io/run-folder.js';
import { type ModelSpec, modelFromSpec } from '../nn/models/index.js';
import type { StopSignal } from '../signals.js';
import { evaluationBatches, type TrainingData } from '../train/data-recipe.js';
import { saveModel } from '../train/model-file.js';
import type { ProgressSink } from '../train/progress-sink.js';
import { prepareTraining, type Recipe } from '../train/recipe.js';
import { loadTraining, type SavedTrainingState, saveTraining } from '../train/saved-training.js';

export interface RetrainingOptions {
  readonly spec: ModelSpec;
  readonly recipe: Recipe;
  readonly data: TrainingData;
  readonly seed: number;
  readonly run: RunFolder;
  readonly progress: ProgressSink;
  readonly signal: StopSignal | undefined;
  /** Steps that the run has behind it: those of the search. */
  readonly before: number;
  /** Steps between two checkpoints, besides those after each epoch; 0: none. */
  readonly checkpointEvery: number;
  /** What a checkpoint says besides the training's own state. */
  readonly stateWith: (training: SavedTrainingState) => unknown;
  /** Where to go on; null: at the beginning. */
  readonly resume: {
    readonly tensors: ReadonlyMap<string, HostTensor>;
    readonly training: SavedTrainingState;
  } | null;
}

/**
 * Trains on all training images, saves `model.safetensors` in the run folder, and reads the test images for their accuracy.
 *
 * @throws AbortedError after `signal` is aborted, resumable; NonFiniteError when the loss becomes NaN or infinite
 */
export async function retrain({
  spec,
  recipe,
  data,
  seed,
  run,
  progress,
  signal,
  before,
  checkpointEvery,
  stateWith,
  resume,
}: RetrainingOptions): Promise<number> {
  const { dataset, train: indices, validation } = data;
  const stop = signal === undefined ? {} : { signal };
  using model = modelFromSpec(spec, seed);
  using prepared = await prepareTraining(recipe, model, dataset.train, indices, seed, {
    title: 'retrain',
    progress,
    ...stop,
    snapshotEvery: checkpointEvery,
    validate: async () => {
      const { clean } = await evaluateRobustness(model, evaluationBatches(dataset.train, validation));
      return { clean };
    },
    onRecord: (record) => run.appendMetrics({ ...record, step: before + record.step, stage: 'retrain' }),
    onReturn: (step) => run.truncateToStep(before + step),
    onSnapshot: async (snapshot) => {
      const { tensors, state } = saveTraining(snapshot, prepared.trainer.lastSound);
      await run.saveCheckpoint(before + snapshot.position.step, tensors, stateWith(state));
    },
  });
  if (resume !== null) {
    const { snapshot, lastSound } = loadTraining(resume.tensors, resume.training);
    prepared.trainer.resume(snapshot, lastSound);
  }
  await prepared.trainer.run();
  await saveModel(join(run.path, 'model.safetensors'), model);
  const { set, indices: tested } = await data.readTest();
  try {
    progress.stage('test', { total: tested.length, unit: 'images' });
    const { clean } = await evaluateRobustness(model, evaluationBatches(set, tested), [], {
      ...stop,
      onBatch: (images) => progress.advance(images),
    });
    return clean;
  } finally {
    set.dispose();
  }
}
