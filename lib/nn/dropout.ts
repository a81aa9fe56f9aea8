/** The dropout layer. */

import { ArgumentError } from '../errors.js';
import { dropout } from '../ops/dropout.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';

/**
 * In training sets each element to 0 with probability `rate` and multiplies the others by 1 / (1 - rate); else does nothing.
 *
 * The mask is a function of the seed that the model was initialised with, the place of this layer among its modules, and
 * the step of `device().stepBlock`.
 */
export class Dropout extends Module {
  readonly rate: number;
  #seed = 0;
  #site = 0;

  /** @param rate in [0, 1). @throws ArgumentError */
  constructor(rate: number) {
    super();
    if (!(rate >= 0 && rate < 1)) throw new ArgumentError(`Expected a dropout rate in [0, 1), got ${rate}.`);
    this.rate = rate;
  }

  protected override takeSeed(seed: number, place: number): void {
    this.#seed = seed;
    this.#site = place;
  }

  override forward(x: Tensor): Tensor {
    if (!this.training || this.rate === 0) return x;
    return dropout(x, { rate: this.rate, seed: this.#seed, site: this.#site });
  }
}
