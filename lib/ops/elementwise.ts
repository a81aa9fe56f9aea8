/**
 * Element by element: functions of one tensor, and of two with broadcasting (NumPy's rule: shapes are aligned at their
 * last axis, and an extent of 1 is repeated). All take and give f32.
 */

import { type DType, dtypeNumber } from '../dtype.js';
import { handleOf } from '../resource.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const unaryOp = new Op('unary', 'kind', 'p0 p1', 'x');
const binaryOp = new Op('binary', 'kind', '', 'a b');
const castOp = new Op('cast', 'dtype', '', 'x');
const fullOp = new Op('full', '...shape', 'value', '');
const scalarShape = new Int32Array(0);

const unaryKinds = unaryOp.kinds(
  'relu',
  'relu6',
  'sigmoid',
  'tanh',
  'exp',
  'log',
  'sqrt',
  'square',
  'abs',
  'negate',
  'sign',
  'reciprocal',
  'affine',
  'clamp',
  'step',
  'silu',
  'hard_swish',
  'hard_sigmoid',
  'elu',
  'leaky_relu',
  'gelu',
  'gelu_tanh',
);

const binaryKinds = binaryOp.kinds(
  'add',
  'subtract',
  'multiply',
  'divide',
  'maximum',
  'minimum',
  'equal',
  'greater',
);

function unary(kind: number, x: Tensor, p0 = 0, p1 = 0): Tensor {
  const { ints, scalars, inputs } = unaryOp;
  inputs[0] = handleOf(x);
  ints[0] = kind;
  scalars[0] = p0;
  scalars[1] = p1;
  return wrap(unaryOp.run(), 'f32');
}

function binary(kind: number, a: Tensor, b: Tensor | number): Tensor {
  if (typeof b === 'number') {
    using scalar = scalarTensor(b);
    return binary(kind, a, scalar);
  }
  const { ints, inputs } = binaryOp;
  inputs[0] = handleOf(a);
  inputs[1] = handleOf(b);
  ints[0] = kind;
  return wrap(binaryOp.run(), 'f32');
}

function scalarTensor(value: number): Tensor {
  fullOp.scalars[0] = value;
  return wrap(fullOp.run(scalarShape), 'f32');
}

/** max(x, 0); its derivative at 0 is 0. */
export const relu = (x: Tensor): Tensor => unary(unaryKinds.relu, x);
/** min(max(x, 0), 6); its derivative at 0 and 6 is 0. */
export const relu6 = (x: Tensor): Tensor => unary(unaryKinds.relu6, x);
/** 1 / (1 + e^-x). */
export const sigmoid = (x: Tensor): Tensor => unary(unaryKinds.sigmoid, x);
export const tanh = (x: Tensor): Tensor => unary(unaryKinds.tanh, x);
/** e^x. */
export const exp = (x: Tensor): Tensor => unary(unaryKinds.exp, x);
/** The natural logarithm. */
export const log = (x: Tensor): Tensor => unary(unaryKinds.log, x);
export const sqrt = (x: Tensor): Tensor => unary(unaryKinds.sqrt, x);
/** x * x. */
export const square = (x: Tensor): Tensor => unary(unaryKinds.square, x);
/** |x|; its derivative at 0 is 0. */
export const abs = (x: Tensor): Tensor => unary(unaryKinds.abs, x);
/** -x. */
export const neg = (x: Tensor): Tensor => unary(unaryKinds.negate, x);
/** -1, 0 or 1; no gradient. */
export const sign = (x: Tensor): Tensor => unary(unaryKinds.sign, x);
/** 1 / x. */
export const reciprocal = (x: Tensor): Tensor => unary(unaryKinds.reciprocal, x);
/** factor * x + term. */
export const affine = (x: Tensor, factor: number, term: number): Tensor =>
  unary(unaryKinds.affine, x, factor, term);
/** min(max(x, low), high); the gradient passes on [low, high]. */
export const clamp = (x: Tensor, low: number, high: number): Tensor => unary(unaryKinds.clamp, x, low, high);
/** 1 where x > 0, else 0; no gradient. */
export const step = (x: Tensor): Tensor => unary(unaryKinds.step, x);

/** x sigmoid(x), also called swish. */
export const silu = (x: Tensor): Tensor => unary(unaryKinds.silu, x);
/** x relu6(x + 3) / 6 (MobileNetV3, arXiv 1905.02244); its derivative is 0 at -3 and 1 at 3, as in PyTorch. */
export const hardSwish = (x: Tensor): Tensor => unary(unaryKinds.hard_swish, x);
/** relu6(x + 3) / 6; its derivative at -3 and 3 is 0. */
export const hardSigmoid = (x: Tensor): Tensor => unary(unaryKinds.hard_sigmoid, x);
/** x above 0, else alpha (e^x - 1) (arXiv 1511.07289); its derivative at 0 is alpha, as in PyTorch. */
export const elu = (x: Tensor, alpha = 1): Tensor => unary(unaryKinds.elu, x, alpha);
/** x above 0, else slope x; its derivative at 0 is the slope. */
export const leakyRelu = (x: Tensor, slope = 0.01): Tensor => unary(unaryKinds.leaky_relu, x, slope);
/**
 * x Phi(x), with the distribution function Phi of the standard normal (arXiv 1606.08415).
 *
 * @param approximate `tanh`: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), the paper's approximation
 */
export const gelu = (x: Tensor, approximate: 'none' | 'tanh' = 'none'): Tensor =>
  unary(approximate === 'tanh' ? unaryKinds.gelu_tanh : unaryKinds.gelu, x);

/** a + b. */
export const add = (a: Tensor, b: Tensor | number): Tensor =>
  typeof b === 'number' ? affine(a, 1, b) : binary(binaryKinds.add, a, b);
/** a - b. */
export const sub = (a: Tensor, b: Tensor | number): Tensor =>
  typeof b === 'number' ? affine(a, 1, -b) : binary(binaryKinds.subtract, a, b);
/** a * b. */
export const mul = (a: Tensor, b: Tensor | number): Tensor =>
  typeof b === 'number' ? affine(a, b, 0) : binary(binaryKinds.multiply, a, b);
/** a / b. */
export const div = (a: Tensor, b: Tensor | number): Tensor => binary(binaryKinds.divide, a, b);
/** The larger of the two. */
export const maximum = (a: Tensor, b: Tensor | number): Tensor => binary(binaryKinds.maximum, a, b);
/** The smaller of the two. */
export const minimum = (a: Tensor, b: Tensor | number): Tensor => binary(binaryKinds.minimum, a, b);
/** 1 where a = b, else 0; no gradient. */
export const equal = (a: Tensor, b: Tensor | number): Tensor => binary(binaryKinds.equal, a, b);
/** 1 where a > b, else 0; no gradient. */
export const greater = (a: Tensor, b: Tensor | number): Tensor => binary(binaryKinds.greater, a, b);

/**
 * The same values as another element type: u8 and i32 to f32, f32 to i32 (towards zero, saturating, NaN to 0).
 *
 * @throws DTypeError for another pair
 */
export function cast<D extends DType>(x: Tensor<DType>, dtype: D): Tensor<D> {
  castOp.inputs[0] = handleOf(x);
  castOp.ints[0] = dtypeNumber[dtype];
  return wrap(castOp.run(), dtype);
}
