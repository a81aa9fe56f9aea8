/** Softmax over the last axis. */

import { handleOf } from '../resource.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const softmaxOp = new Op('softmax', 'log', '', 'x');

/** e^x / sum(e^x) over the last axis. */
export function softmax(x: Tensor): Tensor {
  softmaxOp.inputs[0] = handleOf(x);
  softmaxOp.ints[0] = 0;
  return wrap(softmaxOp.run(), 'f32');
}

/** The logarithm of softmax, without its loss of precision. */
export function logSoftmax(x: Tensor): Tensor {
  softmaxOp.inputs[0] = handleOf(x);
  softmaxOp.ints[0] = 1;
  return wrap(softmaxOp.run(), 'f32');
}
