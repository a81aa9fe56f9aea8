/** Wide residual networks for 32 x 32 images (Zagoruyko and Komodakis, arXiv 1605.07146), of any widths. */

import { z } from 'zod';

import { ArgumentError } from '../../errors.js';
import { residual } from '../../ops/conv-bn-act.js';
import { globalAvgPool2d } from '../../ops/pool.js';
import type { Tensor } from '../../tensor.js';
import { BatchNorm2d } from '../batch-norm.js';
import { convBnAct } from '../conv-bn-act.js';
import { Conv2d } from '../conv2d.js';
import { Linear } from '../linear.js';
import { Module } from '../module.js';
import { Normalize } from '../normalize.js';
import { commonOf, commonSpec, countSchema, type ModelOptions } from './spec.js';

const stageSchema = z.strictObject({
  /** Channels of the residual sums. */
  width: countSchema,
  /** For each block, the channels between its two convolutions. */
  inner: z.array(countSchema).min(1),
});

export const wideResNetSpecSchema = z.strictObject({
  model: z.literal('wide-resnet'),
  ...commonSpec,
  /** Channels of the first convolution. */
  stem: countSchema,
  /** Every stage but the first halves height and width. */
  stages: z.array(stageSchema).length(3),
});

/** All that is needed to build the network, but its weights. Plain JSON. */
export type WideResNetSpec = z.infer<typeof wideResNetSpecSchema>;

/**
 * Normalisation and ReLU before each of two 3x3 convolutions ("pre-activation"). Where the shape changes, the shortcut is
 * a 1x1 convolution of the activated input, else the input itself.
 */
class PreActivationBlock extends Module {
  readonly bn1: BatchNorm2d;
  readonly conv1: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly convShortcut: Conv2d | null;

  constructor(inChannels: number, inner: number, outChannels: number, stride: number) {
    super();
    this.bn1 = new BatchNorm2d(inChannels);
    this.conv1 = new Conv2d(inChannels, inner, 3, { stride, padding: 1, bias: false });
    this.bn2 = new BatchNorm2d(inner);
    this.conv2 = new Conv2d(inner, outChannels, 3, { padding: 1, bias: false });
    this.convShortcut =
      stride === 1 && inChannels === outChannels
        ? null
        : new Conv2d(inChannels, outChannels, 1, { stride, bias: false });
  }

  override forward(x: Tensor): Tensor {
    const activated = this.bn1.forward(x).relu();
    const hidden = convBnAct(activated, this.conv1, this.bn2).tensor();
    return residual(this.conv2.forward(hidden), this.convShortcut?.forward(activated) ?? x, { relu: false });
  }
}

class Stage extends Module {
  readonly layer: readonly PreActivationBlock[];

  constructor(inChannels: number, { width, inner }: WideResNetSpec['stages'][number], stride: number) {
    super();
    this.layer = inner.map((channels, index) =>
      index === 0
        ? new PreActivationBlock(inChannels, channels, width, stride)
        : new PreActivationBlock(width, channels, width, 1),
    );
  }

  override forward(x: Tensor): Tensor {
    return this.layer.reduce((y, block) => block.forward(y), x);
  }
}

/**
 * [N, H, W, 3] pixels in [0, 1] -> logits [N, classes]. Parameters are named as in the PyTorch version that TRADES and
 * RobustBench use (`block1.layer.0.conv1`, `block1.layer.0.convShortcut`, `bn1`, `fc`); torchvision has no such network.
 */
export class WideResNet extends Module {
  readonly spec: WideResNetSpec;
  readonly normalize: Normalize;
  readonly conv1: Conv2d;
  readonly block1: Stage;
  readonly block2: Stage;
  readonly block3: Stage;
  readonly bn1: BatchNorm2d;
  readonly fc: Linear;

  constructor(spec: WideResNetSpec) {
    super();
    type StageSpec = WideResNetSpec['stages'][number];
    const [first, second, third] = spec.stages as [StageSpec, StageSpec, StageSpec];
    this.spec = structuredClone(spec);
    this.normalize = new Normalize(spec.normalization);
    this.conv1 = new Conv2d(spec.normalization.mean.length, spec.stem, 3, { padding: 1, bias: false });
    this.block1 = new Stage(spec.stem, first, 1);
    this.block2 = new Stage(first.width, second, 2);
    this.block3 = new Stage(second.width, third, 2);
    this.bn1 = new BatchNorm2d(third.width);
    this.fc = new Linear(third.width, spec.classes);
  }

  override forward(x: Tensor): Tensor {
    let y = this.conv1.forward(this.normalize.forward(x));
    for (const stage of [this.block1, this.block2, this.block3]) y = stage.forward(y);
    return this.fc.forward(globalAvgPool2d(this.bn1.forward(y).relu()));
  }
}

/** The spec of WRN-`depth`-`factor`; `depth` is 6 n + 4 (16, 22, 28, 40, ...). @throws ArgumentError */
export function wideResNetSpec(depth: number, factor: number, options: ModelOptions): WideResNetSpec {
  const blocksPerStage = (depth - 4) / 6;
  if (!Number.isInteger(blocksPerStage) || blocksPerStage < 1) {
    throw new ArgumentError(`Expected a depth of 6 n + 4 layers (16, 22, 28, ...), got ${depth}.`);
  }
  const stages = [16, 32, 64].map((base) => {
    const width = base * factor;
    return { width, inner: Array<number>(blocksPerStage).fill(width) };
  });
  return { model: 'wide-resnet', ...commonOf(options), stem: 16, stages };
}
