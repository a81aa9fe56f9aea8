/** Fusion as a function over ordinary modules, so that the names of their parameters stay what they are. */

import { ArgumentError } from '../errors.js';
import { convBatchNorm } from '../ops/conv-bn-act.js';
import type { Normed } from '../ops/normed.js';
import type { Tensor } from '../tensor.js';
import type { BatchNorm2d } from './batch-norm.js';
import type { Conv2d } from './conv2d.js';
import { observed } from './layer-observer.js';

/**
 * relu(bn(conv(x))) without storing the normalised tensor: what comes back is pending, and the next `convBnAct`, or
 * `residual`, normalises it while it reads; `.tensor()` does it now.
 *
 * @param options `relu`: default true
 * @throws ArgumentError when the convolution has a bias (the normalisation takes it away again)
 * @throws ShapeError when the shapes do not fit
 */
export function convBnAct(
  x: Tensor | Normed,
  conv: Conv2d,
  bn: BatchNorm2d,
  options?: { readonly relu?: boolean },
): Normed {
  if (conv.bias !== null) {
    throw new ArgumentError(
      'Expected a convolution without bias before a batch normalisation; pass bias: false to it.',
    );
  }
  const y = convBatchNorm(x, conv.weight, { ...conv.geometry, norm: bn.state, relu: options?.relu ?? true });
  observed(conv, y);
  return observed(bn, y);
}

/** min(relu(bn(conv(x))), 6), stored. @throws as `convBnAct` */
export function convBnRelu6(x: Tensor | Normed, conv: Conv2d, bn: BatchNorm2d): Tensor {
  return convBnAct(x, conv, bn, { relu: false }).tensor().relu6();
}
