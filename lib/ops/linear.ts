/** Matrix products. */

import { handleOf } from '../resource.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const matmulOp = new Op('matmul', 'transposeA transposeB', '', 'a b');
const linearOp = new Op('linear', '', '', 'x weight bias?');

export interface MatmulOptions {
  /** Take a as [K, M] instead of [M, K]. Default false. */
  readonly transposeA?: boolean;
  /** Take b as [N, K] instead of [K, N]. Default false. */
  readonly transposeB?: boolean;
}

/** The product of two matrices, [M, K] x [K, N] -> [M, N]. @throws ShapeError */
export function matmul(a: Tensor, b: Tensor, options?: MatmulOptions): Tensor {
  const { ints, inputs } = matmulOp;
  inputs[0] = handleOf(a);
  inputs[1] = handleOf(b);
  ints[0] = options?.transposeA === true ? 1 : 0;
  ints[1] = options?.transposeB === true ? 1 : 0;
  return wrap(matmulOp.run(), 'f32');
}

/** x W^T + bias: x [N, in], weight [out, in], bias [out] -> [N, out]. @throws ShapeError */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  const { inputs } = linearOp;
  inputs[0] = handleOf(x);
  inputs[1] = handleOf(weight);
  inputs[2] = bias === null ? 0 : handleOf(bias);
  return wrap(linearOp.run(), 'f32');
}
