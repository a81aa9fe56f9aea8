/** Models by name. A new one is a file here and a line in `models`. */

import { ArgumentError } from '../../errors.js';
import type { Module } from '../module.js';
import type { ChannelStatistics } from '../normalize.js';
import { ResNetCifar, type ResNetCifarSpec, resNetCifarSpec } from './resnet-cifar.js';

/** All that is needed to build a model of the registry, but its weights. Plain JSON. */
export type ModelSpec = ResNetCifarSpec;

/** A model that can be built again from its `spec`. */
export interface SpecModel extends Module {
  readonly spec: ModelSpec;
}

/** What a model has to suit. */
export interface ModelOptions {
  readonly classes: number;
  /** Of the data set's pixels, in [0, 1]. */
  readonly normalization: ChannelStatistics;
}

const models = {
  resnet8: (options: ModelOptions) => resNetCifarSpec(8, options),
  resnet20: (options: ModelOptions) => resNetCifarSpec(20, options),
} satisfies Record<string, (options: ModelOptions) => ModelSpec>;

/** The names that `buildModel` knows. */
export const modelNames: readonly string[] = Object.keys(models);

/** Builds a model by name, with weights drawn by `seed`. @throws ArgumentError when there is none of that name */
export function buildModel(name: string, options: ModelOptions & { readonly seed: number }): SpecModel {
  if (!isModelName(name)) {
    throw new ArgumentError(`Expected a model out of ${modelNames.join(', ')}, got '${name}'.`);
  }
  return modelFromSpec(models[name](options), options.seed);
}

/** Builds the model of a spec, such as a pruned one, with weights drawn by `seed`. @throws ArgumentError */
export function modelFromSpec(spec: ModelSpec, seed: number): SpecModel {
  if (spec.model !== 'resnet-cifar') {
    throw new ArgumentError(`Expected the spec of a resnet-cifar, got that of a ${String(spec.model)}.`);
  }
  return ResNetCifar.fromSpec(spec, seed);
}

function isModelName(name: string): name is keyof typeof models {
  return Object.hasOwn(models, name);
}
