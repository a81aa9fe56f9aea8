/** Numbers that change from epoch to epoch: temperatures, radii, coefficients of penalties. */

import { z } from 'zod';

/** A number, or one that goes from one value to another and stays there. */
export const scheduledValueSchema = z.union([
  z.number(),
  z
    .strictObject({
      from: z.number(),
      to: z.number(),
      form: z.enum(['linear', 'exponential', 'cosine']).default('linear'),
      /** The epoch, from 0, with which it begins to change. */
      start: z.int().nonnegative().default(0),
      /** It has come to `to` after so many epochs. Default: those of the search that are left at `start`. */
      epochs: z.int().min(1).optional(),
      /** `end`: it is at `to` when the epochs are over; `last`: in the last of them already. */
      reached: z.enum(['end', 'last']).default('end'),
    })
    .refine(({ form, from, to }) => form !== 'exponential' || (from > 0 && to > 0), {
      error: 'expected values above 0 for an exponential form',
    }),
  z.strictObject({
    from: z.number(),
    /**
     * P-DARTS' dropout of skip connections (chenxin061/pdarts, train_search.py): p (E - e - 1) / E of E epochs before `restart`, and
     * p exp(-decay (e - restart)) from there.
     */
    form: z.literal('linear-then-exponential'),
    restart: z.int().nonnegative(),
    decay: z.number().min(0),
  }),
]);

export type ScheduledValue = z.infer<typeof scheduledValueSchema>;

/** The value in an epoch, from 0, of a search of so many epochs. It changes between epochs only. */
export function valueAt(value: ScheduledValue, epoch: number, epochs: number): number {
  if (typeof value === 'number') return value;
  if (value.form === 'linear-then-exponential') {
    const { from, restart, decay } = value;
    if (epoch < restart) return (from * (epochs - epoch - 1)) / epochs;
    return from * Math.exp(-decay * (epoch - restart));
  }
  const { from, to, form, start, reached } = value;
  const length = (value.epochs ?? epochs - start) - (reached === 'last' ? 1 : 0);
  const progress = epoch <= start ? 0 : Math.min(1, (epoch - start) / Math.max(1, length));
  switch (form) {
    case 'linear':
      return from + (to - from) * progress;
    case 'exponential':
      return from * (to / from) ** progress;
    case 'cosine':
      return to + ((from - to) * (1 + Math.cos(Math.PI * progress))) / 2;
  }
}
