/** Modules one after the other. */

import type { Tensor } from '../tensor.js';
import { Module } from './module.js';

/** Calls its modules in turn; their names are their numbers: `0.weight`. */
export class Sequential extends Module {
  readonly layers: readonly Module[];

  constructor(...layers: readonly Module[]) {
    super();
    this.layers = layers;
  }

  override *namedChildren(): Generator<[name: string, module: Module]> {
    for (const [index, layer] of this.layers.entries()) yield [String(index), layer];
  }

  override forward(x: Tensor): Tensor {
    return this.layers.reduce((y, layer) => layer.forward(y), x);
  }
}
