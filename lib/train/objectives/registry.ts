/** All training objectives by name: one file each, two lines here. */

import { z } from 'zod';

import type { Objective } from '../objective.js';
import { fastObjective, fastSchema } from './fast.js';
import { standardObjective, standardSchema } from './standard.js';
import { tradesObjective, tradesSchema } from './trades.js';

/** An objective as a configuration names it. */
export const objectiveSchema = z.discriminatedUnion('kind', [standardSchema, fastSchema, tradesSchema]);

export type ObjectiveConfig = z.infer<typeof objectiveSchema>;

/**
 * The objective that a configuration names.
 *
 * @param seed of its random numbers
 * @throws ArgumentError when a setting is out of range
 */
export function createObjective(config: ObjectiveConfig, seed: number): Objective {
  switch (config.kind) {
    case 'standard':
      return standardObjective(config);
    case 'fast':
      return fastObjective({ ...config, seed });
    case 'trades': {
      const { stepSize, ...rest } = config;
      return tradesObjective({ ...rest, ...(stepSize === undefined ? {} : { stepSize }), seed });
    }
  }
}
