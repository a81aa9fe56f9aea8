/** The training loop. */

import type { LabelledImages } from '../attack/attack.js';
import { device } from '../device.js';
import { AbortedError, ArgumentError, NonFiniteError } from '../errors.js';
import { clipGradNorm } from '../ops/optimizer.js';
import type { Schedule } from '../optim/schedules.js';
import { scope } from '../scope.js';
import type { StopSignal } from '../signals.js';
import type { Objective } from './objective.js';
import { isCatastrophicOverfitting, MAX_RETURNS, type RobustMeasures } from './overfitting-guard.js';
import { type ProgressSink, silentProgress } from './progress-sink.js';
import {
  putSnapshot,
  START,
  type TrainingPosition,
  type TrainingSnapshot,
  type TrainingState,
  takeSnapshot,
} from './snapshot.js';

/** Accuracies in [0, 1] on validation images; names are free, but `fgsm` and `pgd` are watched. */
export type ValidationMeasures = Readonly<Record<string, number>>;

/** What was measured, for a log: plain numbers. `step` counts finished steps. */
export type TrainingRecord = { readonly step: number } & Readonly<Record<string, number>>;

/** Where batches come from; `Loader` is one. */
export interface BatchSource {
  /** Batches an epoch. */
  readonly steps: number;
  /** The batches of an epoch from number `from` on: a pure function of both. */
  epoch(epoch: number, options: { readonly from: number }): AsyncIterable<LabelledImages>;
}

/** Its optimiser and average are new: they have made no steps. An average is what is validated and stays at the end. */
export interface TrainerOptions extends TrainingState {
  /** Learning rate by step. */
  readonly schedule: Schedule;
  readonly objective: Objective;
  readonly batches: BatchSource;
  readonly epochs: number;
  /** Called before the steps of an epoch, counted from 0; again when the run goes on within one. */
  readonly onEpoch?: (epoch: number) => void;
  /** Gradients are scaled down to this 2-norm. Default: never. */
  readonly clipNorm?: number;
  /** Called after each epoch, while no step is in flight; it must leave the model in training mode. */
  readonly validate?: (epoch: number) => Promise<ValidationMeasures>;
  /** A record of loss and rate is made every so many steps. Default 10. */
  readonly recordEvery?: number;
  readonly onRecord?: (record: TrainingRecord) => void | Promise<void>;
  /** Besides those after each epoch, a snapshot is taken every so many steps. Default: none. */
  readonly snapshotEvery?: number;
  /**
   * Called with a snapshot of each epoch's end, and when the run is aborted: save it and the run can go on from there.
   * It comes one step late, when that step's loss has turned out to be finite.
   */
  readonly onSnapshot?: (snapshot: TrainingSnapshot) => Promise<void>;
  /** Called when training goes back to an earlier step; records after it have become void. */
  readonly onReturn?: (step: number) => Promise<void>;
  readonly signal?: StopSignal;
  readonly progress?: ProgressSink;
  /** What progress calls the work. Default `train`. */
  readonly title?: string;
}

/** What one step has come to, as far as the host knows. */
interface StepReading {
  readonly step: number;
  readonly loss: number;
  readonly right: number;
  readonly images: number;
}

/**
 * Trains a network. At most two steps are in flight: the loss of a step is read after the next one is enqueued, so a
 * NaN is noticed one step late, and never saved.
 *
 * Results are a pure function of weights, data, options and seed: a run that goes on from a snapshot ends with the same
 * bits as one that was not interrupted.
 */
export class Trainer {
  readonly #options: TrainerOptions;
  #position: TrainingPosition = START;
  /** Where to go back to: the state after the last sound epoch. Kept only when the objective watches overfitting. */
  #lastSound: TrainingSnapshot | undefined;
  /** Taken, but not handed out before the next step's loss is known: finite weights may still be ruined ones. */
  #unproven: TrainingSnapshot | undefined;

  /** @throws ArgumentError when `epochs` is no whole number of at least 1 */
  constructor(options: TrainerOptions) {
    if (!Number.isSafeInteger(options.epochs) || options.epochs < 1) {
      throw new ArgumentError(`Expected at least one epoch, got ${options.epochs}.`);
    }
    this.#options = options;
  }

  /** Where the training stands. */
  get position(): TrainingPosition {
    return this.#position;
  }

  /** Steps in all. */
  get totalSteps(): number {
    return this.#options.epochs * this.#options.batches.steps;
  }

  /**
   * Goes on from a snapshot: `run()` starts there.
   *
   * @param lastSound the snapshot after the epoch before, where the snapshot was taken within an epoch; see `onSnapshot`
   * @throws CheckpointError when it is that of another model or optimiser
   */
  resume(snapshot: TrainingSnapshot, lastSound?: TrainingSnapshot): void {
    putSnapshot(this.#options, snapshot);
    this.#position = snapshot.position;
    const atEpochEnd = snapshot.position.step % this.#options.batches.steps === 0;
    if (this.#options.objective.watchOverfitting) this.#lastSound = atEpochEnd ? snapshot : lastSound;
  }

  /** The state after the last sound epoch, to be saved beside a snapshot that was taken within an epoch. */
  get lastSound(): TrainingSnapshot | undefined {
    return this.#lastSound;
  }

  /**
   * Trains until all epochs are done, or ended early after too many returns from catastrophic overfitting. With an average,
   * the model then has the averaged weights.
   *
   * @throws NonFiniteError when the loss, or at a snapshot a weight, is NaN or infinite; the last snapshot stays good
   * @throws AbortedError after `signal` is aborted, between two steps: resumable when there is an `onSnapshot`
   */
  async run(): Promise<TrainingPosition> {
    const { model, objective, batches, title = 'train', progress = silentProgress } = this.#options;
    const total = this.totalSteps;
    progress.stage(title, { total, done: this.#position.step });
    model.train();
    if (objective.watchOverfitting) this.#lastSound ??= await this.#snapshot();
    while (this.#position.step < total && !this.#position.stoppedEarly) {
      await this.#trainEpoch(Math.floor(this.#position.step / batches.steps));
      await this.#finishEpoch();
    }
    await this.#handOutProven();
    this.#options.average?.swap();
    return this.#position;
  }

  async #trainEpoch(epoch: number): Promise<void> {
    const { batches, snapshotEvery = 0, signal, onEpoch } = this.#options;
    onEpoch?.(epoch);
    const first = epoch * batches.steps;
    let inFlight: Promise<StepReading> | undefined;
    const settle = async () => {
      if (inFlight !== undefined) await this.#settle(await inFlight);
      inFlight = undefined;
    };
    let step = this.#position.step;
    for await (const batch of batches.epoch(epoch, { from: step - first })) {
      if (signal?.aborted) {
        await settle();
        throw await this.#aborted(signal);
      }
      const { done } = await this.#enqueueStep(batch, step++);
      // It is awaited one step later; until then its error is not unhandled.
      done.catch(() => {});
      await settle();
      inFlight = done;
      if (snapshotEvery > 0 && step % snapshotEvery === 0 && step < first + batches.steps) {
        await settle();
        this.#unproven = await this.#snapshot();
      }
    }
    await settle();
  }

  /** Enqueues a step. The promise inside is that of its reading: it waits for the device. */
  async #enqueueStep(batch: LabelledImages, step: number): Promise<{ done: Promise<StepReading> }> {
    const { model, optimizer, average, schedule, objective, clipNorm } = this.#options;
    return scope(async () => {
      device().stepBlock.manualStep(step);
      optimizer.rate = schedule(step);
      optimizer.zeroGrad();
      const context = { step, returns: this.#position.returns };
      const { loss, logits } = await objective.evaluate(model, batch, context);
      loss.backward();
      if (clipNorm !== undefined) clipGradNorm(model.parameters(), clipNorm);
      optimizer.step();
      average?.update();
      // Copied out behind the optimiser's pass, so that they tell when the whole step has run.
      const copies = Promise.all([loss.item(), logits.argMax().data(), batch.labels.data()]);
      const done = copies.then(([loss, predicted, labels]) => {
        const right = predicted.reduce((count, label, i) => count + Number(label === labels[i]), 0);
        return { step, loss, right, images: labels.length };
      });
      return { done };
    });
  }

  async #settle({ step, loss, right, images }: StepReading): Promise<void> {
    const { recordEvery = 10, onRecord, schedule, progress } = this.#options;
    if (!Number.isFinite(loss)) {
      throw new NonFiniteError(
        `The loss of step ${step + 1} is ${loss}, so training stops; the last checkpoint is good. Lower the learning rate or clip gradients.`,
      );
    }
    await this.#handOutProven();
    const sums = this.#position.epochSums;
    this.#position = {
      ...this.#position,
      step: step + 1,
      epochSums: { loss: sums.loss + loss * images, right: sums.right + right, images: sums.images + images },
    };
    progress?.advance(1, `loss ${loss.toFixed(3)}`);
    if ((step + 1) % recordEvery === 0) await onRecord?.({ step: step + 1, loss, rate: schedule(step) });
  }

  async #finishEpoch(): Promise<void> {
    const { batches, average, objective, onRecord } = this.#options;
    const { step, epochSums } = this.#position;
    const epoch = step / batches.steps;
    const validate = async () => (await this.#options.validate?.(epoch)) ?? {};
    const measures = await (average === undefined ? validate() : average.during(validate));
    const robust = robustMeasures(measures);
    const before = this.#position.lastRobust;
    if (objective.watchOverfitting && robust && before && isCatastrophicOverfitting(before, robust)) {
      await this.#goBack(epoch, before, robust);
      return;
    }
    const trained = {
      trainLoss: epochSums.loss / epochSums.images,
      trainAccuracy: epochSums.right / epochSums.images,
    };
    await onRecord?.({ step, epoch, ...trained, ...measures });
    this.#position = { ...this.#position, epochSums: START.epochSums, lastRobust: robust };
    this.#unproven = await this.#snapshot();
    if (objective.watchOverfitting) this.#lastSound = this.#unproven;
    this.#tell(epoch, measures);
  }

  /** Puts the state after the last sound epoch back, with one return more. */
  async #goBack(epoch: number, before: RobustMeasures, after: RobustMeasures): Promise<void> {
    const { onReturn, onRecord, onSnapshot, progress } = this.#options;
    const sound = this.#lastSound!;
    const returns = this.#position.returns + 1;
    putSnapshot(this.#options, sound);
    this.#position = { ...sound.position, returns, stoppedEarly: returns >= MAX_RETURNS };
    const { step } = this.#position;
    await onReturn?.(step);
    await onRecord?.({
      step,
      overfittedEpoch: epoch,
      returns,
      fgsmBefore: before.fgsm,
      fgsmAfter: after.fgsm,
      pgdBefore: before.pgd,
      pgdAfter: after.pgd,
    });
    const what = this.#position.stoppedEarly
      ? 'training ends there'
      : 'the attack takes smaller steps from there';
    progress?.log(
      `Catastrophic overfitting in epoch ${epoch}: PGD accuracy fell from ${percent(before.pgd)} to ${percent(after.pgd)} ` +
        `while FGSM accuracy rose. Back to step ${step}; ${what}.`,
    );
    progress?.stage(this.#options.title ?? 'train', { total: this.totalSteps, done: step });
    const snapshot = { ...sound, position: this.#position };
    this.#lastSound = snapshot;
    await onSnapshot?.(snapshot);
  }

  async #aborted(signal: StopSignal): Promise<AbortedError> {
    const { onSnapshot } = this.#options;
    this.#unproven = undefined;
    await onSnapshot?.(await this.#snapshot());
    const next = onSnapshot === undefined ? '' : ' A checkpoint was written; --resume continues from it.';
    return new AbortedError(`Training was stopped after step ${this.#position.step}.${next}`, {
      cause: signal.reason,
      resumable: onSnapshot !== undefined,
    });
  }

  async #handOutProven(): Promise<void> {
    const snapshot = this.#unproven;
    this.#unproven = undefined;
    if (snapshot !== undefined) await this.#options.onSnapshot?.(snapshot);
  }

  #snapshot(): Promise<TrainingSnapshot> {
    return takeSnapshot(this.#options, this.#position);
  }

  #tell(epoch: number, measures: ValidationMeasures): void {
    const texts = Object.entries(measures).map(([name, value]) => `${name} ${percent(value)}`);
    if (texts.length > 0) this.#options.progress?.log(`  epoch ${epoch}: ${texts.join(', ')}`);
  }
}

function robustMeasures({ fgsm, pgd }: ValidationMeasures): RobustMeasures | null {
  return fgsm === undefined || pgd === undefined ? null : { fgsm, pgd };
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}
