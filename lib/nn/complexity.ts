/** How large a model is and how much it computes. */

import { zeros } from '../ops/create.js';
import { noGrad, scope } from '../scope.js';
import { type Shape, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { Conv2d } from './conv2d.js';
import { observeLayers } from './layer-observer.js';
import { Linear } from './linear.js';
import type { Module } from './module.js';

/** One layer with parameters of its own. */
export interface LayerComplexity {
  readonly name: string;
  /** The class of the layer, such as `Conv2d`. */
  readonly kind: string;
  readonly parameters: number;
  /** Multiply-accumulates for one sample; convolutions and linear layers only, as is the custom. */
  readonly macs: number;
  /** Of one sample; null for a layer that did not run. */
  readonly outputShape: Shape | null;
}

export interface Complexity {
  readonly parameters: number;
  /** For one sample. */
  readonly macs: number;
  readonly layers: readonly LayerComplexity[];
}

/**
 * Counts parameters and multiply-accumulates by layer, by running the model once on one sample of zeros.
 *
 * @param inputShape of one sample, [H, W, C]
 */
export function complexity(model: Module<[x: Tensor], unknown>, inputShape: Shape): Complexity {
  const outputs = new Map<object, { shape: Shape; macs: number }>();
  const modes = [...model.modules()].map((module) => [module, module.training] as const);
  model.eval();
  try {
    noGrad(() =>
      scope(() =>
        observeLayers(
          (layer, [, ...shape]) => {
            const macs = (outputs.get(layer)?.macs ?? 0) + sizeOf(shape) * macsPerOutput(layer);
            outputs.set(layer, { shape, macs });
          },
          () => void model.forward(zeros([1, ...inputShape])),
        ),
      ),
    );
  } finally {
    for (const [module, training] of modes) module.training = training;
  }
  const layers: LayerComplexity[] = [];
  for (const [name, module] of model.namedModules()) {
    const output = outputs.get(module);
    const parameters = ownParameters(module);
    if (parameters === 0 && output === undefined) continue;
    layers.push({
      name,
      kind: module.constructor.name,
      parameters,
      macs: output?.macs ?? 0,
      outputShape: output?.shape ?? null,
    });
  }
  return {
    parameters: layers.reduce((total, layer) => total + layer.parameters, 0),
    macs: layers.reduce((total, layer) => total + layer.macs, 0),
    layers,
  };
}

function macsPerOutput(layer: object): number {
  if (layer instanceof Conv2d || layer instanceof Linear) return sizeOf(layer.weight.shape.slice(1));
  return 0;
}

function ownParameters(module: { namedParameters(): Iterable<[string, Tensor]> }): number {
  let count = 0;
  for (const [name, parameter] of module.namedParameters()) {
    if (!name.includes('.')) count += parameter.size;
  }
  return count;
}
