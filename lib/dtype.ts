/** Element types of tensors and the host arrays that hold them. */

/** f32: the type of record; i32: indices and labels; u8: images and masks. */
export type DType = 'f32' | 'i32' | 'u8';

/** The host array of each element type. */
export interface HostArrays {
  f32: Float32Array;
  i32: Int32Array;
  u8: Uint8Array;
}

/** The element type's number across the addon's boundary. */
export const dtypeNumber = { f32: 0, i32: 1, u8: 2 } as const satisfies Record<DType, number>;

/** The constructor of each element type's host array. */
export const hostArrayClass = { f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const;

/** The element type that a host array holds. */
export function dtypeOf(data: HostArrays[DType]): DType {
  if (data instanceof Float32Array) return 'f32';
  return data instanceof Int32Array ? 'i32' : 'u8';
}
