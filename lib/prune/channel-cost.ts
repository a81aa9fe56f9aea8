/** What a network costs as a function of its channels, without building it. */

import { complexity } from '../nn/complexity.js';
import type { SpecModel } from '../nn/models/index.js';
import type { ChannelWiring } from './channel-wiring.js';

/** What a budget counts: multiply-accumulates for one sample, or parameters. */
export type CostMeasure = 'macs' | 'parameters';

/** The cost of the network with that many channels in each group, by group name. */
export type ChannelCost = (channels: ReadonlyMap<string, number>) => number;

/**
 * The cost of a network as its channels go: what `complexity` would count on the pruned network.
 *
 * @param inputShape of one sample, [H, W, C]
 */
export function channelCost(
  model: SpecModel,
  { groups, layers }: ChannelWiring,
  measure: CostMeasure,
  inputShape: readonly number[],
): ChannelCost {
  const widths = new Map(groups.map(({ name, channels }) => [name, channels]));
  const macs = new Map(complexity(model, inputShape).layers.map((layer) => [layer.name, layer.macs]));
  const sizes = new Map([...model.namedParameters()].map(([name, parameter]) => [name, parameter.size]));
  const terms = layers.map(({ name, input, output }) => ({
    input,
    output,
    /** Grows with input times output channels (a batch normalisation has no input group). */
    perPair: measure === 'macs' ? (macs.get(name) ?? 0) : (sizes.get(`${name}.weight`) ?? 0),
    /** Grows with output channels alone. */
    perOutput: measure === 'macs' ? 0 : (sizes.get(`${name}.bias`) ?? 0),
  }));

  return (channels) => {
    // Full count / full width is a whole number of at most 2^53, so nothing is rounded.
    const scaled = (count: number, group: string | null) =>
      group === null ? count : (count / widths.get(group)!) * channels.get(group)!;
    return terms.reduce(
      (total, { perPair, perOutput, input, output }) =>
        total + scaled(scaled(perPair, input), output) + scaled(perOutput, output),
      0,
    );
  };
}
