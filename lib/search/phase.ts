/** One stage of a search: its network, its architecture, their optimisers, and their steps. */

import { inEvaluationMode, withStillStatistics } from '../attack/network-mode.js';
import { type Capture, capture, eachReplay } from '../capture.js';
import type { Batch, Loader } from '../data/loader.js';
import { device } from '../device.js';
import { InternalError } from '../errors.js';
import type { HostTensor } from '../io/host-tensor.js';
import type { ChannelStatistics } from '../nn/normalize.js';
import type { Parameter } from '../nn/parameter.js';
import { StateBuffer } from '../nn/parameter.js';
import { zeros } from '../ops/create.js';
import { crossEntropy } from '../ops/cross-entropy.js';
import { assign, clone } from '../ops/layout.js';
import { clipGradNorm } from '../ops/optimizer.js';
import { Adam } from '../optim/adam.js';
import { cosineSchedule, type Schedule } from '../optim/schedules.js';
import { SGD } from '../optim/sgd.js';
import { noGrad, scope } from '../scope.js';
import type { StopSignal } from '../signals.js';
import type { Tensor } from '../tensor.js';
import { Architecture } from './architecture.js';
import type { PhaseConfig } from './config.js';
import { costObjective } from './cost-objective.js';
import { type HessianEigenvalue, hessianEigenvalue } from './diagnostics/hessian-eigenvalue.js';
import { ExpectedCost } from './expected-cost.js';
import type { LatencyTable } from './latency-table.js';
import { Mixer } from './mixer.js';
import type { Pass, Purpose } from './pass.js';
import type { Perturbation } from './perturbations/perturbation.js';
import { createPerturbation } from './perturbations/registry.js';
import { createRegularizer } from './regularizers/registry.js';
import type { Regularizer } from './regularizers/regularizer.js';
import { createRelaxation } from './relaxations/registry.js';
import { valueAt } from './scheduled-value.js';
import type { TuneOptions } from './selectors/selector.js';
import { spaceOf } from './spaces/registry.js';
import type { EdgeGroup, Mixture, Supernet } from './supernet.js';
import { createUpdate } from './updates/registry.js';
import type { ArchitectureUpdate, UpdateContext } from './updates/update.js';

export interface PhaseOptions {
  readonly classes: number;
  readonly normalization: ChannelStatistics;
  readonly seed: number;
  /** Costs of candidates, for a configuration with `cost`. */
  readonly costs?: LatencyTable;
}

/** Where a step stands. */
export interface StepPosition {
  /** From 0, within the stage. */
  readonly epoch: number;
  /** Steps of the weights before it, in all stages. */
  readonly step: number;
}

/** What a step has come to: copies, read when it has run. */
export interface StepLosses {
  readonly train: number;
  /** Of the architecture's batch, with regularisers; null where the architecture did not move, or moved with the weights. */
  readonly search: number | null;
}

/** A batch where a recorded step finds it. */
interface FixedBatch {
  readonly images: StateBuffer;
  readonly labels: StateBuffer<'i32'>;
}

type Recorded = { readonly train: Tensor; readonly search: Tensor | null };

/**
 * The step of a search: the architecture moves on a batch of its own, the weights on another. Where the host has no choice to
 * make within a step, it is recorded at its first time and replayed.
 */
export class SearchPhase implements Disposable {
  readonly config: PhaseConfig;
  readonly groups: readonly EdgeGroup[];
  readonly supernet: Supernet;
  readonly architecture: Architecture;
  readonly mixer: Mixer;
  readonly weightOptimizer: SGD;
  readonly architectureOptimizer: Adam;
  readonly #options: PhaseOptions;
  readonly #regularizers: readonly Regularizer[];
  readonly #perturbation: Perturbation | null;
  readonly #expectedCost: ExpectedCost | null;
  readonly #update: ArchitectureUpdate | null;
  readonly #alphas: readonly Parameter[];
  readonly #rate: Schedule;
  readonly #recorded = new Map<string, Capture<Recorded>>();
  #batches: { readonly train: FixedBatch; readonly search: FixedBatch } | null = null;
  #position: StepPosition = { epoch: 0, step: 0 };

  /** @param groups those of the space that are left */
  constructor(config: PhaseConfig, groups: readonly EdgeGroup[], options: PhaseOptions) {
    this.config = config;
    this.groups = groups;
    this.#options = options;
    const { classes, normalization, seed } = options;
    const { weights, architecture, portion, auxiliarySkip, edgeWeights } = config;
    this.supernet = spaceOf(config.space).supernet(
      config.space,
      groups,
      { classes, normalization, portion, auxiliarySkip: auxiliarySkip !== null },
      seed,
    );
    this.architecture = new Architecture(
      groups,
      { init: architecture.init, edgeWeights, edgePairs: config.relaxation.kind === 'edge-pairs' },
      seed,
    );
    const context = { architecture: this.architecture, seed };
    this.mixer = new Mixer(this.architecture, createRelaxation(config.relaxation, context), auxiliarySkip);
    this.#regularizers = config.regularizers.map((one) => createRegularizer(one, context));
    const columns = auxiliarySkip === null ? 0 : 1;
    const shapes = new Map(
      groups.map(({ name, candidates }) => [
        name,
        [candidates.length, candidates[0]!.length + columns] as const,
      ]),
    );
    this.#perturbation =
      config.perturbation === null ? null : createPerturbation(config.perturbation, { seed, shapes });
    this.#expectedCost = options.costs === undefined ? null : new ExpectedCost(options.costs, groups);
    this.#update = createUpdate(config.update);
    this.weightOptimizer = new SGD(this.supernet.namedParameters(), weights);
    this.architectureOptimizer = new Adam(this.architecture.namedParameters(), architecture);
    this.#alphas = [...this.architecture.parameters()];
    this.#rate = searchRate(config);
  }

  /** One step of both, or of the weights alone. The promise inside is that of its losses: it waits for the device. */
  async step(train: Batch, search: Batch, position: StepPosition): Promise<{ done: Promise<StepLosses> }> {
    this.#position = position;
    const { start, every } = this.config.architecture;
    const moves = position.epoch >= start && position.step % every === 0;
    this.weightOptimizer.rate = this.#rate(position.epoch);
    this.#setSkipDisturbance();
    this.supernet.train();
    return scope(async () => {
      const batches = this.#take(train, search);
      const recorded = this.mixer.sampled
        ? await this.#stepBySampling(batches, moves)
        : this.#replay(batches, moves);
      const copies = Promise.all([recorded.train.item(), recorded.search?.item() ?? null]);
      return { done: copies.then(([train, search]) => ({ train, search })) };
    });
  }

  /** A mixture without chance, as the architecture stands: for validation and selection, off the tape. */
  settledMixture(): Mixture {
    return noGrad(() => this.mixer.mixture('architecture'));
  }

  /**
   * Trains the weights alone, under mixtures of the caller's: for selections that look how the network does after a change. The
   * rate changes from epoch to epoch, and momentum begins anew with the first part.
   */
  async tune(
    batches: Loader,
    mixture: () => Mixture,
    { epochs, rate, before, total, signal }: TuneOptions & { readonly signal?: StopSignal },
  ): Promise<void> {
    const { weights } = this.config;
    const first = rate * weights.rate;
    const schedule = cosineSchedule({ rate: first, final: Math.min(weights.final, first), steps: total });
    if (before === 0) this.weightOptimizer.restart();
    this.supernet.train();
    for (let epoch = this.config.epochs + before; epoch < this.config.epochs + before + epochs; epoch++) {
      this.weightOptimizer.rate = schedule(epoch - this.config.epochs);
      for await (const batch of batches.epoch(epoch, signal === undefined ? {} : { signal })) {
        const step = epoch * batches.steps + batch.step;
        device().stepBlock.manualStep(step, epoch);
        scope(() => this.#trainWeights(batch, noGrad(mixture)));
      }
    }
    await device().synchronize();
  }

  #take(train: Batch, search: Batch): { train: FixedBatch; search: FixedBatch } {
    this.#batches ??= { train: fixedBatch(train), search: fixedBatch(search) };
    noGrad(() => {
      assign(this.#batches!.train.images, train.images);
      assign(this.#batches!.train.labels, train.labels);
      assign(this.#batches!.search.images, search.images);
      assign(this.#batches!.search.labels, search.labels);
    });
    return this.#batches;
  }

  #replay(batches: { train: FixedBatch; search: FixedBatch }, moves: boolean): Recorded {
    const key = moves ? 'both' : 'weights';
    const known = this.#recorded.get(key);
    if (known) known.replay();
    else
      this.#recorded.set(
        key,
        capture(() => this.#record(batches, moves)),
      );
    const { train, search } = this.#recorded.get(key)!.outputs;
    return { train: clone(train), search: search === null ? null : clone(search) };
  }

  #record(batches: { train: FixedBatch; search: FixedBatch }, moves: boolean): Recorded {
    const drawFor = (purpose: Purpose) => eachReplay(() => void this.#draw(purpose));
    const parts = this.#parts(batches, moves);
    let losses: Recorded = { train: null as never, search: null };
    for (const { purpose, run } of parts) {
      drawFor(purpose);
      losses = { ...losses, ...scope(run) };
    }
    return losses;
  }

  async #stepBySampling(
    batches: { train: FixedBatch; search: FixedBatch },
    moves: boolean,
  ): Promise<Recorded> {
    let losses: Recorded = { train: null as never, search: null };
    for (const { purpose, run } of this.#parts(batches, moves)) {
      await this.#draw(purpose);
      losses = { ...losses, ...scope(run) };
    }
    return losses;
  }

  /** The passes of a step in their order. */
  #parts(
    { train, search }: { train: FixedBatch; search: FixedBatch },
    moves: boolean,
  ): { purpose: Purpose; run: () => Partial<Recorded> }[] {
    const weights = { purpose: 'weights' as const, run: () => ({ train: this.#moveWeights(train) }) };
    if (!moves) return [weights];
    const update = this.#update;
    if (update === null) {
      return [{ purpose: 'architecture', run: () => ({ train: this.#moveBoth(train) }) }];
    }
    const architecture = {
      purpose: 'architecture' as const,
      run: () => ({ search: this.#moveArchitecture(update, train, search) }),
    };
    return this.config.architecture.order === 'architecture-first'
      ? [architecture, weights]
      : [weights, architecture];
  }

  #draw(purpose: Purpose): void | Promise<void> {
    const { epoch, step } = this.#position;
    const pass: Pass = { purpose, epoch, step, epochs: this.config.epochs };
    // Networks draw by the step block: two passes a step.
    device().stepBlock.manualStep(2 * step + (purpose === 'architecture' ? 1 : 0), epoch);
    for (const regularizer of this.#regularizers) void regularizer.draw?.(pass);
    void this.#perturbation?.draw?.(pass);
    return this.mixer.draw(pass);
  }

  #moveWeights(batch: FixedBatch): Tensor {
    const settled = noGrad(() => this.mixer.mixture('weights'));
    return this.#trainWeights(batch, this.#perturbed(settled, batch));
  }

  #trainWeights(batch: Pick<Batch, 'images' | 'labels'>, mixture: Mixture): Tensor {
    const { clipNorm } = this.config.weights;
    this.weightOptimizer.zeroGrad();
    const loss = this.#lossOf(batch, mixture);
    loss.backward();
    if (clipNorm !== null) clipGradNorm(this.supernet.parameters(), clipNorm);
    this.weightOptimizer.step();
    return loss.detach();
  }

  #perturbed(mixture: Mixture, batch: FixedBatch): Mixture {
    if (this.#perturbation === null) return mixture;
    const modes = [...this.supernet.modules()].map((module) => [module, module.training] as const);
    this.supernet.eval();
    try {
      return this.#perturbation.perturbed(mixture, (nearby) => this.#lossOf(batch, nearby));
    } finally {
      for (const [module, training] of modes) module.training = training;
    }
  }

  #moveArchitecture(update: ArchitectureUpdate, train: FixedBatch, search: FixedBatch): Tensor {
    const loss = update.gradients(this.updateContext(train, search));
    this.#stepArchitecture();
    return loss;
  }

  /** One pass, one loss, both optimisers. */
  #moveBoth(batch: FixedBatch): Tensor {
    const { clipNorm } = this.config.weights;
    this.weightOptimizer.zeroGrad();
    this.architectureOptimizer.zeroGrad();
    const loss = this.#regularizedLoss(batch);
    loss.backward();
    if (clipNorm !== null) clipGradNorm(this.supernet.parameters(), clipNorm);
    this.weightOptimizer.step();
    this.#stepArchitecture();
    return loss.detach();
  }

  #stepArchitecture(): void {
    const { clipNorm } = this.config.architecture;
    if (clipNorm !== null) clipGradNorm(this.#alphas, clipNorm);
    this.architectureOptimizer.step();
    this.mixer.settle();
  }

  /** What an update works with, on two batches. */
  updateContext(
    train: Pick<Batch, 'images' | 'labels'>,
    search: Pick<Batch, 'images' | 'labels'>,
  ): UpdateContext {
    return {
      supernet: this.supernet,
      alphas: this.#alphas,
      optimizer: this.weightOptimizer,
      trainLoss: () => this.#lossOf(train, this.mixer.mixture('architecture')),
      searchLoss: () => this.#regularizedLoss(search),
    };
  }

  #regularizedLoss(batch: Pick<Batch, 'images' | 'labels'>): Tensor {
    const mixture = this.mixer.mixture('architecture');
    const loss = this.#withCost(this.#lossOf(batch, mixture), mixture);
    return this.#regularizers.reduce(
      (sum, regularizer) => sum.add(regularizer.term(mixture)),
      loss.reshape([1]),
    );
  }

  #withCost(loss: Tensor, mixture: Mixture): Tensor {
    const { cost } = this.config;
    if (cost === null || this.#expectedCost === null) return loss;
    return costObjective(cost.objective, this.#expectedCost)(loss, mixture);
  }

  #lossOf({ images, labels }: Pick<Batch, 'images' | 'labels'>, mixture: Mixture): Tensor {
    return crossEntropy(this.supernet.forward(images, mixture), labels);
  }

  #setSkipDisturbance(): void {
    const { skipDisturbance, epochs } = this.config;
    if (skipDisturbance === null) return;
    const level = valueAt(skipDisturbance.level, this.#position.epoch, epochs);
    const now = this.supernet.skipDisturbance;
    if (now?.level === level) return;
    this.supernet.skipDisturbance = { kind: skipDisturbance.kind, level, seed: this.#options.seed };
    this.#forgetRecordings(); // the level is a number in them
  }

  #forgetRecordings(): void {
    for (const recording of this.#recorded.values()) recording.dispose();
    this.#recorded.clear();
  }

  /** The largest eigenvalue of the Hessian of the loss in the architecture's parameters, on the first batch. */
  async eigenvalue(batches: Loader): Promise<HessianEigenvalue> {
    for await (const batch of batches) {
      await this.#draw('architecture');
      return await hessianEigenvalue(
        () => this.#lossOf(batch, this.mixer.mixture('architecture')),
        this.#alphas,
        {
          network: this.supernet,
          weightDecay: this.config.architecture.decay,
          seed: this.#options.seed,
        },
      );
    }
    throw new InternalError('A loader has at least one batch.');
  }

  /**
   * Accuracy in [0, 1] of a mixture. Batch normalisation goes by the running statistics of the search (`running`), or by the
   * batch's (`batch`), which suit architectures that are a small part of the network.
   */
  async accuracy(
    mixture: Mixture,
    batches: AsyncIterable<Pick<Batch, 'images' | 'labels'>>,
    statistics: 'running' | 'batch',
  ): Promise<number> {
    const count = async () => {
      let right = 0;
      let images = 0;
      for await (const batch of batches) {
        const [predicted, labels] = await noGrad(() =>
          scope(() =>
            Promise.all([this.supernet.forward(batch.images, mixture).argMax().data(), batch.labels.data()]),
          ),
        );
        right += predicted.reduce((sum, label, i) => sum + Number(label === labels[i]), 0);
        images += labels.length;
      }
      return right / images;
    };
    if (statistics === 'running') return inEvaluationMode(this.supernet, count);
    this.supernet.train();
    return withStillStatistics(this.supernet, count);
  }

  /** Copies of all that a checkpoint needs. */
  async hostState(): Promise<Map<string, HostTensor>> {
    const parts = await Promise.all([
      this.supernet.hostState(),
      this.weightOptimizer.state().then(({ tensors }) => tensors),
      this.architecture.hostState(),
      this.architectureOptimizer.state().then(({ tensors }) => tensors),
    ]);
    return new Map(
      parts.flatMap((part, i) =>
        [...part].map(([name, tensor]) => [`${PREFIXES[i]}${name}`, tensor] as const),
      ),
    );
  }

  /** Goes on from `hostState()`. @param steps of the weights and of the architecture that were made in this stage */
  loadState(
    tensors: ReadonlyMap<string, HostTensor>,
    steps: { readonly weights: number; readonly architecture: number },
  ): void {
    const part = (prefix: string) =>
      new Map(
        [...tensors].flatMap(([name, t]) =>
          name.startsWith(prefix) ? [[name.slice(prefix.length), t] as const] : [],
        ),
      );
    const [network, weights, architecture, alphas] = PREFIXES.map(part);
    this.supernet.loadStateDict(network!);
    this.architecture.loadStateDict(architecture!);
    const { rate } = this.weightOptimizer;
    this.weightOptimizer.loadState({ rate, steps: steps.weights, tensors: weights! });
    this.architectureOptimizer.loadState({
      rate: this.architectureOptimizer.rate,
      steps: steps.architecture,
      tensors: alphas!,
    });
  }

  [Symbol.dispose](): void {
    this.#forgetRecordings();
    for (const batch of Object.values(this.#batches ?? {})) {
      batch.images.dispose();
      batch.labels.dispose();
    }
    this.mixer[Symbol.dispose]();
    for (const part of [...this.#regularizers, this.#perturbation]) part?.[Symbol.dispose]();
    this.#expectedCost?.[Symbol.dispose]();
    this.weightOptimizer.dispose();
    this.architectureOptimizer.dispose();
    this.architecture.dispose();
    this.supernet.dispose();
  }
}

/** By epochs of the stage: half a cosine over these, or a part of a longer one. */
function searchRate({ weights: { rate, final, cosine }, epochs }: PhaseConfig): Schedule {
  const schedule = cosineSchedule({ rate, final, steps: cosine?.total ?? Math.max(1, epochs) });
  return (epoch) => schedule((cosine?.before ?? 0) + epoch);
}

const PREFIXES = ['network.', 'weights.', 'architecture.', 'alphas.'] as const;

function fixedBatch({ images, labels }: Batch): FixedBatch {
  return {
    images: new StateBuffer(zeros(images.shape)),
    labels: new StateBuffer(zeros(labels.shape, { dtype: 'i32' })),
  };
}
