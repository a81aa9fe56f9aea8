/** MobileNetV2 (Sandler et al., arXiv 1801.04381), of any widths. */

import { z } from 'zod';

import type { Normed } from '../../ops/normed.js';
import { globalAvgPool2d } from '../../ops/pool.js';
import type { Tensor } from '../../tensor.js';
import { BatchNorm2d } from '../batch-norm.js';
import { convBnAct, convBnAdd, convBnRelu6 } from '../conv-bn-act.js';
import { Conv2d } from '../conv2d.js';
import { Dropout } from '../dropout.js';
import { Linear } from '../linear.js';
import { Module } from '../module.js';
import { Normalize } from '../normalize.js';
import { commonOf, commonSpec, countSchema, dropoutRateSchema, type ModelOptions } from './spec.js';

const blockSchema = z.strictObject({
  /** Channels of the depthwise convolution; null: those of the input, without a 1x1 convolution before it. */
  hidden: countSchema.nullable(),
  width: countSchema,
  stride: z.union([z.literal(1), z.literal(2)]),
});

export const mobileNetV2SpecSchema = z.strictObject({
  model: z.literal('mobilenet-v2'),
  ...commonSpec,
  /** Channels of the first convolution, of stride 2. */
  stem: countSchema,
  blocks: z.array(blockSchema),
  /** Channels of the last convolution. */
  head: countSchema,
  dropout: dropoutRateSchema,
});

/** All that is needed to build the network, but its weights. Plain JSON. */
export type MobileNetV2Spec = z.infer<typeof mobileNetV2SpecSchema>;

/** A convolution and its normalisation; ReLU6 follows. */
type ConvNorm = readonly [Conv2d, BatchNorm2d];

/** 1x1 convolution to many channels, 3x3 depthwise, 1x1 back to few without activation; a shortcut where shapes agree. */
class InvertedResidual extends Module<[x: Tensor | Normed], Tensor | Normed> {
  readonly conv: readonly (ConvNorm | Conv2d | BatchNorm2d)[];
  readonly #activated: readonly ConvNorm[];
  readonly #linear: ConvNorm;
  readonly #hasShortcut: boolean;

  constructor(inChannels: number, { hidden, width, stride }: MobileNetV2Spec['blocks'][number]) {
    super();
    const channels = hidden ?? inChannels;
    const depthwise = convNorm(channels, channels, 3, { stride, groups: channels });
    this.#activated = hidden === null ? [depthwise] : [convNorm(inChannels, channels, 1), depthwise];
    this.#linear = convNorm(channels, width, 1);
    this.#hasShortcut = stride === 1 && inChannels === width;
    this.conv = [...this.#activated, ...this.#linear];
  }

  override forward(x: Tensor | Normed): Tensor | Normed {
    let y = x;
    for (const [conv, bn] of this.#activated) y = convBnRelu6(y, conv, bn);
    return this.#hasShortcut
      ? convBnAdd(y, ...this.#linear, x, { relu: false })
      : convBnAct(y, ...this.#linear, { relu: false });
  }
}

/** [N, H, W, 3] pixels in [0, 1] -> logits [N, classes]. Parameters are named as torchvision's: `features.N.conv...`. */
export class MobileNetV2 extends Module {
  readonly spec: MobileNetV2Spec;
  readonly normalize: Normalize;
  readonly features: readonly (ConvNorm | InvertedResidual)[];
  readonly classifier: readonly [Dropout, Linear];

  constructor(spec: MobileNetV2Spec) {
    super();
    this.spec = structuredClone(spec);
    this.normalize = new Normalize(spec.normalization);
    const features: (ConvNorm | InvertedResidual)[] = [
      convNorm(spec.normalization.mean.length, spec.stem, 3, { stride: 2 }),
    ];
    let channels = spec.stem;
    for (const block of spec.blocks) {
      features.push(new InvertedResidual(channels, block));
      channels = block.width;
    }
    features.push(convNorm(channels, spec.head, 1));
    this.features = features;
    this.classifier = [new Dropout(spec.dropout), new Linear(spec.head, spec.classes, { deviation: 0.01 })];
  }

  override forward(x: Tensor): Tensor {
    let y: Tensor | Normed = this.normalize.forward(x);
    for (const layer of this.features) {
      y = layer instanceof InvertedResidual ? layer.forward(y) : convBnRelu6(y, ...layer);
    }
    const [dropout, linear] = this.classifier;
    return linear.forward(dropout.forward(globalAvgPool2d(y as Tensor)));
  }
}

function convNorm(
  inChannels: number,
  outChannels: number,
  window: number,
  options: { readonly stride?: number; readonly groups?: number } = {},
): ConvNorm {
  const padding = (window - 1) / 2;
  return [
    new Conv2d(inChannels, outChannels, window, { ...options, padding, bias: false }),
    new BatchNorm2d(outChannels),
  ];
}

/** Expansion, channels, blocks and first stride of each stage: table 2 of the paper. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/**
 * The spec of MobileNetV2 as torchvision has it.
 *
 * @param options `width`: multiplies the channels of every layer (of the last one only when above 1); default 1
 */
export function mobileNetV2Spec(options: ModelOptions & { readonly width?: number }): MobileNetV2Spec {
  const { width = 1 } = options;
  const stem = divisibleBy8(32 * width);
  const blocks: MobileNetV2Spec['blocks'] = [];
  let channels = stem;
  for (const [expansion, out, count, firstStride] of STAGES) {
    for (let i = 0; i < count; i++) {
      const hidden = expansion === 1 ? null : channels * expansion;
      channels = divisibleBy8(out * width);
      blocks.push({ hidden, width: channels, stride: i === 0 ? firstStride : 1 });
    }
  }
  const head = divisibleBy8(1280 * Math.max(1, width));
  return { model: 'mobilenet-v2', ...commonOf(options), stem, blocks, head, dropout: 0.2 };
}

/** The nearest multiple of 8 that is at least 8 and not more than a tenth below: `_make_divisible` of the MobileNets. */
function divisibleBy8(channels: number): number {
  const nearest = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return nearest < 0.9 * channels ? nearest + 8 : nearest;
}
