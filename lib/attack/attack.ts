/** What an attack is: a search for a small change of the pixels that makes a network err. */

import { ArgumentError } from '../errors.js';
import type { Module } from '../nn/module.js';
import type { BallNorm } from '../ops/pgd.js';
import type { Tensor } from '../tensor.js';

/** Images as an attack takes them. */
export interface LabelledImages {
  /** f32 [N, H, W, C] in [0, 1]: pixels, before any normalisation; the network carries its own. */
  readonly images: Tensor;
  /** i32 [N], the true classes. */
  readonly labels: Tensor<'i32'>;
  /** i32 [N], the global index of each image in its data set: random starts are drawn for it, whatever the batch. */
  readonly index: Tensor<'i32'>;
}

/** An attack with its settings. */
export interface Attack {
  /** As shown in tables, for example `PGD-20`. */
  readonly name: string;
  /** How many independent tries `attempt` has; an image is safe only when it withstands all of them. */
  readonly restarts: number;
  /**
   * One try, numbered from 0: adversarial images f32 [N, H, W, C] in the ball and in [0, 1], off the tape.
   *
   * The network runs in evaluation mode, and is left in the mode it was in.
   */
  attempt(model: Module, batch: LabelledImages, restart: number): Promise<Tensor>;
}

/** The radii that are common for CIFAR-10 (RobustBench, arXiv 2010.09670): 8 and 128 of 255 grey levels. */
export const DEFAULT_EPSILON: Readonly<Record<BallNorm, number>> = { linf: 8 / 255, l2: 128 / 255 };

/**
 * The part of a setting's check that all attacks share: a radius of at least 0, and at most 1 in the l-infinity ball.
 *
 * @throws ArgumentError
 */
export function requireEpsilon(epsilon: number, norm: BallNorm = 'linf'): void {
  if (norm !== 'linf' && norm !== 'l2')
    throw new ArgumentError(`Expected the norm 'linf' or 'l2', got '${String(norm)}'.`);
  if (Number.isFinite(epsilon) && epsilon >= 0 && (epsilon <= 1 || norm === 'l2')) return;
  if (norm === 'l2') throw new ArgumentError(`Expected epsilon of at least 0, got ${epsilon}.`);
  throw new ArgumentError(
    `Expected epsilon in [0, 1], as pixels are, got ${epsilon}; 8 of 255 grey levels are 8/255 = 0.0314.`,
  );
}

/** What an attack's name says of its norm: nothing for l-infinity. */
export function normSuffix(norm: BallNorm): string {
  return norm === 'linf' ? '' : ` (${norm})`;
}

/** @throws ArgumentError */
export function requireCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new ArgumentError(`Expected ${name} to be a whole number of at least 1, got ${value}.`);
}
