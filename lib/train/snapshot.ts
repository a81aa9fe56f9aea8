/** All that a training needs to go on bit for bit, in the host's memory. */

import { z } from 'zod';

import { CheckpointError, NonFiniteError } from '../errors.js';
import type { HostTensor } from '../io/host-tensor.js';
import type { Module } from '../nn/module.js';
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

/** Tensors by name and the position. `tensors` has `model.*` and `optimizer.*`. */
export interface TrainingSnapshot {
  readonly position: TrainingPosition;
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

const MODEL = 'model.';
const OPTIMIZER = 'optimizer.';

/**
 * Copies weights, statistics and the optimiser's state to the host, once all enqueued steps have run.
 *
 * @throws NonFiniteError that names the tensor when one holds a NaN or an infinity
 */
export async function takeSnapshot(
  model: Module,
  optimizer: Optimizer,
  position: TrainingPosition,
): Promise<TrainingSnapshot> {
  const [weights, { tensors: moments }] = await Promise.all([model.hostState(), optimizer.state()]);
  const tensors = new Map<string, HostTensor>();
  for (const [name, tensor] of weights) tensors.set(MODEL + name, tensor);
  for (const [name, tensor] of moments) tensors.set(OPTIMIZER + name, tensor);
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
  model: Module,
  optimizer: Optimizer,
  { tensors, position }: TrainingSnapshot,
): void {
  const part = (prefix: string) =>
    new Map(
      [...tensors].flatMap(([name, t]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), t]] : [])),
    );
  try {
    model.loadStateDict(part(MODEL));
    // The rate is set anew before each step, and each step of a training is one of its optimiser.
    const { step: steps } = position;
    optimizer.loadState({ rate: optimizer.rate, steps, tensors: part(OPTIMIZER) });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CheckpointError(`The checkpoint does not fit this run: ${reason}`, { cause: error });
  }
}
