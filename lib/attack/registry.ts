/** All attacks by name: one file each, one entry here. */

import { z } from 'zod';

import type { Attack } from './attack.js';
import { fgsmAttack } from './fgsm.js';
import { pgdAttack } from './pgd.js';

const epsilon = z
  .number()
  .min(0)
  .max(1)
  .default(8 / 255);

const fgsmSchema = z.strictObject({ kind: z.literal('fgsm'), epsilon });

const pgdSchema = z.strictObject({
  kind: z.literal('pgd'),
  epsilon,
  steps: z.int().min(1).default(20),
  stepSize: z.number().min(0).optional(),
  restarts: z.int().min(1).default(1),
  randomStart: z.boolean().default(true),
  norm: z.literal('linf').default('linf'),
});

/** An attack as a configuration names it; pixels and distances in [0, 1]. */
export const attackSchema = z.discriminatedUnion('kind', [fgsmSchema, pgdSchema]);

export type AttackConfig = z.infer<typeof attackSchema>;

export const ATTACK_KINDS = ['fgsm', 'pgd'] as const satisfies readonly AttackConfig['kind'][];

/**
 * The attack that a configuration names.
 *
 * @param seed of random starts
 * @throws ArgumentError when a setting is out of range
 */
export function createAttack(config: AttackConfig, seed: number): Attack {
  switch (config.kind) {
    case 'fgsm':
      return fgsmAttack(config);
    case 'pgd': {
      const { stepSize, ...rest } = config;
      return pgdAttack({ ...rest, ...(stepSize === undefined ? {} : { stepSize }), seed });
    }
  }
}
