/**
 * Networks with one choice a layer: the space of ProxylessNAS (Cai et al., arXiv 1812.00332), with FBNet's blocks in groups
 * (Wu et al., arXiv 1812.03443) besides. An architecture names an inverted residual, or the identity, for each layer.
 */

import { z } from 'zod';

import { ArgumentError } from '../../errors.js';
import type { Normed } from '../../ops/normed.js';
import { globalAvgPool2d } from '../../ops/pool.js';
import type { Tensor } from '../../tensor.js';
import { layerwiseGenotypeSchema } from '../genotype.js';
import { Module } from '../module.js';
import { Normalize } from '../normalize.js';
import { Block, Classifier, ConvNorm, type InvertedResidualOptions } from './proxyless-layers.js';
import { commonSpec, countSchema } from './spec.js';

/** The identity, for layers that change neither channels nor size: ProxylessNAS' zero beside its shortcut. */
export const SKIP = 'skip';

interface BlockKind {
  readonly window: number;
  readonly expansion: number;
  readonly groups: number;
}

const EXPANSIONS: readonly (readonly [suffix: string, expansion: number, groups: number])[] = [
  ['e1', 1, 1],
  ['e1_g2', 1, 2],
  ['e3', 3, 1],
  ['e6', 6, 1],
];

const blockKinds: ReadonlyMap<string, BlockKind> = new Map(
  [3, 5, 7].flatMap((window) =>
    EXPANSIONS.map(([suffix, expansion, groups]) => [
      `mbconv_k${window}_${suffix}`,
      { window, expansion, groups },
    ]),
  ),
);

/**
 * The inverted residuals by name, `mbconv_k<window>_e<expansion>`. With e1 there is no 1x1 convolution before the depthwise one,
 * as in ProxylessNAS; `e1_g2` has one, and both of its 1x1 convolutions are in two groups, without a shuffle between them.
 */
export const layerwiseBlocks: readonly string[] = [...blockKinds.keys()];

/** What all architectures of a space have in common. */
export const layerwiseSkeletonFields = {
  /** Channels of the first convolution. */
  stem: countSchema,
  /** Of the first convolution: 2 for ImageNet. */
  stemStride: z.union([z.literal(1), z.literal(2)]),
  /** Channels of the first block, `mbconv_k3_e1` of stride 1, which is not searched. */
  first: countSchema,
  /** Searched layers: `blocks` of them with `width` channels each, the first with the stride. */
  stages: z
    .array(
      z.strictObject({
        width: countSchema,
        blocks: countSchema,
        stride: z.union([z.literal(1), z.literal(2)]),
      }),
    )
    .min(1),
  /** Channels of the last convolution. */
  head: countSchema,
};

const skeletonSchema = z.strictObject(layerwiseSkeletonFields);
export type LayerwiseSkeleton = z.infer<typeof skeletonSchema>;

/** The place of a searched layer. */
export interface LayerPlace {
  readonly inChannels: number;
  readonly width: number;
  readonly stride: 1 | 2;
}

/** The searched layers, in order. */
export function layerPlaces({ first, stages }: Pick<LayerwiseSkeleton, 'first' | 'stages'>): LayerPlace[] {
  let inChannels = first;
  return stages.flatMap(({ width, blocks, stride }) =>
    Array.from({ length: blocks }, (_, index): LayerPlace => {
      const place = { inChannels, width, stride: index === 0 ? stride : 1 } as const;
      inChannels = width;
      return place;
    }),
  );
}

/** Whether the identity fits. */
export function maySkip({ inChannels, width, stride }: LayerPlace): boolean {
  return stride === 1 && inChannels === width;
}

/**
 * The block of a name at a place; null: the identity.
 *
 * @throws ArgumentError when there is none of that name, it is the identity and does not fit, or groups do not divide channels
 */
export function blockAt(name: string, place: LayerPlace): InvertedResidualOptions | null {
  const { inChannels, width, stride } = place;
  if (name === SKIP) {
    if (maySkip(place)) return null;
    throw new ArgumentError(
      `Expected a block where ${inChannels} channels become ${width} with stride ${stride}, got ${SKIP}.`,
    );
  }
  const kind = blockKinds.get(name);
  if (kind === undefined) {
    throw new ArgumentError(
      `Expected ${SKIP} or a block out of ${layerwiseBlocks.join(', ')}, got '${name}'.`,
    );
  }
  const { window, expansion, groups } = kind;
  if (inChannels % groups !== 0 || width % groups !== 0) {
    throw new ArgumentError(
      `Expected channels that the ${groups} groups of ${name} divide, got ${inChannels} in and ${width} out.`,
    );
  }
  const hidden = expansion === 1 && groups === 1 ? null : expansion * inChannels;
  return { window, hidden, width, stride, groups };
}

export const layerwiseSpecSchema = z
  .strictObject({
    model: z.literal('layerwise'),
    ...commonSpec,
    genotype: layerwiseGenotypeSchema,
    ...layerwiseSkeletonFields,
  })
  .superRefine(({ genotype: { layers }, ...skeleton }, context) => {
    const refuse = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    const places = layerPlaces(skeleton);
    if (layers.length !== places.length) {
      refuse(['genotype', 'layers'], `expected ${places.length} layers, got ${layers.length}`);
      return;
    }
    for (const [index, place] of places.entries()) {
      try {
        blockAt(layers[index]!, place);
      } catch (error) {
        if (!(error instanceof ArgumentError)) throw error;
        refuse(['genotype', 'layers', index], error.message);
      }
    }
  });

/** All that is needed to build the network, but its weights. Plain JSON. */
export type LayerwiseSpec = z.infer<typeof layerwiseSpecSchema>;

/** What is not searched of a first block. */
export function firstBlock(width: number): InvertedResidualOptions {
  return { window: 3, hidden: null, width, stride: 1 };
}

/** [N, H, W, 3] pixels in [0, 1] -> logits [N, classes]. Parameters are named as those of ProxylessNAS' networks. */
export class Layerwise extends Module {
  readonly spec: LayerwiseSpec;
  readonly normalize: Normalize;
  readonly first_conv: ConvNorm;
  readonly blocks: readonly Block[];
  readonly feature_mix_layer: ConvNorm;
  readonly classifier: Classifier;

  constructor(spec: LayerwiseSpec) {
    super();
    this.spec = structuredClone(spec);
    const { normalization, stem, stemStride, first, head, classes, genotype } = spec;
    const places = layerPlaces(spec);
    this.normalize = new Normalize(normalization);
    this.first_conv = new ConvNorm(normalization.mean.length, stem, 3, { stride: stemStride });
    this.blocks = [
      new Block(stem, firstBlock(first)),
      ...places.map((place, layer) => new Block(place.inChannels, blockAt(genotype.layers[layer]!, place))),
    ];
    this.feature_mix_layer = new ConvNorm(places.at(-1)!.width, head, 1);
    this.classifier = new Classifier(head, classes);
  }

  override forward(x: Tensor): Tensor {
    let y: Tensor | Normed = this.first_conv.forward(this.normalize.forward(x));
    for (const block of this.blocks) y = block.forward(y);
    return this.classifier.forward(globalAvgPool2d(this.feature_mix_layer.forward(y)));
  }
}
