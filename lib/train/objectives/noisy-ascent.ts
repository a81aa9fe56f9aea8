/** What TRADES and MART share: settings of an attack that climbs from a little Gaussian noise, not from the whole ball. */

import { z } from 'zod';

import { requireCount, requireEpsilon } from '../../attack/attack.js';
import { ArgumentError } from '../../errors.js';
import { randn } from '../../ops/create.js';
import type { Tensor } from '../../tensor.js';

/** Keys of the configuration. */
export const noisyAscentFields = {
  /** Radius of the l-infinity ball, in [0, 1]. */
  epsilon: z
    .number()
    .min(0)
    .max(1)
    .default(8 / 255),
  /** Steps of the attack. */
  steps: z.int().min(1).default(10),
  /** Size of one step; by default epsilon / 4. */
  stepSize: z.number().min(0).optional(),
};

export interface NoisyAscentOptions {
  readonly epsilon: number;
  /** Default 10. */
  readonly steps?: number;
  /** Default epsilon / 4; the authors' code of both has 0.007 for 0.031. */
  readonly stepSize?: number;
  readonly seed: number;
}

/** The options with their defaults. @throws ArgumentError when one, or `beta`, is out of range */
export function checkedAscent(
  { epsilon, steps = 10, stepSize = epsilon / 4 }: NoisyAscentOptions,
  beta: number,
) {
  requireEpsilon(epsilon);
  requireCount('steps', steps);
  if (!(beta >= 0) || !(stepSize >= 0)) {
    throw new ArgumentError(`Expected beta and stepSize of at least 0, got ${beta} and ${stepSize}.`);
  }
  return { epsilon, steps, stepSize };
}

/** x + 0.001 N(0, 1), as in the authors' code of both. */
export function noisyStart(images: Tensor, seed: number, stream: number): Tensor {
  return images.add(randn(images.shape, { seed, stream, deviation: 0.001 }));
}
