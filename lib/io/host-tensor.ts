/** A tensor in the host's memory: what files hold and what is copied to and from a device. */

import { type DType, type HostArrays, hostArrayClass } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { sizeOf } from '../shape.js';

/** A dense, row-major tensor in the host's memory. `data` has the type that `dtype` says and one element per place. */
export interface HostTensor {
  dtype: DType;
  shape: number[];
  data: HostArrays[DType];
}

/** The bytes of a host tensor's elements, without a copy, in the host's byte order (little-endian everywhere we run). */
export function bytesOf(tensor: HostTensor): Uint8Array {
  return new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
}

/**
 * Checks that a host tensor agrees with itself.
 *
 * @param name what the tensor is called in the message
 * @throws ArgumentError when an extent is not a whole number, or `data` has another type or length than it should
 */
export function checkHostTensor(name: string, tensor: HostTensor): void {
  const ExpectedArray = hostArrayClass[tensor.dtype];
  if (ExpectedArray === undefined) {
    throw new ArgumentError(
      `Tensor "${name}" has dtype ${String(tensor.dtype)}, but files hold f32, i32 or u8; convert it first.`,
    );
  }
  if (!tensor.shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0)) {
    throw new ArgumentError(
      `Tensor "${name}" has shape [${tensor.shape}], but each extent must be a whole number of at least 0.`,
    );
  }
  if (!(tensor.data instanceof ExpectedArray)) {
    throw new ArgumentError(
      `Tensor "${name}" of dtype ${tensor.dtype} needs a ${ExpectedArray.name}, but its data is another kind of array.`,
    );
  }
  const expected = sizeOf(tensor.shape);
  if (tensor.data.length !== expected) {
    throw new ArgumentError(
      `Tensor "${name}" of shape [${tensor.shape}] needs ${expected} elements, but its data has ${tensor.data.length}.`,
    );
  }
}

/**
 * A copy with its axes in another order: axis i of the result is axis `permutation[i]` of the tensor.
 *
 * @param permutation each axis once
 */
export function transposeHost(tensor: HostTensor, permutation: readonly number[]): HostTensor {
  const strides = denseStrides(tensor.shape);
  const shape = permutation.map((axis) => tensor.shape[axis]!);
  return gatherStrided(
    tensor.dtype,
    tensor.data,
    shape,
    permutation.map((axis) => strides[axis]!),
    0,
  );
}

/** How far apart neighbours along each axis lie in a dense, row-major tensor. */
export function denseStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** The dense tensor whose element at index i is `data[offset + i . strides]`; every place must lie inside `data`. */
export function gatherStrided(
  dtype: DType,
  data: HostArrays[DType],
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
): HostTensor {
  const result = new hostArrayClass[dtype](sizeOf(shape));
  const rank = shape.length;
  const [length, stride] = rank === 0 ? [1, 1] : [shape[rank - 1]!, strides[rank - 1]!];
  const index = new Array<number>(Math.max(rank - 1, 0)).fill(0);
  let place = offset;
  for (let done = 0; done < result.length; ) {
    for (let i = 0; i < length; i++) result[done++] = data[place + i * stride]!;
    // To the next row, as an odometer turns.
    for (let axis = rank - 2; axis >= 0; axis--) {
      place += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      place -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return { dtype, shape: [...shape], data: result };
}
