/** All stoppers by name: one file each, one entry here. */

import { z } from 'zod';

import { eigenvalueRatio, eigenvalueRatioSchema } from './eigenvalue-ratio.js';
import { rankStability, rankStabilitySchema } from './rank-stability.js';
import { skipCount, skipCountSchema } from './skip-count.js';
import type { Stopper } from './stopper.js';

/** A stopper as a configuration names it. */
export const stopperSchema = z.discriminatedUnion('kind', [
  skipCountSchema,
  rankStabilitySchema,
  eigenvalueRatioSchema,
]);

export type StopperConfig = z.infer<typeof stopperSchema>;

export const STOPPER_KINDS = [
  'skip-count',
  'rank-stability',
  'eigenvalue-ratio',
] as const satisfies readonly StopperConfig['kind'][];

/** The stopper that a configuration names. Whoever keeps its state need not know what it is. */
export function createStopper(config: StopperConfig): Stopper<unknown> {
  switch (config.kind) {
    case 'skip-count':
      return skipCount(config);
    case 'rank-stability':
      return rankStability(config);
    case 'eigenvalue-ratio':
      return eigenvalueRatio(config);
  }
}
