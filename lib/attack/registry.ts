/** All attacks by name: one file each, one entry here. */

import { z } from 'zod';

import { type Attack, DEFAULT_EPSILON } from './attack.js';
import { fgsmAttack } from './fgsm.js';
import { pgdAttack } from './pgd.js';

const ball = {
  /** Of the ball, the random start and the steps. */
  norm: z.enum(['linf', 'l2']).default('linf'),
  /** Radius of the ball, at most 1 for `linf`; by default 8/255 for `linf`, 128/255 for `l2`. */
  epsilon: z.number().min(0).optional(),
};

const fgsmSchema = z.strictObject({ kind: z.literal('fgsm'), ...ball });

const pgdSchema = z.strictObject({
  kind: z.literal('pgd'),
  ...ball,
  steps: z.int().min(1).default(20),
  stepSize: z.number().min(0).optional(),
  restarts: z.int().min(1).default(1),
  randomStart: z.boolean().default(true),
});

/** An attack as a configuration names it; pixels in [0, 1], and distances in the same units. */
export const attackSchema = z
  .discriminatedUnion('kind', [fgsmSchema, pgdSchema])
  .refine(({ norm, epsilon }) => norm !== 'linf' || epsilon === undefined || epsilon <= 1, {
    error: 'expected at most 1 in the l-infinity ball, as pixels are in [0, 1]',
    path: ['epsilon'],
  });

export type AttackConfig = z.infer<typeof attackSchema>;

export const ATTACK_KINDS = ['fgsm', 'pgd'] as const satisfies readonly AttackConfig['kind'][];

/**
 * The attack that a configuration names.
 *
 * @param seed of random starts
 * @throws ArgumentError when a setting is out of range
 */
export function createAttack(config: AttackConfig, seed: number): Attack {
  const { norm, epsilon = DEFAULT_EPSILON[norm] } = config;
  switch (config.kind) {
    case 'fgsm':
      return fgsmAttack({ norm, epsilon });
    case 'pgd': {
      const { stepSize, ...rest } = config;
      return pgdAttack({ ...rest, epsilon, ...(stepSize === undefined ? {} : { stepSize }), seed });
    }
  }
}
