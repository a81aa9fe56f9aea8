/** Which channels of a network belong together: what must be removed from several layers at once. */

import { UnsupportedError } from '../errors.js';
import type { ModelSpec, SpecModel } from '../nn/models/index.js';
import type { BasicBlock } from '../nn/models/residual-block.js';
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
  throw new UnsupportedError(
    `Expected a ResNetCifar, whose channels can be removed, got ${model.constructor.name}; add its wiring to lib/prune/channel-wiring.ts.`,
  );
}

/**
 * A residual sum needs equal channels on both sides, so all that is added up in one stage is one group, its stream: the
 * second convolution of every block, the shortcut's convolution, and for the first stage the stem, where its first
 * block has no convolution in the shortcut. The channels between a block's two convolutions are a group of their own.
 */
function resNetCifarWiring(model: ResNetCifar): ChannelWiring {
  const layers: WiredLayer[] = [];
  const widths = new Map<string, number>();
  const addConv = (conv: string, norm: string, input: string | null, output: string) => {
    layers.push({ name: conv, kind: 'conv', input, output });
    layers.push({ name: norm, kind: 'batchNorm', input: null, output });
  };

  const stages = { layer1: model.layer1, layer2: model.layer2, layer3: model.layer3 };
  const stem = model.layer1[0]?.downsample === null ? streamName('layer1') : 'stem';
  widths.set(stem, model.spec.stem);
  addConv('conv1', 'bn1', null, stem);
  let stream = stem;
  for (const [stage, blocks] of Object.entries(stages)) {
    const output = streamName(stage);
    for (const [index, block] of blocks.entries()) {
      const name = `${stage}.${index}`;
      const inner = innerName(stage, index);
      widths.set(inner, block.conv1.outChannels).set(output, block.conv2.outChannels);
      addConv(`${name}.conv1`, `${name}.bn1`, stream, inner);
      addConv(`${name}.conv2`, `${name}.bn2`, inner, output);
      addShortcut(block, name, stream, output, addConv);
      stream = output;
    }
  }
  layers.push({ name: 'fc', kind: 'linear', input: stream, output: null });

  const groups = [...widths].map(([name, channels]): ChannelGroup => {
    const writers = layers.filter(({ kind, output }) => kind === 'conv' && output === name);
    return { name, channels, producers: writers.map((layer) => layer.name) };
  });
  const { spec } = model;
  const specWith: ChannelWiring['specWith'] = (channels) => ({
    ...spec,
    stem: channels.get(stem) ?? spec.stem,
    stages: spec.stages.map(({ width, inner }, s) => ({
      width: channels.get(streamName(`layer${s + 1}`)) ?? width,
      inner: inner.map((count, b) => channels.get(innerName(`layer${s + 1}`, b)) ?? count),
    })),
  });
  return { groups, layers, specWith };
}

function addShortcut(
  block: BasicBlock,
  name: string,
  input: string,
  output: string,
  addConv: (conv: string, norm: string, input: string, output: string) => void,
): void {
  if (block.downsample !== null) addConv(`${name}.downsample.0`, `${name}.downsample.1`, input, output);
}

function streamName(stage: string): string {
  return `${stage}.stream`;
}

function innerName(stage: string, block: number): string {
  return `${stage}.${block}.inner`;
}
