/** What ends a search before its last epoch. */

import type { z } from 'zod';

import type { WeightsByGroup } from '../diagnostics/group-weights.js';
import type { Choice, EdgeGroup } from '../supernet.js';

/** What a search knows at the end of an epoch. */
export interface EpochObservation {
  /** One more each time; as the search counts them, also in `returnTo` and in the configurations of stoppers. */
  readonly epoch: number;
  /** The largest eigenvalue of the Hessian of the validation loss in the alphas; null where it was not computed. */
  readonly eigenvalue: number | null;
  readonly weights: WeightsByGroup;
  /** The architecture that the weights mean. */
  readonly choice: Choice;
  readonly groups: readonly EdgeGroup[];
}

export interface Stop {
  /** For a person. */
  readonly reason: string;
  /** The epoch at whose end the architecture is taken; null: now. */
  readonly returnTo: number | null;
}

/** A stopper is a pure function of what it is shown; its state `S` is plain JSON, so that checkpoints hold it. */
export interface Stopper<S> {
  readonly initial: S;
  /** Checks a state that comes from a checkpoint. */
  readonly stateSchema: z.ZodType<S>;
  /** Called once an epoch, in order. */
  observe(state: S, epoch: EpochObservation): { state: S; stop: Stop | null };
}
