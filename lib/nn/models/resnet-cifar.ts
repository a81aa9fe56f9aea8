/** Residual networks for 32 x 32 images (He et al., arXiv 1512.03385, section 4.2), of any widths. */

import { z } from 'zod';

import { ArgumentError } from '../../errors.js';
import { globalAvgPool2d } from '../../ops/pool.js';
import type { Tensor } from '../../tensor.js';
import type { TappedModule } from '../auxiliary-head.js';
import { BatchNorm2d } from '../batch-norm.js';
import { convBnAct } from '../conv-bn-act.js';
import { Conv2d } from '../conv2d.js';
import { Linear } from '../linear.js';
import { Module } from '../module.js';
import { Normalize } from '../normalize.js';
import { BasicBlock, throughBlocks } from './residual-block.js';
import { commonOf, commonSpec, countSchema, type ModelOptions } from './spec.js';

const stageSchema = z.strictObject({
  /** Channels that enter and leave the residual sums. */
  width: countSchema,
  /** For each block, the channels between its two convolutions. */
  inner: z.array(countSchema).min(1),
});

export const resNetCifarSpecSchema = z.strictObject({
  model: z.literal('resnet-cifar'),
  ...commonSpec,
  /** Channels of the first convolution. */
  stem: countSchema,
  /** Every stage but the first halves height and width. */
  stages: z.array(stageSchema).length(3),
});

/** One stage: blocks at one resolution. */
export type ResNetCifarStage = z.infer<typeof stageSchema>;

/** All that is needed to build the network, but its weights. Plain JSON. */
export type ResNetCifarSpec = z.infer<typeof resNetCifarSpecSchema>;

/** [N, H, W, 3] pixels in [0, 1] -> logits [N, classes]. Parameters are named as torchvision's ResNets. */
export class ResNetCifar extends Module implements TappedModule {
  readonly spec: ResNetCifarSpec;
  readonly normalize: Normalize;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly layer1: readonly BasicBlock[];
  readonly layer2: readonly BasicBlock[];
  readonly layer3: readonly BasicBlock[];
  readonly fc: Linear;

  constructor(spec: ResNetCifarSpec) {
    super();
    const [first, second, third] = spec.stages as [ResNetCifarStage, ResNetCifarStage, ResNetCifarStage];
    this.spec = structuredClone(spec);
    this.normalize = new Normalize(spec.normalization);
    this.conv1 = new Conv2d(spec.normalization.mean.length, spec.stem, 3, { padding: 1, bias: false });
    this.bn1 = new BatchNorm2d(spec.stem);
    this.layer1 = blocks(spec.stem, first, 1);
    this.layer2 = blocks(first.width, second, 2);
    this.layer3 = blocks(second.width, third, 2);
    this.fc = new Linear(third.width, spec.classes);
  }

  override forward(x: Tensor): Tensor {
    return this.forwardTapped(x)[0];
  }

  get tapChannels(): number {
    return this.spec.stages[2]!.width;
  }

  /** What the classifier sees: [N, width of the last stage]. */
  features(x: Tensor): Tensor {
    return this.#featuresTapped(x)[0];
  }

  /** The tap is what the first block of `layer3` gives: of 8 x 8 for images of 32 x 32. */
  forwardTapped(x: Tensor): readonly [logits: Tensor, tap: Tensor] {
    const [features, tap] = this.#featuresTapped(x);
    return [this.fc.forward(features), tap];
  }

  #featuresTapped(x: Tensor): readonly [features: Tensor, tap: Tensor] {
    const stem = convBnAct(this.normalize.forward(x), this.conv1, this.bn1);
    const [first, ...rest] = this.layer3;
    const tap = throughBlocks(stem, [...this.layer1, ...this.layer2, first!]);
    return [globalAvgPool2d(throughBlocks(tap, rest)), tap];
  }
}

function blocks(inChannels: number, { width, inner }: ResNetCifarStage, stride: number): BasicBlock[] {
  return inner.map((channels, index) =>
    index === 0
      ? new BasicBlock(inChannels, channels, width, stride)
      : new BasicBlock(width, channels, width, 1),
  );
}

/** The spec of the unpruned network of `depth` = 6 n + 2 layers: ResNet-8, ResNet-20, ... @throws ArgumentError */
export function resNetCifarSpec(depth: number, options: ModelOptions): ResNetCifarSpec {
  const blocksPerStage = (depth - 2) / 6;
  if (!Number.isInteger(blocksPerStage) || blocksPerStage < 1) {
    throw new ArgumentError(`Expected a depth of 6 n + 2 layers (8, 14, 20, ...), got ${depth}.`);
  }
  const stages = [16, 32, 64].map((width) => ({ width, inner: Array<number>(blocksPerStage).fill(width) }));
  return { model: 'resnet-cifar', ...commonOf(options), stem: 16, stages };
}
