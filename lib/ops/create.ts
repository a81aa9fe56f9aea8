/** Tensors from host values, constants and random numbers. */

import { type DeviceKind, onDevice } from '../device.js';
import { type DType, dtypeNumber, dtypeOf, type HostArrays, hostArrayClass } from '../dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../errors.js';
import { addon } from '../native-addon.js';
import { native } from '../resource.js';
import { packShape, type Shape, sizeOf } from '../shape.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const fullOp = new Op('full', '...shape', 'value', '');
const randomFillOp = new Op('randomFill', 'kind ...shape', 'p0 p1 seed stream', '');
const distributions = randomFillOp.kinds('uniform', 'normal');

/** Numbers, or arrays of arrays of numbers, all of one length at each depth. */
export type NestedArray = number | readonly NestedArray[];

export interface TensorOptions<D extends DType = DType> {
  /** Default: that of a typed array, else f32. */
  readonly dtype?: D;
  /** Default false; f32 only. */
  readonly requiresGrad?: boolean;
  /** Default: the one in use (`useDevice`). */
  readonly device?: DeviceKind;
}

/**
 * A tensor of host values, which are copied at the call.
 *
 * @param data a typed array, a flat array with a `shape`, or nested arrays
 * @param shape default: the nesting of `data`; [length] for a typed array
 * @throws ShapeError when shape and data do not agree, or nested arrays are ragged
 * @throws DTypeError when `options.dtype` is not that of a typed array
 * @throws ArgumentError when a number does not fit the element type (i32 and u8 hold whole numbers)
 */
export function tensor(data: Float32Array, shape?: Shape, options?: TensorOptions<'f32'>): Tensor<'f32'>;
export function tensor(data: Int32Array, shape?: Shape, options?: TensorOptions<'i32'>): Tensor<'i32'>;
export function tensor(data: Uint8Array, shape?: Shape, options?: TensorOptions<'u8'>): Tensor<'u8'>;
export function tensor<D extends DType = 'f32'>(
  data: NestedArray,
  shape?: Shape,
  options?: TensorOptions<D>,
): Tensor<D>;
export function tensor(
  data: HostArrays[DType] | NestedArray,
  shape?: Shape,
  options: TensorOptions = {},
): Tensor<DType> {
  let elements: HostArrays[DType];
  let nested: Shape;
  if (typeof data === 'number' || Array.isArray(data)) {
    const flat: number[] = [];
    nested = flatten(data, flat);
    elements = toHostArray(flat, options.dtype ?? 'f32');
  } else {
    elements = data as HostArrays[DType];
    nested = [elements.length];
    if (options.dtype !== undefined && options.dtype !== dtypeOf(elements)) {
      throw new DTypeError(
        `Expected an array of ${options.dtype}, got ${elements.constructor.name}; leave dtype out, or cast() the tensor.`,
      );
    }
  }
  const extents = shape ?? nested;
  if (sizeOf(extents) !== elements.length) {
    throw new ShapeError(
      `Expected ${sizeOf(extents)} elements for shape [${extents.join(', ')}], got ${elements.length}.`,
    );
  }
  const dtype = dtypeOf(elements);
  const packed = packShape(extents);
  const result = wrap(
    onDevice(options.device, () => native(() => addon.fromHost(elements, dtypeNumber[dtype], packed))),
    dtype,
  );
  if (options.requiresGrad === true) result.requiresGrad = true;
  return result;
}

export interface FillOptions<D extends DType = DType> extends TensorOptions<D> {}

/** A tensor of zeros. */
export function zeros<D extends DType = 'f32'>(shape: Shape, options?: FillOptions<D>): Tensor<D> {
  return full(shape, 0, options);
}

/** A tensor of ones. */
export function ones<D extends DType = 'f32'>(shape: Shape, options?: FillOptions<D>): Tensor<D> {
  return full(shape, 1, options);
}

/** A tensor whose elements are all `value`. */
export function full<D extends DType = 'f32'>(
  shape: Shape,
  value: number,
  options: FillOptions<D> = {},
): Tensor<D> {
  const dtype: DType = options.dtype ?? 'f32';
  const packed = packShape(shape);
  let result: Tensor<DType>;
  if (dtype === 'f32') {
    fullOp.scalars[0] = value;
    result = wrap(
      onDevice(options.device, () => fullOp.run(packed)),
      dtype,
    );
  } else {
    const elements = toHostArray([value], dtype);
    const repeated = new hostArrayClass[dtype](sizeOf(shape)).fill(elements[0]!);
    result = wrap(
      onDevice(options.device, () => native(() => addon.fromHost(repeated, dtypeNumber[dtype], packed))),
      dtype,
    );
  }
  if (options.requiresGrad === true) result.requiresGrad = true;
  return result as Tensor<D>;
}

/** Which random numbers: they are a pure function of both and of the element's position. */
export interface RandomOptions {
  /** A whole number from 0 to 2^53 - 1. */
  readonly seed: number;
  /** Independent numbers under one seed. Default 0. */
  readonly stream?: number;
  readonly requiresGrad?: boolean;
  readonly device?: DeviceKind;
}

/** Normal random numbers. `mean` defaults to 0, `deviation` to 1. */
export function randn(
  shape: Shape,
  options: RandomOptions & { readonly mean?: number; readonly deviation?: number },
): Tensor {
  return randomFill(distributions.normal, shape, options.mean ?? 0, options.deviation ?? 1, options);
}

/** Random numbers uniform in [low, high). `low` defaults to 0, `high` to 1. */
export function rand(
  shape: Shape,
  options: RandomOptions & { readonly low?: number; readonly high?: number },
): Tensor {
  return randomFill(distributions.uniform, shape, options.low ?? 0, options.high ?? 1, options);
}

function randomFill(kind: number, shape: Shape, p0: number, p1: number, options: RandomOptions): Tensor {
  const ints = new Int32Array(1 + shape.length);
  ints[0] = kind;
  ints.set(packShape(shape), 1);
  const { scalars } = randomFillOp;
  scalars[0] = p0;
  scalars[1] = p1;
  scalars[2] = options.seed;
  scalars[3] = options.stream ?? 0;
  const result = wrap(
    onDevice(options.device, () => randomFillOp.run(ints)),
    'f32',
  );
  if (options.requiresGrad === true) result.requiresGrad = true;
  return result;
}

function flatten(data: NestedArray, into: number[]): number[] {
  if (typeof data === 'number') {
    into.push(data);
    return [];
  }
  let inner: number[] | undefined;
  for (const element of data) {
    const shape = flatten(element, into);
    inner ??= shape;
    if (inner.length !== shape.length || inner.some((extent, axis) => extent !== shape[axis])) {
      throw new ShapeError(
        `Expected nested arrays of one shape, got [${inner.join(', ')}] beside [${shape.join(', ')}].`,
      );
    }
  }
  return [data.length, ...(inner ?? [])];
}

const range = { i32: [-0x80000000, 0x7fffffff], u8: [0, 255] } as const;

function toHostArray(values: readonly number[], dtype: DType): HostArrays[DType] {
  if (dtype !== 'f32') {
    const [low, high] = range[dtype];
    for (const value of values) {
      if (!Number.isInteger(value) || value < low || value > high) {
        throw new ArgumentError(`Expected whole numbers from ${low} to ${high} for ${dtype}, got ${value}.`);
      }
    }
  }
  return hostArrayClass[dtype].from(values);
}
