/** All that a training needs to go on bit for bit, in the host's memory. */

import { z } from 'zod';

import { CheckpointError, NonFiniteError } from '../errors.js';
import type { HostTensor } from '../io/host-tensor.js';
import type { Module } from '../nn/module.js';
import type { WeightMasks } from '../nn/weight-masks.js';
import type { WeightAverage } from '../optim/ema.js';
import type { Optimizer } from '../optim/optimizer.js';

const fraction = z.number().min(0).max(1);

/** Where a training stands. The position of loader, schedule and random numbers all follow from `step`. */
export const positionSchema = z.strictObject({
  /** Finished steps. */
  step: z.int().nonnegative(),
  /** Sums over the steps of the running epoch. */
  epochSums: z.strictObject({
    loss: z.number(),
    right: z.int().nonnegative(),
    images: z.int().nonnegative(),
  }),
  /** How often it went back from catastrophic overfitting. */
  returns: z.int().nonnegative(),
  /** Ended at an earlier epoch than planned. */
  stoppedEarly: z.boolean(),
  /** Robust accuracies after the last sound epoch. */
  lastRobust: z.strictObject({ fgsm: fraction, pgd: fraction }).nullable(),
});

export type TrainingPosition = z.infer<typeof positionSchema>;

export const START: TrainingPosition = {
  step: 0,
  epochSums: { loss: 0, right: 0, images: 0 },
  returns: 0,
  stoppedEarly: false,
  lastRobust: null,
};

/** Tensors by name and the position. `tensors` has `model.*`, `optimizer.*`, and `average.*` and `mask.*` where used. */
export interface TrainingSnapshot {
  readonly position: TrainingPosition;
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/** What changes while a network is trained, besides the position. */
export interface TrainingState {
  readonly model: Module;
  readonly optimizer: Optimizer;
  /** The average of the weights, updated after each step. */
  readonly average?: WeightAverage;
  /** The masks that the optimiser keeps: they do not change, but a checkpoint has them. */
  readonly masks?: WeightMasks;
}

const MODEL = 'model.';
const OPTIMIZER = 'optimizer.';
const AVERAGE = 'average.';
const MASK = 'mask.';

/**
 * Copies weights, statistics and the optimiser's state to the host, once all enqueued steps have run.
 *
 * @throws NonFiniteError that names the tensor when one holds a NaN or an infinity
 */
export async function takeSnapshot(
  { model, optimizer, average, masks }: TrainingState,
  position: TrainingPosition,
): Promise<TrainingSnapshot> {
  const none = new Map<string, HostTensor>();
  const parts = await Promise.all([
    model.hostState(),
    optimizer.state().then((state) => state.tensors),
    average?.hostState() ?? none,
    masks?.hostState() ?? none,
  ]);
  const prefixes = [MODEL, OPTIMIZER, AVERAGE, MASK];
  const tensors = new Map<string, HostTensor>();
  for (const [i, part] of parts.entries()) {
    for (const [name, tensor] of part) tensors.set(prefixes[i] + name, tensor);
  }
  for (const [name, { data }] of tensors) {
    if (data instanceof Float32Array && !data.every(Number.isFinite)) {
      throw new NonFiniteError(
        `Expected finite weights after step ${position.step}, but ${name} holds a NaN or an infinity; lower the learning rate.`,
      );
    }
  }
  return { position, tensors };
}

/** Puts a snapshot's tensors back. @throws CheckpointError when they are those of another model or optimiser */
export function putSnapshot(
  { model, optimizer, average, masks }: TrainingState,
  { tensors, position }: TrainingSnapshot,
): void {
  const part = (prefix: string) =>
    new Map(
      [...tensors].flatMap(([name, t]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), t]] : [])),
    );
  try {
    model.loadStateDict(part(MODEL));
    // The rate is set anew before each step, and each step of a training is one of its optimiser and its average.
    const { step } = position;
    optimizer.loadState({ rate: optimizer.rate, steps: step, tensors: part(OPTIMIZER) });
    average?.loadState({ updates: step, tensors: part(AVERAGE) });
    masks?.loadState(part(MASK));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CheckpointError(`The checkpoint does not fit this run: ${reason}`, { cause: error });
  }
}
