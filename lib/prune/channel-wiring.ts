/** Which channels of a network belong together: what must be removed from several layers at once. */

import { UnsupportedError } from '../errors.js';
import type { Conv2d } from '../nn/conv2d.js';
import type { ModelSpec, SpecModel } from '../nn/models/index.js';
import { type BasicBlock, Bottleneck } from '../nn/models/residual-block.js';
import { ResNet } from '../nn/models/resnet.js';
import { ResNetCifar } from '../nn/models/resnet-cifar.js';

/** Channels that are removed together, from every layer that writes or reads them. */
export interface ChannelGroup {
  readonly name: string;
  readonly channels: number;
  /** Convolutions whose outputs are these channels, by module name. */
  readonly producers: readonly string[];
}

/** How one layer's channels belong to groups; null where they cannot be removed (pixels, classes). */
export interface WiredLayer {
  /** Module name, such as `layer1.0.conv1`. */
  readonly name: string;
  readonly kind: 'conv' | 'batchNorm' | 'linear';
  /** Group of the input channels; for a batch normalisation always null. */
  readonly input: string | null;
  /** Group of the output channels. */
  readonly output: string | null;
}

/** The channel structure of a network. */
export interface ChannelWiring {
  readonly groups: readonly ChannelGroup[];
  readonly layers: readonly WiredLayer[];
  /** The spec of the network with that many channels in each group, by group name. */
  specWith(channels: ReadonlyMap<string, number>): ModelSpec;
}

/** The wiring of a model. @throws UnsupportedError for a model whose structure is not known here */
export function channelWiring(model: SpecModel): ChannelWiring {
  if (model instanceof ResNetCifar) return resNetCifarWiring(model);
  if (model instanceof ResNet) return resNetWiring(model);
  throw new UnsupportedError(
    `Channel pruning is wired for ResNets only (resnet8 to resnet152, with any stem), got a ${model.spec.model}; ` +
      'add its wiring to lib/prune/channel-wiring.ts.',
  );
}

function resNetCifarWiring(model: ResNetCifar): ChannelWiring {
  const { spec, layer1, layer2, layer3 } = model;
  const { stem, ...wiring } = residualWiring([layer1, layer2, layer3], spec.stem);
  const specWith: ChannelWiring['specWith'] = (channels) => ({
    ...spec,
    stem: channels.get(stem) ?? spec.stem,
    stages: spec.stages.map(({ width, inner }, s) => ({
      width: channels.get(streamName(s)) ?? width,
      inner: inner.map((count, b) => channels.get(innerNames(s, b, 1)[0]!) ?? count),
    })),
  });
  return { ...wiring, specWith };
}

function resNetWiring(model: ResNet): ChannelWiring {
  const { spec, layer1, layer2, layer3, layer4 } = model;
  const { stem, ...wiring } = residualWiring([layer1, layer2, layer3, layer4], spec.stem.width);
  const specWith: ChannelWiring['specWith'] = (channels) => ({
    ...spec,
    stem: { ...spec.stem, width: channels.get(stem) ?? spec.stem.width },
    stages: spec.stages.map(({ width, inner }, s) => ({
      width: channels.get(streamName(s)) ?? width,
      inner: inner.map((counts, b) => {
        const names = innerNames(s, b, counts.length);
        return counts.map((count, i) => channels.get(names[i]!) ?? count);
      }),
    })),
  });
  return { ...wiring, specWith };
}

/**
 * A residual sum needs equal channels on both sides, so all that is added up in one stage is one group, its stream: the
 * last convolution of every block, the shortcut's convolution, and for the first stage the stem, where its first block has
 * no convolution in the shortcut. The channels between two convolutions of a block are a group of their own.
 *
 * @returns with `stem`, the name of the group of the stem's channels
 */
function residualWiring(
  stages: readonly (readonly (BasicBlock | Bottleneck)[])[],
  stemWidth: number,
): Omit<ChannelWiring, 'specWith'> & { readonly stem: string } {
  const layers: WiredLayer[] = [];
  const widths = new Map<string, number>();
  const addConv = (conv: string, norm: string, input: string | null, output: string) => {
    layers.push({ name: conv, kind: 'conv', input, output });
    layers.push({ name: norm, kind: 'batchNorm', input: null, output });
  };

  const stem = stages[0]?.[0]?.downsample === null ? streamName(0) : 'stem';
  widths.set(stem, stemWidth);
  addConv('conv1', 'bn1', null, stem);
  let stream = stem;
  for (const [s, blocks] of stages.entries()) {
    const output = streamName(s);
    for (const [b, block] of blocks.entries()) {
      const name = `layer${s + 1}.${b}`;
      const convolutions = convolutionsOf(block);
      const groups = [...innerNames(s, b, convolutions.length - 1), output];
      for (const [i, convolution] of convolutions.entries()) {
        widths.set(groups[i]!, convolution.outChannels);
        addConv(`${name}.conv${i + 1}`, `${name}.bn${i + 1}`, groups[i - 1] ?? stream, groups[i]!);
      }
      if (block.downsample !== null) addConv(`${name}.downsample.0`, `${name}.downsample.1`, stream, output);
      stream = output;
    }
  }
  layers.push({ name: 'fc', kind: 'linear', input: stream, output: null });

  const groups = [...widths].map(([name, channels]): ChannelGroup => {
    const writers = layers.filter(({ kind, output }) => kind === 'conv' && output === name);
    return { name, channels, producers: writers.map((layer) => layer.name) };
  });
  return { groups, layers, stem };
}

function convolutionsOf(block: BasicBlock | Bottleneck): readonly Conv2d[] {
  return block instanceof Bottleneck ? [block.conv1, block.conv2, block.conv3] : [block.conv1, block.conv2];
}

function streamName(stage: number): string {
  return `layer${stage + 1}.stream`;
}

/** Names of the groups between the convolutions of a block: `layer1.0.inner`, or `.inner1` and `.inner2`. */
function innerNames(stage: number, block: number, count: number): string[] {
  const name = `layer${stage + 1}.${block}.inner`;
  return count === 1 ? [name] : Array.from({ length: count }, (_, i) => `${name}${i + 1}`);
}
