/** The layers of ProxylessNAS' networks (Cai et al., arXiv 1812.00332), whose parameters are named as the authors name them. */

import type { Normed } from '../../ops/normed.js';
import { scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { BatchNorm2d } from '../batch-norm.js';
import { convBnAct, convBnAdd, convBnRelu6 } from '../conv-bn-act.js';
import { Conv2d } from '../conv2d.js';
import { Linear } from '../linear.js';
import { Module } from '../module.js';

const EPS = 1e-3;

/** The fields `conv` and `bn` of the authors' layers. */
export class ConvNorm extends Module<[x: Tensor | Normed], Tensor> {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d;

  constructor(
    inChannels: number,
    outChannels: number,
    window: number,
    options: { readonly stride?: number; readonly groups?: number } = {},
  ) {
    super();
    const padding = (window - 1) / 2;
    this.conv = new Conv2d(inChannels, outChannels, window, { ...options, padding, bias: false });
    this.bn = new BatchNorm2d(outChannels, { eps: EPS });
  }

  /** With ReLU6. */
  override forward(x: Tensor | Normed): Tensor {
    return convBnRelu6(x, this.conv, this.bn);
  }

  /** Without activation, added to `shortcut` if there is one. */
  linear(x: Tensor | Normed, shortcut: Tensor | Normed | null): Tensor | Normed {
    const linear = { relu: false };
    return shortcut === null
      ? convBnAct(x, this.conv, this.bn, linear)
      : convBnAdd(x, this.conv, this.bn, shortcut, linear);
  }
}

export interface InvertedResidualOptions {
  /** Height and width of the depthwise convolution. */
  readonly window: number;
  /** Channels of the depthwise convolution; null: those of the input, without a 1x1 convolution before it. */
  readonly hidden: number | null;
  readonly width: number;
  readonly stride: number;
  /** Of both 1x1 convolutions. Default 1. */
  readonly groups?: number;
}

/** 1x1 convolution to many channels, depthwise, 1x1 back to few without activation; a shortcut where shapes agree. */
export class InvertedResidual extends Module<[x: Tensor | Normed], Tensor | Normed> {
  readonly inverted_bottleneck: ConvNorm | null;
  readonly depth_conv: ConvNorm;
  readonly point_linear: ConvNorm;
  readonly #hasShortcut: boolean;

  constructor(inChannels: number, { window, hidden, width, stride, groups = 1 }: InvertedResidualOptions) {
    super();
    const channels = hidden ?? inChannels;
    this.inverted_bottleneck = hidden === null ? null : new ConvNorm(inChannels, channels, 1, { groups });
    this.depth_conv = new ConvNorm(channels, channels, window, { stride, groups: channels });
    this.point_linear = new ConvNorm(channels, width, 1, { groups });
    this.#hasShortcut = stride === 1 && inChannels === width;
  }

  override forward(x: Tensor | Normed): Tensor | Normed {
    // Maps that backward does not need, here the widest, need not wait for the caller's scope.
    return scope(() => {
      const y = this.inverted_bottleneck?.forward(x) ?? x;
      return this.point_linear.linear(this.depth_conv.forward(y), this.#hasShortcut ? x : null);
    });
  }
}

/** A block of the authors' network: their `mobile_inverted_conv` beside its shortcut, which has no parameters. */
export class Block extends Module<[x: Tensor | Normed], Tensor | Normed> {
  readonly mobile_inverted_conv: InvertedResidual | null;

  /** @param options null: the identity, a place that the search left empty */
  constructor(inChannels: number, options: InvertedResidualOptions | null) {
    super();
    this.mobile_inverted_conv = options === null ? null : new InvertedResidual(inChannels, options);
  }

  override forward(x: Tensor | Normed): Tensor | Normed {
    return this.mobile_inverted_conv?.forward(x) ?? x;
  }
}

/** The authors' `classifier.linear`. */
export class Classifier extends Module {
  readonly linear: Linear;

  constructor(inFeatures: number, classes: number) {
    super();
    this.linear = new Linear(inFeatures, classes, { deviation: 0.01 });
  }

  override forward(x: Tensor): Tensor {
    return this.linear.forward(x);
  }
}
