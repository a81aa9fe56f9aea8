/** What the specs of all models have in common. */

import { z } from 'zod';

import type { ChannelStatistics } from '../normalize.js';

/** A number of channels, features or classes. */
export const countSchema = z.int().min(1);

/** A share that a dropout takes away. */
export const dropoutRateSchema = z.number().min(0).lt(1);

/** What every spec says: how many logits, and the statistics of the pixels in [0, 1]. */
export const commonSpec = {
  classes: countSchema,
  normalization: z.strictObject({ mean: z.array(z.number()), std: z.array(z.number()) }),
};

/** What a model has to suit. */
export interface ModelOptions {
  readonly classes: number;
  /** Of the data set's pixels, in [0, 1]. */
  readonly normalization: ChannelStatistics;
}

/** The part of a spec that `options` decide. */
export function commonOf({ classes, normalization }: ModelOptions) {
  return { classes, normalization: { mean: [...normalization.mean], std: [...normalization.std] } };
}
