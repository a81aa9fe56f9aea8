/** Removing channels for good: a new, smaller network with the weights that stay. */

import { ArgumentError } from '../errors.js';
import { modelFromSpec, type SpecModel } from '../nn/models/index.js';
import { tensor } from '../ops/create.js';
import { assign } from '../ops/layout.js';
import { channelGather } from '../ops/prune.js';
import { noGrad, scope } from '../scope.js';
import type { AnyTensor, Tensor } from '../tensor.js';
import type { KeptChannels } from './channel-selection.js';
import { type ChannelWiring, channelWiring } from './channel-wiring.js';

/**
 * Builds the network that has only the kept channels, and copies their weights and statistics.
 *
 * Its outputs are those of the given network with the scale and shift of every removed channel's batch normalisation at
 * zero. Optimiser state is not carried over: momenta belong to the shape they were made for.
 *
 * @param kept for each group the channels that stay, in the order they shall have; groups left out stay whole
 * @throws ArgumentError when a group is unknown or emptied, or a channel is out of range or named twice
 */
export function removeChannels(model: SpecModel, kept: KeptChannels): SpecModel {
  const wiring = channelWiring(model);
  checkKept(wiring, kept);
  const counts = new Map([...kept].map(([name, channels]) => [name, channels.length]));
  const pruned = modelFromSpec(wiring.specWith(counts), null) as SpecModel;
  pruned.train(model.training);

  const source = model.stateDict();
  const targets = pruned.stateDict();
  const lost = [...source.keys()].find((name) => !targets.has(name));
  if (lost !== undefined) {
    pruned.dispose();
    throw new ArgumentError(
      `Expected widths with which ${lost} still has a place (a block of equal widths has no shortcut convolution); keep one channel more or less.`,
    );
  }
  const axes = gatheredAxes(wiring);
  noGrad(() =>
    scope(() => {
      const picks = new Map([...kept].map(([name, channels]) => [name, tensor(channels)]));
      for (const [name, target] of targets) {
        let values = source.get(name) as AnyTensor;
        for (const { axis, group } of axes.get(name) ?? []) {
          const pick = picks.get(group);
          if (pick !== undefined) values = channelGather(values as Tensor, pick, axis);
        }
        assign(target, values);
      }
    }),
  );
  return pruned;
}

/** For each tensor of the state: which axis belongs to which group. */
function gatheredAxes({ layers }: ChannelWiring): Map<string, { axis: number; group: string }[]> {
  const axes = new Map<string, { axis: number; group: string }[]>();
  for (const { name, kind, input, output } of layers) {
    const outputAxis = output === null ? [] : [{ axis: 0, group: output }];
    if (kind === 'batchNorm') {
      for (const field of ['weight', 'bias', 'running_mean', 'running_var'])
        axes.set(`${name}.${field}`, outputAxis);
      continue;
    }
    const inputAxis = input === null ? [] : [{ axis: -1, group: input }];
    axes.set(`${name}.weight`, [...outputAxis, ...inputAxis]);
    axes.set(`${name}.bias`, outputAxis);
  }
  return axes;
}

function checkKept({ groups }: ChannelWiring, kept: KeptChannels): void {
  const widths = new Map(groups.map(({ name, channels }) => [name, channels]));
  for (const [name, channels] of kept) {
    const width = widths.get(name);
    if (width === undefined) {
      throw new ArgumentError(
        `Expected a channel group out of ${[...widths.keys()].join(', ')}, got ${name}.`,
      );
    }
    const distinct = new Set(channels);
    const inRange = channels.every((channel) => channel >= 0 && channel < width);
    if (channels.length === 0 || distinct.size !== channels.length || !inRange) {
      throw new ArgumentError(
        `Expected distinct channels from 0 to ${width - 1}, at least one, to keep of ${name}, got [${channels.join(', ')}].`,
      );
    }
  }
}
