/** Training in a run folder, from the first step to the test images. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import { fgsmAttack } from '../attack/fgsm.js';
import { pgdAttack } from '../attack/pgd.js';
import { attackSchema, createAttack } from '../attack/registry.js';
import { evaluateRobustness, type Robustness } from '../attack/robust-accuracy.js';
import type { RunFolder } from '../io/run-folder.js';
import { writeRunResult } from '../io/run-result.js';
import { modelFromSpec, type SpecModel } from '../nn/models/index.js';
import type { StopSignal } from '../signals.js';
import { dataSchema, evaluationBatches, openTrainingData, type TrainingData } from './data-recipe.js';
import { modelChoiceSchema, resolveModelChoice } from './model-choice.js';
import { saveModel } from './model-file.js';
import { type ProgressSink, silentProgress } from './progress-sink.js';
import { prepareTraining, recipeSchema } from './recipe.js';
import { completeEnvironment } from './run-environment.js';
import { loadTraining, saveTraining } from './saved-training.js';
import type { Trainer, ValidationMeasures } from './trainer.js';
import { recordPictures, recordWeights, trainingEventsSchema } from './training-events.js';

/** The recipe when nothing is said. A configuration that says a part of it is merged into it. */
export const TRAIN_DEFAULTS = { train: { objective: { kind: 'standard' }, epochs: 15 } } as const;

export const trainSchema = z.strictObject({
  data: dataSchema.prefault({}),
  /** A model of the registry, or a genotype and the size of its network. */
  model: modelChoiceSchema.default('resnet20'),
  /** Of all random numbers. */
  seed: z.int().nonnegative().default(0),
  train: recipeSchema.prefault(TRAIN_DEFAULTS.train),
  /** Steps between two checkpoints, besides those after each epoch; 0: none. */
  checkpointEvery: z.int().min(0).default(0),
  /** What the trained network is attacked with on the test images. */
  attacks: z.array(attackSchema).default([]),
  /** What TensorBoard shows besides the metrics. */
  tensorBoard: trainingEventsSchema.prefault({}),
});

export type TrainConfig = z.infer<typeof trainSchema>;

export interface TrainingRunOptions {
  /** Where checkpoints, metrics and the model go; one that was `resumed` is continued. */
  readonly run: RunFolder;
  readonly progress?: ProgressSink;
  readonly signal?: StopSignal;
}

/** What a training comes to. Plain JSON. */
export interface TrainResult {
  /** On the test images. */
  readonly test: Robustness;
  readonly steps: number;
  /** Whether training ended early, at the last epoch before catastrophic overfitting. */
  readonly stoppedEarly: boolean;
  /** Path of the trained model. */
  readonly model: string;
}

const VALIDATION_STEPS = 10;

/**
 * Trains a network, or what is left to train of it, and evaluates it on the test images, which are read for that alone.
 *
 * Writes to the run folder: `metrics.jsonl`, `split.json`, `data.json`, `genotype.json` where there is one, `checkpoints/`,
 * `model.safetensors`, and `result.json` with the measures `clean`, one by the name of each attack, and `steps`.
 *
 * @throws ConfigError, ArgumentError, FileSystemError, FileFormatError as `resolveModelChoice`
 * @throws AbortedError after `signal` is aborted, resumable; NonFiniteError when the loss becomes NaN or infinite
 * @throws DataChangedError when the run is resumed and its images are not those it began with
 */
export async function runTraining(config: TrainConfig, options: TrainingRunOptions): Promise<TrainResult> {
  const { run, progress = silentProgress, signal } = options;
  const { seed } = config;
  await mkdir(run.path, { recursive: true });
  const specOf = await resolveModelChoice(config.model, run);
  const data = await openTrainingData(config.data, seed, run);
  try {
    const { classes, normalization, train } = data.dataset;
    using model: SpecModel = modelFromSpec(specOf({ classes: classes.length, normalization }), seed);
    using prepared = await prepareTraining(config.train, model, train, data.train, seed, {
      title: 'train',
      progress,
      ...(signal === undefined ? {} : { signal }),
      snapshotEvery: config.checkpointEvery,
      validate: async () => {
        if (config.tensorBoard.histograms) {
          await recordWeights(run.tensorBoard, prepared.trainer.position.step, model);
        }
        return validate(model, data, config);
      },
      onRecord: (record) => run.appendMetrics(record),
      onReturn: (step) => run.truncateToStep(step),
      onSnapshot: async (snapshot) => {
        const { tensors, state } = saveTraining(snapshot, prepared.trainer.lastSound);
        await run.saveCheckpoint(snapshot.position.step, tensors, state);
      },
    });
    if (run.resumed) await resume(run, prepared.trainer, progress);
    const { pictures } = config.tensorBoard;
    if (pictures > 0 && prepared.trainer.position.step === 0) {
      await recordPictures(run.tensorBoard, prepared.batches, pictures);
    }
    const { step, stoppedEarly } = await prepared.trainer.run();
    const path = join(run.path, 'model.safetensors');
    await saveModel(path, model);
    const test = await evaluateOnTest(model, data, config, options);
    const result = { test, steps: step, stoppedEarly, model: path };
    const measures = { clean: test.clean, ...test.underAttack, steps: step };
    await completeEnvironment(run);
    await writeRunResult(run.path, { workflow: 'train', config, measures, details: result });
    return result;
  } finally {
    data.dataset.dispose();
  }
}

async function resume(run: RunFolder, trainer: Trainer, progress: ProgressSink): Promise<void> {
  const { checkpoint, skipped } = await run.loadNewestCheckpoint();
  for (const { path, reason } of skipped) progress.log(`Skipped checkpoint ${path}: ${reason}`);
  await run.truncateToStep(checkpoint?.step ?? -1);
  if (checkpoint === undefined) return;
  progress.log(`Going on from ${checkpoint.path}.`);
  const { snapshot, lastSound } = loadTraining(checkpoint.tensors, checkpoint.state);
  trainer.resume(snapshot, lastSound);
}

/** Clean accuracy, and, where training is adversarial, FGSM and PGD-10 accuracy at its epsilon. */
async function validate(
  model: SpecModel,
  data: TrainingData,
  config: TrainConfig,
): Promise<ValidationMeasures> {
  const { objective } = config.train;
  const batches = evaluationBatches(data.dataset.train, data.validation);
  if (!('epsilon' in objective)) {
    const { clean } = await evaluateRobustness(model, batches);
    return { clean };
  }
  const { epsilon } = objective;
  const ball = { epsilon, norm: 'norm' in objective ? objective.norm : 'linf' } as const;
  const fgsm = fgsmAttack(ball);
  const pgd = pgdAttack({ ...ball, steps: VALIDATION_STEPS, seed: config.seed });
  const { clean, underAttack } = await evaluateRobustness(model, batches, [fgsm, pgd]);
  return { clean, fgsm: underAttack[fgsm.name]!, pgd: underAttack[pgd.name]! };
}

async function evaluateOnTest(
  model: SpecModel,
  data: TrainingData,
  config: TrainConfig,
  { progress = silentProgress, signal }: TrainingRunOptions,
): Promise<Robustness> {
  const attacks = config.attacks.map((attack) => createAttack(attack, config.seed));
  const { set, indices } = await data.readTest();
  try {
    progress.stage('test', { total: indices.length, unit: 'images' });
    return await evaluateRobustness(model, evaluationBatches(set, indices), attacks, {
      ...(signal === undefined ? {} : { signal }),
      onBatch: (images) => progress.advance(images),
    });
  } finally {
    set.dispose();
  }
}
