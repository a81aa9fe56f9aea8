/** All updates by name: one file each, one entry here. */

import { z } from 'zod';

import { firstOrderUpdate } from './first-order.js';
import { implicitUpdate } from './implicit.js';
import { secondOrderUpdate } from './second-order.js';
import type { ArchitectureUpdate } from './update.js';

/**
 * How the architecture is updated, as a configuration names it. `single-level`: by the same batch, loss and pass as the weights
 * (SNAS, Single-DARTS).
 */
export const updateSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('first-order') }),
  z.strictObject({ kind: z.literal('second-order') }),
  z.strictObject({
    kind: z.literal('implicit'),
    terms: z.int().nonnegative().default(2),
    rate: z.number().positive().default(0.01),
  }),
  z.strictObject({ kind: z.literal('single-level') }),
]);

export type UpdateConfig = z.infer<typeof updateSchema>;

/** The update that a configuration names; null for the one level, where the step of the weights does it. */
export function createUpdate(config: UpdateConfig): ArchitectureUpdate | null {
  switch (config.kind) {
    case 'first-order':
      return firstOrderUpdate;
    case 'second-order':
      return secondOrderUpdate;
    case 'implicit':
      return implicitUpdate(config);
    case 'single-level':
      return null;
  }
}
