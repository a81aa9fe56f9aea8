/** Residual networks for 32 x 32 images (He et al., arXiv 1512.03385, section 4.2), of any widths. */

import { ArgumentError } from '../../errors.js';
import { residual } from '../../ops/conv-bn-act.js';
import { Normed } from '../../ops/normed.js';
import { globalAvgPool2d } from '../../ops/pool.js';
import type { Tensor } from '../../tensor.js';
import { BatchNorm2d } from '../batch-norm.js';
import { convBnAct } from '../conv-bn-act.js';
import { Conv2d } from '../conv2d.js';
import { Linear } from '../linear.js';
import { Module } from '../module.js';
import { type ChannelStatistics, Normalize } from '../normalize.js';

/** One stage: blocks at one resolution. */
export interface ResNetCifarStage {
  /** Channels that enter and leave the residual sums. */
  readonly width: number;
  /** For each block, the channels between its two convolutions. */
  readonly inner: readonly number[];
}

/** All that is needed to build the network, but its weights. Plain JSON. */
export interface ResNetCifarSpec {
  readonly model: 'resnet-cifar';
  readonly classes: number;
  /** Channels of the first convolution. */
  readonly stem: number;
  /** Every stage but the first halves height and width. */
  readonly stages: readonly ResNetCifarStage[];
  /** Of the pixels, in [0, 1]. */
  readonly normalization: ChannelStatistics;
}

/** Two 3x3 convolutions and a shortcut: the identity, or a 1x1 convolution where the shape changes. */
export class BasicBlock extends Module<[x: Tensor | Normed], Tensor> {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly downsample: readonly [Conv2d, BatchNorm2d] | null;

  constructor(inChannels: number, inner: number, outChannels: number, stride: number) {
    super();
    this.conv1 = new Conv2d(inChannels, inner, 3, { stride, padding: 1, bias: false });
    this.bn1 = new BatchNorm2d(inner);
    this.conv2 = new Conv2d(inner, outChannels, 3, { padding: 1, bias: false });
    this.bn2 = new BatchNorm2d(outChannels);
    this.downsample =
      stride === 1 && inChannels === outChannels
        ? null
        : [new Conv2d(inChannels, outChannels, 1, { stride, bias: false }), new BatchNorm2d(outChannels)];
  }

  override forward(x: Tensor | Normed): Tensor {
    const hidden = convBnAct(x, this.conv1, this.bn1);
    const y = convBnAct(hidden, this.conv2, this.bn2, { relu: false });
    const shortcut = this.downsample === null ? x : convBnAct(x, ...this.downsample, { relu: false });
    return residual(y, shortcut);
  }
}

/** [N, H, W, 3] pixels in [0, 1] -> logits [N, classes]. Parameters are named as torchvision's ResNets. */
export class ResNetCifar extends Module {
  readonly spec: ResNetCifarSpec;
  readonly normalize: Normalize;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly layer1: readonly BasicBlock[];
  readonly layer2: readonly BasicBlock[];
  readonly layer3: readonly BasicBlock[];
  readonly fc: Linear;

  private constructor(spec: ResNetCifarSpec) {
    super();
    const [first, second, third, ...more] = spec.stages;
    if (first === undefined || second === undefined || third === undefined || more.length > 0) {
      throw new ArgumentError(
        `Expected three stages in the spec of a CIFAR ResNet, got ${spec.stages.length}.`,
      );
    }
    this.spec = structuredClone(spec);
    this.normalize = new Normalize(spec.normalization);
    this.conv1 = new Conv2d(spec.normalization.mean.length, spec.stem, 3, { padding: 1, bias: false });
    this.bn1 = new BatchNorm2d(spec.stem);
    this.layer1 = blocks(spec.stem, first, 1);
    this.layer2 = blocks(first.width, second, 2);
    this.layer3 = blocks(second.width, third, 2);
    this.fc = new Linear(third.width, spec.classes);
  }

  /**
   * Builds the network of a spec with weights drawn by `seed`.
   *
   * @throws ArgumentError when the spec has not three stages, or a width is no whole number of at least 1
   */
  static fromSpec(spec: ResNetCifarSpec, seed: number): ResNetCifar {
    const widths = [spec.classes, spec.stem, ...spec.stages.flatMap(({ width, inner }) => [width, ...inner])];
    if (!widths.every((width) => Number.isInteger(width) && width >= 1)) {
      throw new ArgumentError(`Expected whole numbers of at least 1 as widths, got ${widths.join(', ')}.`);
    }
    return new ResNetCifar(spec).initialize(seed);
  }

  override forward(x: Tensor): Tensor {
    let y: Tensor | Normed = convBnAct(this.normalize.forward(x), this.conv1, this.bn1);
    for (const block of [...this.layer1, ...this.layer2, ...this.layer3]) y = block.forward(y);
    return this.fc.forward(globalAvgPool2d(y instanceof Normed ? y.tensor() : y));
  }
}

function blocks(inChannels: number, { width, inner }: ResNetCifarStage, stride: number): BasicBlock[] {
  return inner.map((channels, index) =>
    index === 0
      ? new BasicBlock(inChannels, channels, width, stride)
      : new BasicBlock(width, channels, width, 1),
  );
}

/** The spec of the unpruned network of `depth` = 6 n + 2 layers: ResNet-8, ResNet-20, ... */
export function resNetCifarSpec(
  depth: number,
  options: { readonly classes: number; readonly normalization: ChannelStatistics },
): ResNetCifarSpec {
  const blocksPerStage = (depth - 2) / 6;
  if (!Number.isInteger(blocksPerStage) || blocksPerStage < 1) {
    throw new ArgumentError(`Expected a depth of 6 n + 2 layers (8, 14, 20, ...), got ${depth}.`);
  }
  const stages = [16, 32, 64].map((width) => ({ width, inner: Array<number>(blocksPerStage).fill(width) }));
  return {
    model: 'resnet-cifar',
    classes: options.classes,
    stem: 16,
    stages,
    normalization: options.normalization,
  };
}
