/** What a checkpoint of the pruning workflow says besides its tensors. */

import { z } from 'zod';

import { CheckpointError } from '../errors.js';
import type { HostTensor } from '../io/host-tensor.js';
import { savedTrainingSchema } from '../train/saved-training.js';
import type { GroupPlan } from './channel-plan.js';
import type { ModuleSensitivity } from './sensitivity.js';

const sensitivitySchema = z.strictObject({
  name: z.string(),
  sensitivity: z.number(),
  curve: z.array(z.strictObject({ epsilon: z.number(), increase: z.number() })),
});

const groupSchema = z.strictObject({
  name: z.string(),
  size: z.int(),
  kept: z.int(),
  ratio: z.number(),
  sensitivity: z.number().nullable(),
});

const decisionSchema: z.ZodType<Decision> = z.strictObject({
  sensitivities: z.array(sensitivitySchema),
  variants: z.array(z.strictObject({ name: z.string(), groups: z.array(groupSchema) })),
});

/** What was decided between training and fine-tuning. */
export interface Decision {
  /** By layer; empty when no variant looks at it. */
  readonly sensitivities: readonly ModuleSensitivity[];
  /** For each variant what becomes of each group of channels, or of each layer's weights. */
  readonly variants: readonly { readonly name: string; readonly groups: readonly GroupPlan[] }[];
}

const stateSchema = z.discriminatedUnion('stage', [
  z.strictObject({
    stage: z.literal('dense'),
    decision: z.undefined().optional(),
    training: savedTrainingSchema,
  }),
  z.strictObject({
    stage: z.literal('finetune'),
    /** Which variant is being fine-tuned, from 0. */
    variant: z.int().nonnegative(),
    decision: decisionSchema,
    /** Null right after the pruning. */
    training: savedTrainingSchema.nullable(),
  }),
]);

export type PipelineState = z.infer<typeof stateSchema>;

/** Where to go on. */
export interface ResumePoint {
  readonly state: PipelineState;
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/** @throws CheckpointError when the state is not one of this workflow */
export function loadPipelineState(state: unknown): PipelineState {
  const parsed = stateSchema.safeParse(state);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CheckpointError(
    `Expected the state of a pruning run in the checkpoint, but ${issue?.path.join('.')}: ${issue?.message}; give another --out.`,
  );
}
