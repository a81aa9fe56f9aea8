/** Drop-path: whole branches of a network left out, image by image. */

import { ArgumentError } from '../errors.js';
import { ones } from '../ops/create.js';
import { dropout } from '../ops/dropout.js';
import type { Tensor } from '../tensor.js';
import { type AnyModule, Module } from './module.js';

/** A network with branches that drop-path can leave out in training. */
export interface DropPathModel {
  /** Probability in [0, 1) that a branch gives 0 for an image; those that stay are multiplied by 1 / (1 - rate). At first 0. */
  dropPathRate: number;
}

/** Whether a network has branches that drop-path can leave out. */
export function hasDropPaths(model: AnyModule): model is AnyModule & DropPathModel {
  return 'dropPathRate' in model;
}

/** The rate as it was given. @throws ArgumentError when it is not in [0, 1) */
export function checkDropPathRate(rate: number): number {
  if (rate >= 0 && rate < 1) return rate;
  throw new ArgumentError(`Expected a drop-path rate in [0, 1), got ${rate}.`);
}

/**
 * The end of one branch: in training, each image of a batch is 0 with probability `rate`, and else multiplied by
 * 1 / (1 - rate) (Larsson et al., arXiv 1605.07648, as in `drop_path` of quark0/darts).
 *
 * Which images is a function of the seed of the whole model, the place of this layer among its modules, and the step of
 * `device().stepBlock`, as with `Dropout`.
 */
export class DropPath extends Module<[x: Tensor, rate: number]> {
  #seed = 0;
  #site = 0;

  protected override takeSeed(seed: number, place: number): void {
    this.#seed = seed;
    this.#site = place;
  }

  /** Whether `forward` would change anything. */
  isActive(rate: number): boolean {
    return this.training && rate > 0;
  }

  /** @param x [N, ...] */
  override forward(x: Tensor, rate: number): Tensor {
    if (!this.isActive(rate)) return x;
    const factors = ones([x.shape[0]!, ...x.shape.slice(1).map(() => 1)]);
    return x.mul(dropout(factors, { rate, seed: this.#seed, site: this.#site }));
  }
}
