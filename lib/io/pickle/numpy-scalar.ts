/** Scalars of NumPy in pickles, such as the mean that a script saved beside a network: they become plain numbers. */

import { NumpyDType, type PythonValue } from './values.js';

const readers: Readonly<
  Record<string, (view: DataView, littleEndian: boolean) => number | bigint | boolean>
> = {
  f8: (view, little) => view.getFloat64(0, little),
  f4: (view, little) => view.getFloat32(0, little),
  i8: (view, little) => view.getBigInt64(0, little),
  i4: (view, little) => view.getInt32(0, little),
  i2: (view, little) => view.getInt16(0, little),
  i1: (view) => view.getInt8(0),
  u8: (view, little) => view.getBigUint64(0, little),
  u4: (view, little) => view.getUint32(0, little),
  u2: (view, little) => view.getUint16(0, little),
  u1: (view) => view.getUint8(0),
  b1: (view) => view.getUint8(0) !== 0,
};

/** numpy.dtype(name, align, copy), of the element types that `numpyScalar` reads. */
export function numpyDType([name]: readonly PythonValue[]): NumpyDType | undefined {
  return typeof name === 'string' && Object.hasOwn(readers, name) ? new NumpyDType(name) : undefined;
}

/** numpy.core.multiarray.scalar(dtype, bytes). */
export function numpyScalar([dtype, bytes]: readonly PythonValue[]): number | bigint | boolean | undefined {
  if (!(dtype instanceof NumpyDType) || !(bytes instanceof Uint8Array)) return undefined;
  if (bytes.length !== Number(dtype.name.slice(1))) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const value = readers[dtype.name]!(view, !dtype.bigEndian);
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
