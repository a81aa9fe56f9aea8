/** The blocks of residual networks (He et al., arXiv 1512.03385), with torchvision's names. */

import type { Normed } from '../../ops/normed.js';
import { scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { BatchNorm2d } from '../batch-norm.js';
import { convBnAct, convBnAdd } from '../conv-bn-act.js';
import { Conv2d } from '../conv2d.js';
import { Module } from '../module.js';

type Downsample = readonly [Conv2d, BatchNorm2d];

/** Two 3x3 convolutions and a shortcut: the identity, or a 1x1 convolution where the shape changes. */
export class BasicBlock extends Module<[x: Tensor | Normed], Tensor> {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly downsample: Downsample | null;

  constructor(inChannels: number, inner: number, outChannels: number, stride: number) {
    super();
    this.conv1 = new Conv2d(inChannels, inner, 3, { stride, padding: 1, bias: false });
    this.bn1 = new BatchNorm2d(inner);
    this.conv2 = new Conv2d(inner, outChannels, 3, { padding: 1, bias: false });
    this.bn2 = new BatchNorm2d(outChannels);
    this.downsample =
      stride === 1 && inChannels === outChannels ? null : projection(inChannels, outChannels, stride);
  }

  override forward(x: Tensor | Normed): Tensor {
    const hidden = convBnAct(x, this.conv1, this.bn1);
    return convBnAdd(hidden, this.conv2, this.bn2, shortcut(x, this.downsample));
  }
}

/**
 * A 1x1, a 3x3 and a 1x1 convolution and a shortcut. The stride is in the 3x3, as in torchvision ("v1.5"), not in the
 * first 1x1 as in the paper.
 */
export class Bottleneck extends Module<[x: Tensor | Normed], Tensor> {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  readonly downsample: Downsample | null;

  /** @param projects whether the shortcut is a convolution */
  constructor(
    inChannels: number,
    inner: readonly [first: number, second: number],
    outChannels: number,
    stride: number,
    projects: boolean,
  ) {
    super();
    const [first, second] = inner;
    this.conv1 = new Conv2d(inChannels, first, 1, { bias: false });
    this.bn1 = new BatchNorm2d(first);
    this.conv2 = new Conv2d(first, second, 3, { stride, padding: 1, bias: false });
    this.bn2 = new BatchNorm2d(second);
    this.conv3 = new Conv2d(second, outChannels, 1, { bias: false });
    this.bn3 = new BatchNorm2d(outChannels);
    this.downsample = projects ? projection(inChannels, outChannels, stride) : null;
  }

  override forward(x: Tensor | Normed): Tensor {
    let y = convBnAct(x, this.conv1, this.bn1);
    y = convBnAct(y, this.conv2, this.bn2);
    return convBnAdd(y, this.conv3, this.bn3, shortcut(x, this.downsample));
  }
}

function projection(inChannels: number, outChannels: number, stride: number): Downsample {
  return [new Conv2d(inChannels, outChannels, 1, { stride, bias: false }), new BatchNorm2d(outChannels)];
}

function shortcut(x: Tensor | Normed, downsample: Downsample | null): Tensor | Normed {
  return downsample === null ? x : convBnAct(x, ...downsample, { relu: false });
}

/**
 * One block after the other; at least one. What lies between `x` and the result is released as soon as it has been read, so
 * that only the tape, where there is one, keeps it, and backward gives its memory back as it goes.
 */
export function throughBlocks(x: Tensor | Normed, blocks: readonly (BasicBlock | Bottleneck)[]): Tensor {
  return blocks.reduce<Tensor | Normed>((y, block) => {
    const next = scope(() => block.forward(y));
    if (y !== x) y.dispose();
    return next;
  }, x) as Tensor;
}
