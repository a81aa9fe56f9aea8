/** Which channels of each group stay. */

import { Conv2d } from '../nn/conv2d.js';
import type { SpecModel } from '../nn/models/index.js';
import type { AnyModule } from '../nn/module.js';
import { noGrad, scope } from '../scope.js';
import type { ChannelGroup } from './channel-wiring.js';
import type { Criterion } from './criteria/criterion.js';

/** Random criteria draw apart from the initial weights of a model under the same seed. */
const FIRST_STREAM = 0x10000;

/** The channels of each group that stay, in rising order, by group name. */
export type KeptChannels = ReadonlyMap<string, Int32Array>;

/**
 * Keeps the most important channels of each group.
 *
 * The importance of a group's channel is the sum over the layers that write it, each layer's scores divided by their
 * mean first, so that a layer of large weights does not decide alone (our choice). Of equal channels the first stay.
 *
 * @param counts how many channels each group keeps, by group name
 * @param seed for criteria that draw at random
 */
export async function selectChannels(
  model: SpecModel,
  groups: readonly ChannelGroup[],
  counts: ReadonlyMap<string, number>,
  criterion: Criterion,
  seed: number,
): Promise<KeptChannels> {
  const convolutions = new Map(convolutionsOf(model));
  const kept = new Map<string, Int32Array>();
  let stream = FIRST_STREAM;
  for (const { name, channels, producers } of groups) {
    const importance = new Float64Array(channels);
    for (const producer of producers) {
      const { weight } = convolutions.get(producer)!;
      const random = { seed, stream: stream++ };
      const scores = await noGrad(() => scope(() => criterion.scores(weight, random).data()));
      const mean = scores.reduce((sum, score) => sum + score, 0) / channels;
      for (let c = 0; c < channels; c++) importance[c]! += mean > 0 ? scores[c]! / mean : 0;
    }
    const order = Array.from(importance.keys()).sort((a, b) => importance[b]! - importance[a]! || a - b);
    kept.set(name, Int32Array.from(order.slice(0, counts.get(name) ?? channels)).sort());
  }
  return kept;
}

function* convolutionsOf(model: {
  namedModules(): Iterable<[string, AnyModule]>;
}): Generator<[string, Conv2d]> {
  for (const [name, module] of model.namedModules()) {
    if (module instanceof Conv2d) yield [name, module];
  }
}
