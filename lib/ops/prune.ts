/** What pruning asks of filters. */

import { handleOf } from '../resource.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';
import { gather } from './gather.js';

const channelScoresOp = new Op('channelScores', 'kind', '', 'filter');

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
