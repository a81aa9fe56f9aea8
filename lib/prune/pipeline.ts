/**
 * The pruning workflow: adversarial training, sensitivity, surgery, fine-tuning, evaluation (MRPF, arXiv 2410.15176; what
 * of it is our reconstruction is said in docs/papers.md).
 */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { LabelledImages } from '../attack/attack.js';
import { fgsmAttack } from '../attack/fgsm.js';
import { pgd, pgdAttack } from '../attack/pgd.js';
import { evaluateRobustness } from '../attack/robust-accuracy.js';
import { permutation } from '../data/philox.js';
import { device } from '../device.js';
import { AbortedError, InternalError } from '../errors.js';
import type { RunFolder } from '../io/run-folder.js';
import { writeRunResult } from '../io/run-result.js';
import { readSafetensors, writeSafetensors } from '../io/safetensors.js';
import { buildModel, type SpecModel } from '../nn/models/index.js';
import { WeightMasks } from '../nn/weight-masks.js';
import { scope } from '../scope.js';
import type { StopSignal } from '../signals.js';
import { evaluationBatches, openTrainingData, type TrainingData } from '../train/data-recipe.js';
import { loadModel, saveModel } from '../train/model-file.js';
import { type ProgressSink, silentProgress } from '../train/progress-sink.js';
import { prepareTraining, type Recipe } from '../train/recipe.js';
import { completeEnvironment } from '../train/run-environment.js';
import { loadTraining, saveTraining } from '../train/saved-training.js';
import type { ValidationMeasures } from '../train/trainer.js';
import { type GroupPlan, planChannels } from './channel-plan.js';
import { channelWiring } from './channel-wiring.js';
import { type PruneConfig, type PruneVariant, requireConsistent, variantsOf } from './config.js';
import { type Decision, loadPipelineState, type PipelineState, type ResumePoint } from './pipeline-state.js';
import { GLOBAL, needsSensitivity } from './ratios/registry.js';
import { evaluateNetworks, measuresOf, type NetworkFile, type NetworkResult } from './result.js';
import { type ModuleSensitivity, moduleSensitivities, sensitiveWeights } from './sensitivity.js';
import { removeChannels } from './surgery.js';
import { planWeights } from './weight-plan.js';

export interface PipelineOptions {
  /** Where checkpoints, models and results go; one that was `resumed` is continued. */
  readonly run: RunFolder;
  readonly progress?: ProgressSink;
  readonly signal?: StopSignal;
}

/** What the workflow comes to. Plain JSON. */
export interface PruneResult {
  /** The dense network, then each variant pruned and fine-tuned, on the test images. */
  readonly networks: readonly NetworkResult[];
  readonly sensitivities: readonly ModuleSensitivity[];
  readonly variants: Decision['variants'];
  readonly data: {
    readonly name: string;
    readonly train: number;
    readonly validation: number;
    readonly test: number;
  };
}

/**
 * Runs the whole workflow, or what is left of it after the newest checkpoint of the run folder.
 *
 * Writes to the run folder: `metrics.jsonl`, `split.json`, `data.json`, `checkpoints/`, `models/*.safetensors`, `masks/*.safetensors` where
 * single weights are pruned, `result.json` (see
 * `measuresOf`). Steps are counted through: those of the dense network, one for the pruning, then those of each fine-tuning.
 *
 * @throws AbortedError after `signal` is aborted; resumable, as a checkpoint is there
 * @throws ConfigError when its keys do not go together; NonFiniteError when a loss becomes NaN or infinite
 * @throws DataChangedError when the run is resumed and its images are not those it began with
 */
export async function runPruning(config: PruneConfig, options: PipelineOptions): Promise<PruneResult> {
  const data = await openTrainingData(config.data, config.seed, options.run);
  try {
    return await new Pipeline(config, data, options).run();
  } finally {
    data.dataset.dispose();
  }
}

class Pipeline {
  readonly #config: PruneConfig;
  readonly #data: TrainingData;
  readonly #run: RunFolder;
  readonly #progress: ProgressSink;
  readonly #signal: StopSignal | undefined;

  constructor(config: PruneConfig, data: TrainingData, options: PipelineOptions) {
    this.#config = config;
    this.#data = data;
    this.#run = options.run;
    this.#progress = options.progress ?? silentProgress;
    this.#signal = options.signal;
  }

  async run(): Promise<PruneResult> {
    requireConsistent(this.#config);
    const variants = variantsOf(this.#config);
    const folders = this.#config.prune.structure === 'weights' ? ['models', 'masks'] : ['models'];
    for (const folder of folders) await mkdir(join(this.#run.path, folder), { recursive: true });
    const resume = await this.#findResumePoint();
    if (resume?.state.stage !== 'finetune') await this.#trainDense(resume);
    const decision = resume?.state.decision ?? (await this.#decide(variants));
    // A checkpoint of the dense network is none of a pruned one, even where it would fit.
    const tuning = resume?.state.stage === 'finetune' ? { from: resume.state.variant, resume } : undefined;
    for (const [index, variant] of variants.entries()) {
      if (index < (tuning?.from ?? 0)) continue;
      await this.#finetune(variant, index, decision, index === tuning?.from ? tuning.resume : undefined);
    }
    return this.#finish(variants, decision);
  }

  async #findResumePoint(): Promise<ResumePoint | undefined> {
    if (!this.#run.resumed) return undefined;
    const { checkpoint, skipped } = await this.#run.loadNewestCheckpoint();
    for (const { path, reason } of skipped) this.#progress.log(`Skipped checkpoint ${path}: ${reason}`);
    await this.#run.truncateToStep(checkpoint?.step ?? -1);
    if (checkpoint === undefined) return undefined;
    this.#progress.log(`Going on from ${checkpoint.path}.`);
    return { state: loadPipelineState(checkpoint.state), tensors: checkpoint.tensors };
  }

  async #trainDense(resume: ResumePoint | undefined): Promise<void> {
    const { seed, model: name } = this.#config;
    const { classes, normalization } = this.#data.dataset;
    using model = buildModel(name, { classes: classes.length, normalization, seed });
    // A network that cannot be pruned is refused before it is trained; single weights can be of any.
    if (this.#config.prune.structure === 'channels') channelWiring(model);
    await this.#train('dense', model, this.#config.dense, 0, resume, { stage: 'dense' });
    await saveModel(this.#modelPath('dense'), model);
  }

  /** Measures sensitivities, prunes every variant, and saves the pruned networks and a checkpoint that knows of them. */
  async #decide(variants: readonly PruneVariant[]): Promise<Decision> {
    const { prune } = this.#config;
    using model = await loadModel(this.#modelPath('dense'));
    const needed = variants.some(({ ratios }) => needsSensitivity(ratios));
    const sensitivities = needed ? await this.#measureSensitivities(model) : [];
    const planned: Decision['variants'][number][] = [];
    for (const variant of variants) {
      const groups = await (prune.structure === 'weights'
        ? this.#maskWeights(variant, sensitivities)
        : this.#removeChannels(model, variant, sensitivities));
      planned.push({ name: variant.name, groups: [...groups] });
    }
    const decision: Decision = { sensitivities, variants: planned };
    const step = this.#pruningStep;
    await this.#run.appendMetrics({ step, stage: 'prune', ...decision });
    const state: PipelineState = { stage: 'finetune', variant: 0, decision, training: null };
    await this.#run.saveCheckpoint(step, new Map(), state);
    return decision;
  }

  async #removeChannels(
    model: SpecModel,
    { name, criterion, ratios }: PruneVariant,
    sensitivities: readonly ModuleSensitivity[],
  ): Promise<readonly GroupPlan[]> {
    if (ratios === GLOBAL) throw new InternalError('global ratios reached the pruning of channels');
    const plan = await planChannels(model, sensitivities, { ...this.#planOptions, criterion, ratios });
    using pruned = removeChannels(model, plan.kept);
    await saveModel(this.#modelPath(`${name}-pruned`), pruned);
    return plan.groups;
  }

  /** Writes the masked network, and the masks beside it. */
  async #maskWeights(
    { name, ratios }: PruneVariant,
    sensitivities: readonly ModuleSensitivity[],
  ): Promise<readonly GroupPlan[]> {
    using pruned = await loadModel(this.#modelPath('dense'));
    const { groups, masks } = await planWeights(pruned, sensitivities, { ...this.#planOptions, ratios });
    using owned = masks;
    await writeSafetensors(this.#masksPath(name), await owned.hostState());
    await saveModel(this.#modelPath(`${name}-pruned`), pruned);
    return groups;
  }

  get #planOptions() {
    const { measure, budget, maxRatio } = this.#config.prune;
    return { measure, budget, maxRatio, seed: this.#config.seed, inputShape: this.#data.imageShape };
  }

  async #measureSensitivities(model: SpecModel): Promise<ModuleSensitivity[]> {
    const { images, batch, epsilon, steps, ...ascent } = this.#config.sensitivity;
    const { seed } = this.#config;
    const { train, dataset } = this.#data;
    // The images are the first of a random order of their own; fewer when there are no more.
    const order = permutation(train.length, seed, SENSITIVITY_STREAM).subarray(0, images).toSorted();
    const batches = evaluationBatches(
      dataset.train,
      order.map((place) => train[place]!),
      batch,
    );
    this.#progress.stage('adversarial set', { total: order.length, unit: 'images' });
    return scope(async () => {
      device().stepBlock.manualStep(0);
      const set: Pick<LabelledImages, 'images' | 'labels'>[] = [];
      for await (const part of batches) {
        const { labels, index, size } = part;
        const adversarial = await pgd(model, part.images, labels, {
          epsilon,
          steps,
          seed,
          site: SENSITIVITY_SITE,
          index,
        });
        set.push({ images: adversarial, labels: labels.clone() });
        this.#progress.advance(size);
      }
      this.#progress.stage('sensitivity', { total: [...sensitiveWeights(model)].length, unit: 'layers' });
      return moduleSensitivities(model, set, {
        ...ascent,
        ...(this.#signal === undefined ? {} : { signal: this.#signal }),
        onModule: ({ name, sensitivity }) => this.#progress.advance(1, `${name} ${sensitivity.toFixed(3)}`),
      });
    }).catch((error) => this.#asAborted(error));
  }

  async #finetune(
    variant: PruneVariant,
    index: number,
    decision: Decision,
    resume: ResumePoint | undefined,
  ): Promise<void> {
    using model = await loadModel(this.#modelPath(`${variant.name}-pruned`));
    const offset = this.#pruningStep + index * this.#stepsOf(this.#config.finetune);
    const state = { stage: 'finetune', variant: index, decision } as const;
    using masks = await this.#loadMasks(variant.name);
    const title = `fine-tune ${variant.name}`;
    await this.#train(title, model, this.#config.finetune, offset, resume, state, masks);
    await saveModel(this.#modelPath(variant.name), model);
  }

  /** What keeps pruned weights at 0; undefined where channels were removed. */
  async #loadMasks(name: string): Promise<WeightMasks | undefined> {
    if (this.#config.prune.structure === 'channels') return undefined;
    const { tensors } = await readSafetensors(this.#masksPath(name));
    return WeightMasks.from(tensors);
  }

  async #train(
    title: string,
    model: SpecModel,
    recipe: Recipe,
    offset: number,
    resume: ResumePoint | undefined,
    state: { stage: 'dense' } | { stage: 'finetune'; variant: number; decision: Decision },
    masks?: WeightMasks,
  ): Promise<void> {
    const { train, dataset } = this.#data;
    const run = this.#run;
    using prepared = await prepareTraining(recipe, model, dataset.train, train, this.#config.seed, {
      title,
      progress: this.#progress,
      ...(masks === undefined ? {} : { masks }),
      ...(this.#signal === undefined ? {} : { signal: this.#signal }),
      validate: () => this.#validate(model),
      onRecord: (record) => run.appendMetrics({ stage: title, ...record, step: offset + record.step }),
      onReturn: (step) => run.truncateToStep(offset + step),
      onSnapshot: async (snapshot) => {
        const { tensors, state: training } = saveTraining(snapshot, prepared.trainer.lastSound);
        await run.saveCheckpoint(offset + snapshot.position.step, tensors, { ...state, training });
      },
    });
    if (resume?.state.training) {
      const { snapshot, lastSound } = loadTraining(resume.tensors, resume.state.training);
      prepared.trainer.resume(snapshot, lastSound);
    }
    await prepared.trainer.run();
  }

  async #validate(model: SpecModel): Promise<ValidationMeasures> {
    const { epsilon, validationSteps } = this.#config.evaluation;
    const attack = pgdAttack({ epsilon, steps: validationSteps, seed: this.#config.seed });
    const batches = evaluationBatches(this.#data.dataset.train, this.#data.validation);
    const { clean, underAttack } = await evaluateRobustness(model, batches, [
      fgsmAttack({ epsilon }),
      attack,
    ]);
    return { clean, fgsm: underAttack.FGSM!, pgd: underAttack[attack.name]! };
  }

  async #finish(variants: readonly PruneVariant[], decision: Decision): Promise<PruneResult> {
    const files: NetworkFile[] = [{ name: 'dense', path: this.#modelPath('dense') }];
    for (const { name } of variants) {
      files.push({ name: `${name} pruned`, path: this.#modelPath(`${name}-pruned`) });
      files.push({ name: `${name} fine-tuned`, path: this.#modelPath(name) });
    }
    const options = {
      progress: this.#progress,
      ...(this.#signal === undefined ? {} : { signal: this.#signal }),
    };
    const { networks, images } = await evaluateNetworks(files, this.#data, this.#config, options).catch(
      (error) => this.#asAborted(error),
    );
    const { train, validation, dataset } = this.#data;
    const data = { name: dataset.name, train: train.length, validation: validation.length, test: images };
    const result: PruneResult = { networks, ...decision, data };
    const config = this.#config;
    await completeEnvironment(this.#run);
    await writeRunResult(this.#run.path, {
      workflow: 'prune',
      config,
      ...measuresOf(networks),
      details: result,
    });
    return result;
  }

  /** The number of the step that stands for the pruning: after all those of the dense network. */
  get #pruningStep(): number {
    return this.#stepsOf(this.#config.dense) + 1;
  }

  #stepsOf({ epochs, batch }: Recipe): number {
    return epochs * Math.floor(this.#data.train.length / batch);
  }

  #modelPath(name: string): string {
    return join(this.#run.path, 'models', `${name}.safetensors`);
  }

  #masksPath(name: string): string {
    return join(this.#run.path, 'masks', `${name}.safetensors`);
  }

  /** What was stopped between checkpoints starts again from the last one. */
  #asAborted(error: unknown): never {
    if (this.#signal?.aborted && error === this.#signal.reason) {
      throw new AbortedError('Pruning was stopped. --resume continues from the last checkpoint.', {
        cause: error,
        resumable: true,
      });
    }
    throw error;
  }
}

/** Apart from the orders of epochs and from other uses of random numbers under the same seed. */
const SENSITIVITY_STREAM = 2 ** 40 + 2;
const SENSITIVITY_SITE = 201;
