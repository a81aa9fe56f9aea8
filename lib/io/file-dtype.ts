/**
 * Element types that tensor files use, and how each becomes one of the three types of a host tensor.
 *
 * Half and double precision become f32, other integers i32, flags u8. Nothing is clamped: a finite number that its
 * new type cannot hold is an error.
 */

import type { DType } from '../dtype.js';
import { IndexRangeError, NonFiniteError } from '../errors.js';
import type { HostTensor } from './host-tensor.js';

/** How elements lie in a file, by the name that safetensors gives the type. */
interface FileDType {
  readonly bytes: number;
  readonly dtype: DType;
  /** Views or converts bytes, whose start is aligned to 8. */
  readonly decode: (buffer: ArrayBuffer) => HostTensor['data'];
}

const FILE_DTYPES = {
  F32: { bytes: 4, dtype: 'f32', decode: (buffer) => new Float32Array(buffer) },
  I32: { bytes: 4, dtype: 'i32', decode: (buffer) => new Int32Array(buffer) },
  U8: { bytes: 1, dtype: 'u8', decode: (buffer) => new Uint8Array(buffer) },
  BOOL: { bytes: 1, dtype: 'u8', decode: (buffer) => new Uint8Array(buffer) },
  F64: { bytes: 8, dtype: 'f32', decode: (buffer) => narrowDoubles(new Float64Array(buffer)) },
  F16: {
    bytes: 2,
    dtype: 'f32',
    decode: (buffer) => Float32Array.from(new Uint16Array(buffer), halfToFloat),
  },
  BF16: { bytes: 2, dtype: 'f32', decode: (buffer) => widenBfloats(new Uint16Array(buffer)) },
  I64: { bytes: 8, dtype: 'i32', decode: (buffer) => narrowLongs('I64', new BigInt64Array(buffer)) },
  U64: { bytes: 8, dtype: 'i32', decode: (buffer) => narrowLongs('U64', new BigUint64Array(buffer)) },
  U32: { bytes: 4, dtype: 'i32', decode: (buffer) => narrowWords(new Uint32Array(buffer)) },
  I16: { bytes: 2, dtype: 'i32', decode: (buffer) => Int32Array.from(new Int16Array(buffer)) },
  U16: { bytes: 2, dtype: 'i32', decode: (buffer) => Int32Array.from(new Uint16Array(buffer)) },
  I8: { bytes: 1, dtype: 'i32', decode: (buffer) => Int32Array.from(new Int8Array(buffer)) },
} as const satisfies Record<string, FileDType>;

/** The names of the element types that files may hold. */
export type FileDTypeName = keyof typeof FILE_DTYPES;

/** Every element type that can be read, for messages. */
export const FILE_DTYPE_NAMES = Object.keys(FILE_DTYPES) as readonly FileDTypeName[];

/** Whether `name` is an element type that can be read. */
export function isFileDType(name: unknown): name is FileDTypeName {
  return typeof name === 'string' && Object.hasOwn(FILE_DTYPES, name);
}

/** The bytes of one element in the file. */
export function bytesPerElement(name: FileDTypeName): number {
  return FILE_DTYPES[name].bytes;
}

/** The name under which a host tensor's type is written. */
export function fileDTypeOf(dtype: DType): 'F32' | 'I32' | 'U8' {
  return ({ f32: 'F32', i32: 'I32', u8: 'U8' } as const)[dtype];
}

/**
 * Turns the bytes of a file into a host tensor; F32, I32, U8 and BOOL without a copy.
 *
 * @throws NonFiniteError when a finite F64 is too large for f32
 * @throws IndexRangeError when an I64, U64 or U32 is too large for i32
 */
export function decodeTensor(name: FileDTypeName, shape: number[], buffer: ArrayBuffer): HostTensor {
  const { dtype, decode } = FILE_DTYPES[name];
  return { dtype, shape, data: decode(buffer) };
}

/** Reverses the bytes of each element in place: from big-endian to little-endian or back. */
export function swapBytes(name: FileDTypeName, bytes: Buffer): void {
  const width = bytesPerElement(name);
  if (width === 2) bytes.swap16();
  else if (width === 4) bytes.swap32();
  else if (width === 8) bytes.swap64();
}

function narrowDoubles(values: Float64Array): Float32Array {
  const narrowed = Float32Array.from(values);
  const lost = values.findIndex((value, i) => Number.isFinite(value) && !Number.isFinite(narrowed[i]));
  if (lost >= 0) {
    throw new NonFiniteError(
      `Element ${lost} is ${values[lost]} in F64, which f32 cannot hold (at most 3.4e38); rescale the tensor before it is saved.`,
    );
  }
  return narrowed;
}

function narrowLongs(type: string, values: BigInt64Array | BigUint64Array): Int32Array {
  const narrowed = new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value !== BigInt.asIntN(32, value)) throw tooWide(type, i, value);
    narrowed[i] = Number(value);
  }
  return narrowed;
}

function narrowWords(values: Uint32Array): Int32Array {
  const lost = values.findIndex((value) => value > 0x7fffffff);
  if (lost >= 0) throw tooWide('U32', lost, values[lost]!);
  return Int32Array.from(values);
}

function tooWide(type: string, index: number, value: number | bigint): IndexRangeError {
  return new IndexRangeError(
    `Element ${index} is ${value} in ${type}, which i32 cannot hold (at most 2147483647); remap it before it is saved.`,
  );
}

function widenBfloats(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (half) => half << 16).buffer);
}

function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
