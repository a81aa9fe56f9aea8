/** Class indices as indicator vectors. */

import { ArgumentError } from '../errors.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { tensor } from './create.js';

/**
 * f32 [N, classes] that is 1 where the class is the label's and 0 elsewhere; a label outside 0..classes-1 gives a row of
 * zeros. Has no gradient.
 *
 * @param labels i32 [N]
 * @param classes from 1 to 2^24, up to which f32 tells whole numbers apart
 * @throws ArgumentError when `classes` is out of range
 */
export function oneHot(labels: Tensor<'i32'>, classes: number): Tensor {
  if (!Number.isInteger(classes) || classes < 1 || classes > 2 ** 24) {
    throw new ArgumentError(`Expected a whole number of classes from 1 to 2^24, got ${classes}.`);
  }
  return scope(() => {
    const all = tensor(Float32Array.from({ length: classes }, (_, index) => index));
    return labels.cast('f32').reshape([labels.size, 1]).equal(all);
  });
}
