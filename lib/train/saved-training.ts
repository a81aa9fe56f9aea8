/** A training's snapshot in the form that checkpoints take: tensors by name, and plain JSON. */

import { z } from 'zod';

import { CheckpointError } from '../errors.js';
import type { HostTensor } from '../io/host-tensor.js';
import { positionSchema, type TrainingSnapshot } from './snapshot.js';

/** Before the names of the tensors of the last sound epoch, which a run may have to go back to. */
const SOUND = 'sound/';

export const savedTrainingSchema = z.strictObject({
  position: positionSchema,
  /** Position after the last sound epoch, where that is not this one. */
  sound: positionSchema.nullable(),
});

export type SavedTrainingState = z.infer<typeof savedTrainingSchema>;

/** The parts of a checkpoint. */
export interface SavedTraining {
  readonly tensors: Map<string, HostTensor>;
  readonly state: SavedTrainingState;
}

/** @param lastSound as `Trainer.lastSound` */
export function saveTraining(snapshot: TrainingSnapshot, lastSound?: TrainingSnapshot): SavedTraining {
  const tensors = new Map(snapshot.tensors);
  const apart = lastSound !== undefined && lastSound.position.step !== snapshot.position.step;
  if (apart) for (const [name, tensor] of lastSound.tensors) tensors.set(SOUND + name, tensor);
  return { tensors, state: { position: snapshot.position, sound: apart ? lastSound.position : null } };
}

/** The arguments of `Trainer.resume`. @throws CheckpointError when the state is not that of a training */
export function loadTraining(
  tensors: ReadonlyMap<string, HostTensor>,
  state: unknown,
): { snapshot: TrainingSnapshot; lastSound: TrainingSnapshot | undefined } {
  const parsed = savedTrainingSchema.safeParse(state);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new CheckpointError(
      `Expected the state of a training in the checkpoint, but ${issue?.path.join('.')}: ${issue?.message}.`,
    );
  }
  const { position, sound } = parsed.data;
  const current = new Map([...tensors].filter(([name]) => !name.startsWith(SOUND)));
  const earlier = new Map(
    [...tensors].flatMap(([name, t]) =>
      name.startsWith(SOUND) ? [[name.slice(SOUND.length), t] as const] : [],
    ),
  );
  return {
    snapshot: { position, tensors: current },
    lastSound: sound === null ? undefined : { position: sound, tensors: earlier },
  };
}
