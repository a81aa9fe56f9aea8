/** All training objectives by name: one file each, three lines here. */

import { z } from 'zod';

import { loadModel } from '../model-file.js';
import type { Objective } from '../objective.js';
import { distillationObjective, distillationSchema } from './distillation.js';
import { fastObjective, fastSchema } from './fast.js';
import { martObjective, martSchema } from './mart.js';
import { pgdAtObjective, pgdAtSchema } from './pgd-at.js';
import { type StandardOptions, standardObjective, standardSchema } from './standard.js';
import { tradesObjective, tradesSchema } from './trades.js';

/** An objective as a configuration names it. */
export const objectiveSchema = z.discriminatedUnion('kind', [
  standardSchema,
  distillationSchema,
  fastSchema,
  pgdAtSchema,
  tradesSchema,
  martSchema,
]);

export type ObjectiveConfig = z.infer<typeof objectiveSchema>;

/**
 * The objective that a configuration names.
 *
 * @param seed of its random numbers
 * @param options `auxiliaryWeight`: see `standardObjective`
 * @throws ArgumentError when a setting is out of range; FileFormatError, FileSystemError when a teacher cannot be read
 */
export async function createObjective(
  config: ObjectiveConfig,
  seed: number,
  options: Pick<StandardOptions, 'auxiliaryWeight'> = {},
): Promise<Objective> {
  switch (config.kind) {
    case 'standard':
      return standardObjective({ ...config, ...options });
    case 'distillation':
      return distillationObjective({ ...config, teacher: await loadModel(config.teacher) });
    case 'fast':
      return fastObjective({ ...config, seed });
    case 'pgd-at':
      return pgdAtObjective({ ...withoutUndefined(config), seed });
    case 'trades':
      return tradesObjective({ ...withoutUndefined(config), seed });
    case 'mart':
      return martObjective({ ...withoutUndefined(config), seed });
  }
}

/** An optional key that was not given is not there, rather than undefined. */
function withoutUndefined<T extends { readonly stepSize?: number | undefined }>({ stepSize, ...rest }: T) {
  return { ...rest, ...(stepSize === undefined ? {} : { stepSize }) };
}
