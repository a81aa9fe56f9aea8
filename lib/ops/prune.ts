/** What pruning asks of filters. */

import { ArgumentError } from '../errors.js';
import { handleOf } from '../resource.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';
import { tensor } from './create.js';
import { gather } from './gather.js';

const channelScoresOp = new Op('channelScores', 'kind', '', 'filter');

const pruneMaskOp = new Op('pruneMask', '', 'pruned', '...weightsMasks');

const scoreKinds = channelScoresOp.kinds('l1', 'l2');

/** The norm of each output channel of a filter [K, ...] or each row of a linear weight [out, in] -> [K]. */
export function channelScores(filter: Tensor, kind: 'l1' | 'l2'): Tensor {
  channelScoresOp.ints[0] = scoreKinds[kind];
  channelScoresOp.inputs[0] = handleOf(filter);
  return wrap(channelScoresOp.run(), 'f32');
}

/** The channels of x along `axis` that `kept` [picks] names: axis 0 for outputs of a filter, -1 for its inputs. */
export function channelGather(x: Tensor, kept: Tensor<'i32'>, axis: number): Tensor {
  return gather(x, kept, { axis });
}

/**
 * Sets the `pruned` weights of smallest magnitude, among all of the tensors together, to 0, in place. Of equal magnitudes the
 * first in the order of tensors and elements go. The k-th magnitude is found by selection, without sorting.
 *
 * @returns a mask for each tensor, u8 in its shape: 1 kept, 0 pruned. When a weight is NaN, no weight is changed, and
 * awaiting a mask rejects with NonFiniteError
 * @throws ArgumentError when `pruned` is no whole number from 0 to the number of weights
 */
export function pruneMask(weights: readonly Tensor[], pruned: number): Tensor<'u8'>[] {
  if (weights.length === 0) throw new ArgumentError('Expected at least one tensor of weights, got none.');
  const masks = weights.map(({ size, shape }) => tensor(new Uint8Array(size), shape));
  pruneMaskOp.scalars[0] = pruned;
  pruneMaskOp.runAll(
    pruneMaskOp.ints,
    pruneMaskOp.scalars,
    Float64Array.from([...weights, ...masks], handleOf),
  );
  return masks;
}
