/** What a checkpoint of a search says besides its tensors. */

import { z } from 'zod';

import { CheckpointError } from '../errors.js';
import { savedTrainingSchema } from '../train/saved-training.js';
import { architectureRecordSchema } from './epoch-diagnostics.js';
import { supernetRankingSchema } from './tables/table-lookup.js';

const strengthsSchema = z.record(
  z.string(),
  z.strictObject({
    candidates: z.array(z.array(z.number()).readonly()).readonly(),
    pairs: z.array(z.number()).readonly().exactOptional(),
  }),
);

const groupSchema = z.strictObject({
  name: z.string(),
  candidates: z.array(z.array(z.string()).readonly()).readonly(),
  nodes: z.array(z.array(z.int().nonnegative()).readonly()).readonly(),
  edgesPerNode: z.int().positive().nullable(),
  noneAllowed: z.boolean(),
});

const choiceSchema = z.record(z.string(), z.array(z.array(z.string()).readonly()).readonly());

/** One epoch of a search, as it ended. */
export const searchEpochSchema = z.strictObject({
  stage: z.int().nonnegative(),
  /** From 1, within the stage. */
  epoch: z.int().positive(),
  /** Steps of the weights so far, in all stages. */
  step: z.int().nonnegative(),
  trainLoss: z.number(),
  /** Mean over the epoch; null where the architecture did not move on its own batches. */
  searchLoss: z.number().nullable(),
  /** Of the mixture, on validation images. */
  accuracy: z.number(),
  /** Of the Hessian of the loss in the alphas, as `HessianEigenvalue`; null where it was not measured. */
  eigenvalue: z
    .strictObject({ largest: z.number(), residual: z.number(), confirmed: z.number(), steps: z.int() })
    .nullable(),
  strengths: strengthsSchema,
  /** Of the architecture that the strengths mean. */
  architecture: architectureRecordSchema,
});

export type SearchEpoch = z.infer<typeof searchEpochSchema>;

/** Sums over the steps of an epoch that is not over. */
const sumsSchema = z.strictObject({ train: z.number(), search: z.number(), steps: z.int(), moves: z.int() });

const progressSchema = z.strictObject({
  /** The stage that the search is in. */
  stage: z.int().nonnegative(),
  /** Steps of the weights and of the architecture in this stage. */
  weightSteps: z.int().nonnegative(),
  architectureSteps: z.int().nonnegative(),
  /** Steps of the weights, and epochs, in the stages before. */
  stepsBefore: z.int().nonnegative(),
  epochsBefore: z.int().nonnegative(),
  sums: sumsSchema,
  /** What is left of the space in this stage. */
  groups: z.array(groupSchema).readonly(),
  history: z.array(searchEpochSchema).readonly(),
  /** What the search has taken so far; see `SearchCost`. */
  cost: z.strictObject({ milliseconds: z.number().nonnegative(), memory: z.number().nonnegative() }),
  /** The stopper's own state. */
  stopper: z.unknown(),
  /** Why the stage ended early, and the epoch (from 1) whose architecture is taken, null: the last; null while it has not. */
  stopped: z.strictObject({ reason: z.string(), returnTo: z.int().nullable() }).nullable(),
});

export type SearchProgress = z.infer<typeof progressSchema>;

const stateSchema = z.discriminatedUnion('stage', [
  z.strictObject({ stage: z.literal('search'), progress: progressSchema }),
  z.strictObject({
    stage: z.literal('select'),
    progress: progressSchema,
    /** Rounds that are over, and the selector's own state. */
    rounds: z.int().nonnegative(),
    selector: z.unknown(),
  }),
  z.strictObject({
    stage: z.literal('retrain'),
    progress: progressSchema,
    choice: choiceSchema,
    alternatives: z.array(z.strictObject({ name: z.string(), choice: choiceSchema })).readonly(),
    /** Of a table's cells; null without a table. */
    ranking: supernetRankingSchema.nullable(),
    training: savedTrainingSchema.nullable(),
  }),
]);

export type SearchState = z.infer<typeof stateSchema>;

/** @throws CheckpointError when the state is not one of a search */
export function loadSearchState(state: unknown): SearchState {
  const parsed = stateSchema.safeParse(state);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CheckpointError(
    `Expected the state of a search in the checkpoint, but ${issue?.path.join('.')}: ${issue?.message}; give another --out.`,
  );
}
