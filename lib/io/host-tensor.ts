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
