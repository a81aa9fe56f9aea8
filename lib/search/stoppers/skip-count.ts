/** Stops when the architecture has too many skip connections (Liang et al., DARTS+, arXiv 1909.06035). */

import { z } from 'zod';

import { ArgumentError } from '../../errors.js';
import { isSkip } from '../diagnostics/parameter-free.js';
import type { Stopper } from './stopper.js';

export const skipCountSchema = z.strictObject({
  kind: z.literal('skip-count'),
  /** It stops when so many edges of the cell are skip connections. */
  skips: z.int().min(1).default(2),
  /** The group that is counted: `normal` in DARTS' space, `cell` in NAS-Bench-201's. */
  group: z.string().default('normal'),
  /** Earlier epochs do not count: until alphas are trained, their order is chance (a choice of ours). */
  from: z.int().nonnegative().default(0),
});

const stateSchema = z.null();

/** It remembers nothing. */
export function skipCount({
  skips,
  group,
  from,
}: Omit<z.infer<typeof skipCountSchema>, 'kind'>): Stopper<null> {
  return {
    initial: null,
    stateSchema,
    observe(state, { epoch, choice }) {
      const kept = choice[group];
      if (kept === undefined) {
        throw new ArgumentError(
          `Expected a group ${group} to count skip connections in, got ${Object.keys(choice).join(', ')}.`,
        );
      }
      const found = kept.flat().filter(isSkip).length;
      if (epoch < from || found < skips) return { state, stop: null };
      return {
        state,
        stop: { reason: `${found} skip connections in ${group}, limit ${skips}`, returnTo: null },
      };
    },
  };
}
