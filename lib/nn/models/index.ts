/** Models by name. A new one is a file here, a line in `families`, and a line in `models`. */

import { z } from 'zod';

import { ArgumentError } from '../../errors.js';
import { nearestWord } from '../../nearest-word.js';
import { type Module, withoutDrawing } from '../module.js';
import { CellNetwork, cellsSpecSchema } from './cells.js';
import { Layerwise, layerwiseSpecSchema } from './layerwise.js';
import { MobileNetV2, mobileNetV2Spec, mobileNetV2SpecSchema } from './mobilenet-v2.js';
import { NasBench201, nasBench201SpecSchema } from './nas-bench-201.js';
import { Proxyless, proxylessSpecSchema, proxylessW03Spec } from './proxyless.js';
import { ResNet, resNetSpec, resNetSpecSchema } from './resnet.js';
import { ResNetCifar, resNetCifarSpec, resNetCifarSpecSchema } from './resnet-cifar.js';
import type { ModelOptions } from './spec.js';
import { Vgg, vggSpec, vggSpecSchema } from './vgg.js';
import { WideResNet, wideResNetSpec, wideResNetSpecSchema } from './wide-resnet.js';

export type { ModelOptions } from './spec.js';

/** Checks the spec of a model of any family. */
export const modelSpecSchema = z.discriminatedUnion('model', [
  resNetCifarSpecSchema,
  resNetSpecSchema,
  wideResNetSpecSchema,
  vggSpecSchema,
  mobileNetV2SpecSchema,
  proxylessSpecSchema,
  cellsSpecSchema,
  nasBench201SpecSchema,
  layerwiseSpecSchema,
]);

/** All that is needed to build a model of the registry, but its weights. `model` tells the family. Plain JSON. */
export type ModelSpec = z.infer<typeof modelSpecSchema>;

type SpecOf<Family extends ModelSpec['model']> = Extract<ModelSpec, { model: Family }>;

const families = {
  'resnet-cifar': (spec: SpecOf<'resnet-cifar'>) => new ResNetCifar(spec),
  resnet: (spec: SpecOf<'resnet'>) => new ResNet(spec),
  'wide-resnet': (spec: SpecOf<'wide-resnet'>) => new WideResNet(spec),
  vgg: (spec: SpecOf<'vgg'>) => new Vgg(spec),
  'mobilenet-v2': (spec: SpecOf<'mobilenet-v2'>) => new MobileNetV2(spec),
  proxyless: (spec: SpecOf<'proxyless'>) => new Proxyless(spec),
  cells: (spec: SpecOf<'cells'>) => new CellNetwork(spec),
  'nas-bench-201': (spec: SpecOf<'nas-bench-201'>) => new NasBench201(spec),
  layerwise: (spec: SpecOf<'layerwise'>) => new Layerwise(spec),
} satisfies { [Family in ModelSpec['model']]: (spec: SpecOf<Family>) => SpecModel };

/** A model that can be built again from its `spec`. */
export interface SpecModel extends Module {
  readonly spec: ModelSpec;
}

/** The class of a spec's models. */
export type ModelOf<Spec extends ModelSpec> = ReturnType<(typeof families)[Spec['model']]>;

const models = {
  resnet8: (options) => resNetCifarSpec(8, options),
  resnet20: (options) => resNetCifarSpec(20, options),
  resnet32: (options) => resNetCifarSpec(32, options),
  resnet56: (options) => resNetCifarSpec(56, options),
  resnet18: (options) => resNetSpec(18, 'imagenet', options),
  resnet34: (options) => resNetSpec(34, 'imagenet', options),
  resnet50: (options) => resNetSpec(50, 'imagenet', options),
  resnet101: (options) => resNetSpec(101, 'imagenet', options),
  resnet152: (options) => resNetSpec(152, 'imagenet', options),
  resnet18_cifar: (options) => resNetSpec(18, 'cifar', options),
  resnet34_cifar: (options) => resNetSpec(34, 'cifar', options),
  resnet50_cifar: (options) => resNetSpec(50, 'cifar', options),
  resnet101_cifar: (options) => resNetSpec(101, 'cifar', options),
  resnet152_cifar: (options) => resNetSpec(152, 'cifar', options),
  wide_resnet28_4: (options) => wideResNetSpec(28, 4, options),
  vgg11_bn: (options) => vggSpec(11, options),
  vgg16_bn: (options) => vggSpec(16, options),
  mobilenet_v2: (options) => mobileNetV2Spec(options),
  'proxyless_w0.3': (options) => proxylessW03Spec(options),
} satisfies Record<string, (options: ModelOptions) => ModelSpec>;

/** The names that `buildModel` knows. */
export const modelNames: readonly string[] = Object.keys(models);

/**
 * The spec of a model by name; change it, and build the result with `modelFromSpec`.
 *
 * @throws ArgumentError when there is none of that name
 */
export function modelSpec(name: string, options: ModelOptions): ModelSpec {
  if (isModelName(name)) return models[name](options);
  const near = nearestWord(name, modelNames);
  throw new ArgumentError(
    `Expected a model out of ${modelNames.join(', ')}, got '${name}'${near === undefined ? '' : `; did you mean ${near}?`}.`,
  );
}

/** Builds a model by name, with weights drawn by `seed`. @throws ArgumentError when there is none of that name */
export function buildModel(name: string, options: ModelOptions & { readonly seed: number }): SpecModel {
  return modelFromSpec(modelSpec(name, options), options.seed);
}

/**
 * Builds the model of a spec, such as a pruned one.
 *
 * @param seed draws the weights; null: they stay 0, for a state to be loaded into, and dropout draws by 0
 * @throws ArgumentError when the spec is none
 */
export function modelFromSpec<Spec extends ModelSpec>(spec: Spec, seed: number | null): ModelOf<Spec> {
  const checked = modelSpecSchema.safeParse(spec);
  if (!checked.success) {
    throw new ArgumentError(`Expected the spec of a model:\n${z.prettifyError(checked.error)}`);
  }
  const build = families[spec.model] as (spec: ModelSpec) => SpecModel;
  const model = withoutDrawing(() => build(spec));
  if (seed === null) model.reseed(0);
  else model.initialize(seed);
  return model as ModelOf<Spec>;
}

function isModelName(name: string): name is keyof typeof models {
  return Object.hasOwn(models, name);
}
