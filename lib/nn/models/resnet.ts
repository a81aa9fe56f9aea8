/** Residual networks of four stages: ResNet-18/34/50/101/152 (He et al., arXiv 1512.03385), of any widths. */

import { z } from 'zod';

import { globalAvgPool2d, maxPool2d } from '../../ops/pool.js';
import type { Tensor } from '../../tensor.js';
import type { TappedModule } from '../auxiliary-head.js';
import { BatchNorm2d } from '../batch-norm.js';
import { convBnAct } from '../conv-bn-act.js';
import { Conv2d } from '../conv2d.js';
import { Linear } from '../linear.js';
import { Module } from '../module.js';
import { Normalize } from '../normalize.js';
import { BasicBlock, Bottleneck, throughBlocks } from './residual-block.js';
import { commonOf, commonSpec, countSchema, type ModelOptions } from './spec.js';

const stageSchema = z.strictObject({
  /** Channels that enter and leave the residual sums. */
  width: countSchema,
  /** For each block, the channels between its convolutions: one number for a basic block, two for a bottleneck. */
  inner: z.array(z.array(countSchema).min(1).max(2)).min(1),
});

export const resNetSpecSchema = z
  .strictObject({
    model: z.literal('resnet'),
    ...commonSpec,
    block: z.enum(['basic', 'bottleneck']),
    stem: z.strictObject({
      /** `imagenet`: a 7x7 convolution of stride 2 and a 3x3 maximum of stride 2; `cifar`: a 3x3 convolution. */
      kind: z.enum(['imagenet', 'cifar']),
      width: countSchema,
    }),
    /** Every stage but the first halves height and width. */
    stages: z.array(stageSchema).length(4),
  })
  .refine(
    ({ block, stages }) =>
      stages.every(({ inner }) => inner.every(({ length }) => length === (block === 'basic' ? 1 : 2))),
    'a basic block has one inner width, a bottleneck two',
  );

/** All that is needed to build the network, but its weights. Plain JSON. */
export type ResNetSpec = z.infer<typeof resNetSpecSchema>;

type Block = BasicBlock | Bottleneck;

/** [N, H, W, 3] pixels in [0, 1] -> logits [N, classes]. Parameters are named as torchvision's ResNets. */
export class ResNet extends Module implements TappedModule {
  readonly spec: ResNetSpec;
  readonly normalize: Normalize;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly layer1: readonly Block[];
  readonly layer2: readonly Block[];
  readonly layer3: readonly Block[];
  readonly layer4: readonly Block[];
  readonly fc: Linear;

  constructor(spec: ResNetSpec) {
    super();
    this.spec = structuredClone(spec);
    const { stem, stages, normalization } = spec;
    this.normalize = new Normalize(normalization);
    const channels = normalization.mean.length;
    this.conv1 =
      stem.kind === 'imagenet'
        ? new Conv2d(channels, stem.width, 7, { stride: 2, padding: 3, bias: false })
        : new Conv2d(channels, stem.width, 3, { padding: 1, bias: false });
    this.bn1 = new BatchNorm2d(stem.width);
    const [layer1, layer2, layer3, layer4] = stages.map((stage, index) =>
      blocks(spec.block, stages[index - 1]?.width ?? stem.width, stage, index === 0 ? 1 : 2),
    ) as [Block[], Block[], Block[], Block[]];
    this.layer1 = layer1;
    this.layer2 = layer2;
    this.layer3 = layer3;
    this.layer4 = layer4;
    this.fc = new Linear(stages.at(-1)!.width, spec.classes);
  }

  override forward(x: Tensor): Tensor {
    return this.forwardTapped(x)[0];
  }

  get tapChannels(): number {
    return this.spec.stages[2]!.width;
  }

  /** The tap is what the first block of `layer3` gives: of 8 x 8 for images of 32 x 32 and the CIFAR stem. */
  forwardTapped(x: Tensor): readonly [logits: Tensor, tap: Tensor] {
    const stem = convBnAct(this.normalize.forward(x), this.conv1, this.bn1);
    const pooled =
      this.spec.stem.kind === 'imagenet' ? maxPool2d(stem.tensor(), 3, { stride: 2, padding: 1 }) : stem;
    const [first, ...rest] = this.layer3;
    const tap = throughBlocks(pooled, [...this.layer1, ...this.layer2, first!]);
    const y = throughBlocks(tap, [...rest, ...this.layer4]);
    return [this.fc.forward(globalAvgPool2d(y)), tap];
  }
}

function blocks(
  kind: ResNetSpec['block'],
  inChannels: number,
  { width, inner }: ResNetSpec['stages'][number],
  stride: number,
): Block[] {
  return inner.map((channels, index): Block => {
    const first = index === 0;
    const [from, step] = first ? [inChannels, stride] : [width, 1];
    if (kind === 'basic') return new BasicBlock(from, channels[0]!, width, step);
    // The first block projects also where pruning has made the widths equal by chance.
    return new Bottleneck(from, channels as [number, number], width, step, first);
  });
}

const DEPTHS = {
  18: { block: 'basic', counts: [2, 2, 2, 2] },
  34: { block: 'basic', counts: [3, 4, 6, 3] },
  50: { block: 'bottleneck', counts: [3, 4, 6, 3] },
  101: { block: 'bottleneck', counts: [3, 4, 23, 3] },
  152: { block: 'bottleneck', counts: [3, 8, 36, 3] },
} as const;

/** The spec of an unpruned ResNet with torchvision's widths. */
export function resNetSpec(
  depth: keyof typeof DEPTHS,
  stem: ResNetSpec['stem']['kind'],
  options: ModelOptions,
): ResNetSpec {
  const { block, counts } = DEPTHS[depth];
  const stages = counts.map((count, index) => {
    const width = 64 * 2 ** index;
    return block === 'basic'
      ? { width, inner: Array.from({ length: count }, () => [width]) }
      : { width: 4 * width, inner: Array.from({ length: count }, () => [width, width]) };
  });
  return { model: 'resnet', ...commonOf(options), block, stem: { kind: stem, width: 64 }, stages };
}
