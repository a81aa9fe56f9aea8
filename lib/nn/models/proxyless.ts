/** ProxylessNAS networks (Cai et al., arXiv 1812.00332) of inverted residuals, as the authors' pretrained one. */

import { z } from 'zod';

import type { Normed } from '../../ops/normed.js';
import { globalAvgPool2d } from '../../ops/pool.js';
import type { Tensor } from '../../tensor.js';
import { Module } from '../module.js';
import { Normalize } from '../normalize.js';
import { Block, Classifier, ConvNorm } from './proxyless-layers.js';
import { commonOf, commonSpec, countSchema, type ModelOptions } from './spec.js';

const blockSchema = z.strictObject({
  /** Height and width of the depthwise convolution. */
  window: z.union([z.literal(3), z.literal(5), z.literal(7)]),
  /** Channels of the depthwise convolution; null: those of the input, without a 1x1 convolution before it. */
  hidden: countSchema.nullable(),
  width: countSchema,
  stride: z.union([z.literal(1), z.literal(2)]),
});

export const proxylessSpecSchema = z.strictObject({
  model: z.literal('proxyless'),
  ...commonSpec,
  /** Channels of the first convolution, of stride 2. */
  stem: countSchema,
  /** null: the identity, a place that the search left empty. */
  blocks: z.array(blockSchema.nullable()),
  /** Channels of the last convolution. */
  head: countSchema,
});

/** All that is needed to build the network, but its weights. Plain JSON. */
export type ProxylessSpec = z.infer<typeof proxylessSpecSchema>;

/** [N, H, W, 3] pixels in [0, 1] -> logits [N, classes]. Parameters are named as the authors' are. */
export class Proxyless extends Module {
  readonly spec: ProxylessSpec;
  readonly normalize: Normalize;
  readonly first_conv: ConvNorm;
  readonly blocks: readonly Block[];
  readonly feature_mix_layer: ConvNorm;
  readonly classifier: Classifier;

  constructor(spec: ProxylessSpec) {
    super();
    this.spec = structuredClone(spec);
    this.normalize = new Normalize(spec.normalization);
    this.first_conv = new ConvNorm(spec.normalization.mean.length, spec.stem, 3, { stride: 2 });
    let channels = spec.stem;
    this.blocks = spec.blocks.map((block) => {
      const module = new Block(channels, block);
      channels = block?.width ?? channels;
      return module;
    });
    this.feature_mix_layer = new ConvNorm(channels, spec.head, 1);
    this.classifier = new Classifier(spec.head, spec.classes);
  }

  override forward(x: Tensor): Tensor {
    let y: Tensor | Normed = this.first_conv.forward(this.normalize.forward(x));
    for (const block of this.blocks) y = block.forward(y);
    return this.classifier.forward(globalAvgPool2d(this.feature_mix_layer.forward(y)));
  }
}

/** Window, expansion, channels and stride of the blocks that the search found for width 0.3 and 176 pixels. */
const W03_BLOCKS = [
  [3, 1, 8, 1],
  [5, 3, 16, 2],
  [3, 3, 16, 1],
  null,
  null,
  [7, 3, 16, 2],
  [3, 3, 16, 1],
  [5, 3, 16, 1],
  [5, 3, 16, 1],
  [7, 6, 24, 2],
  [5, 3, 24, 1],
  [5, 3, 24, 1],
  [5, 3, 24, 1],
  [5, 6, 32, 1],
  [5, 3, 32, 1],
  [5, 3, 32, 1],
  [5, 3, 32, 1],
  [7, 6, 64, 2],
  [7, 6, 64, 1],
  [7, 3, 64, 1],
  [7, 3, 64, 1],
  [7, 6, 96, 1],
] as const;

/**
 * The spec of ProxylessNAS of width 0.3 for 176 pixels (mit-han-lab/proxylessnas, proxyless-w0.3-r176_imagenet). The
 * authors' weights expect pixels in [-1, 1]: a mean and a std of 0.5 each.
 */
export function proxylessW03Spec(options: ModelOptions): ProxylessSpec {
  let channels = 16;
  const blocks = W03_BLOCKS.map((block) => {
    if (block === null) return null;
    const [window, expansion, width, stride] = block;
    const hidden = expansion === 1 ? null : channels * expansion;
    channels = width;
    return { window, hidden, width, stride };
  });
  return { model: 'proxyless', ...commonOf(options), stem: 16, blocks, head: 384 };
}
