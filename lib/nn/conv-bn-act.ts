/** Fusion as a function over ordinary modules, so that the names of their parameters stay what they are. */

import { ArgumentError } from '../errors.js';
import { convBatchNorm, convBatchNormAdd, convBatchNormRelu6 } from '../ops/conv-bn-act.js';
import type { Normed } from '../ops/normed.js';
import type { Tensor } from '../tensor.js';
import type { BatchNorm2d } from './batch-norm.js';
import type { Conv2d } from './conv2d.js';
import { observed } from './layer-observer.js';

/**
 * relu(bn(conv(x))) in one pass over memory. In training the result is pending: the next `convBnAct`, `convBnAdd` or
 * `residual` normalises it while it reads, and the normalised tensor is never stored; `.tensor()` does it now. In
 * evaluation the convolution stores the normalised result itself.
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
  requireNoBias(conv);
  const y = convBatchNorm(x, conv.weight, { ...conv.geometry, norm: bn.state, relu: options?.relu ?? true });
  observed(conv, y);
  return observed(bn, y);
}

/**
 * relu(bn(conv(x)) + shortcut), stored: the end of a residual block. In evaluation the convolution adds the shortcut.
 *
 * @param shortcut of the shape of bn(conv(x)); may be pending
 * @param options `relu`: default true
 * @throws as `convBnAct`
 */
export function convBnAdd(
  x: Tensor | Normed,
  conv: Conv2d,
  bn: BatchNorm2d,
  shortcut: Tensor | Normed,
  options?: { readonly relu?: boolean },
): Tensor {
  requireNoBias(conv);
  const geometry = { ...conv.geometry, norm: bn.state, relu: options?.relu ?? true };
  const y = convBatchNormAdd(x, conv.weight, shortcut, geometry);
  observed(conv, y);
  return observed(bn, y);
}

function requireNoBias(conv: Conv2d): void {
  if (conv.bias === null) return;
  throw new ArgumentError(
    'Expected a convolution without bias before a batch normalisation; pass bias: false to it.',
  );
}

/** min(relu(bn(conv(x))), 6), stored: in one pass in evaluation. @throws as `convBnAct` */
export function convBnRelu6(x: Tensor | Normed, conv: Conv2d, bn: BatchNorm2d): Tensor {
  requireNoBias(conv);
  const y = convBatchNormRelu6(x, conv.weight, { ...conv.geometry, norm: bn.state });
  observed(conv, y);
  return observed(bn, y);
}
