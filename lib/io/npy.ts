/**
 * The .npy format of NumPy (numpy/lib/format.py): a magic string, a version, a header that is a Python dictionary, elements.
 *
 * Versions 1 to 3, C and Fortran order, either byte order are read. The header is parsed by a grammar of its own, never
 * evaluated; arrays of Python objects are refused.
 */

import { FileFormatError, LapidaryError } from '../errors.js';
import { sizeOf } from '../shape.js';
import { bytesPerElement, decodeTensor, type FileDTypeName, swapBytes } from './file-dtype.js';
import { bytesOf, checkHostTensor, type HostTensor, transposeHost } from './host-tensor.js';

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');
/** NumPy itself refuses headers above 10,000 letters. */
const MAX_HEADER_BYTES = 2 ** 16;
const ALIGNMENT = 64;

const TYPES: Readonly<Record<string, FileDTypeName>> = {
  f2: 'F16',
  f4: 'F32',
  f8: 'F64',
  i1: 'I8',
  i2: 'I16',
  i4: 'I32',
  i8: 'I64',
  u1: 'U8',
  u2: 'U16',
  u4: 'U32',
  u8: 'U64',
  b1: 'BOOL',
};

const DESCRIPTIONS = { f32: '<f4', i32: '<i4', u8: '|u1' } as const;

interface NpyHeader {
  readonly type: FileDTypeName;
  readonly bigEndian: boolean;
  readonly fortranOrder: boolean;
  readonly shape: number[];
}

/**
 * Reads the bytes of a .npy file.
 *
 * @param what the file or entry, for messages
 * @throws FileFormatError that says what was expected and what came, also when a number does not fit its new type
 */
export function decodeNpy(bytes: Uint8Array, what: string): HostTensor {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { text, dataStart } = headerText(file, what);
  const header = parseHeader(text, what);
  const length = sizeOf(header.shape) * bytesPerElement(header.type);
  if (file.length - dataStart !== length) {
    throw fault(
      what,
      `${length} bytes of ${header.type} for shape [${header.shape}]`,
      `${file.length - dataStart}`,
    );
  }
  const data = Buffer.from(new ArrayBuffer(length));
  file.copy(data, 0, dataStart);
  if (header.bigEndian) swapBytes(header.type, data);
  try {
    return ordered(decodeTensor(header.type, header.shape, data.buffer), header.fortranOrder);
  } catch (error) {
    if (!(error instanceof LapidaryError)) throw error;
    throw new FileFormatError(`${what}: ${error.message}`);
  }
}

/** The bytes of a .npy file (version 1.0, C order, little-endian) but the elements, which follow. @throws ArgumentError */
export function encodeNpyHeader(name: string, tensor: HostTensor): Uint8Array {
  checkHostTensor(name, tensor);
  const { shape } = tensor;
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const dictionary = `{'descr': '${DESCRIPTIONS[tensor.dtype]}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const prefix = MAGIC.length + 4;
  const total = Math.ceil((prefix + dictionary.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(total, ' ');
  MAGIC.copy(header);
  header.set([1, 0], MAGIC.length);
  header.writeUInt16LE(total - prefix, MAGIC.length + 2);
  header.write(dictionary, prefix, 'latin1');
  header.write('\n', total - 1);
  return header;
}

/** The parts of a .npy file one after the other. @throws ArgumentError when the tensor does not agree with itself */
export function encodeNpy(name: string, tensor: HostTensor): readonly Uint8Array[] {
  return [encodeNpyHeader(name, tensor), bytesOf(tensor)];
}

/** In Fortran order the first axis runs fastest: the elements are those of the tensor with its axes reversed. */
function ordered(tensor: HostTensor, fortranOrder: boolean): HostTensor {
  if (!fortranOrder || tensor.shape.length < 2) return tensor;
  const axes = tensor.shape.map((_, axis) => tensor.shape.length - 1 - axis);
  return transposeHost({ ...tensor, shape: tensor.shape.toReversed() }, axes);
}

function headerText(file: Buffer, what: string): { text: string; dataStart: number } {
  if (file.length < MAGIC.length + 4 || !file.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw fault(what, 'an array that starts with "\\x93NUMPY"', `${file.length} other bytes`);
  }
  const version = file[MAGIC.length]!;
  if (version < 1 || version > 3) throw fault(what, 'version 1, 2 or 3', `${version}`);
  const lengthBytes = version === 1 ? 2 : 4;
  const start = MAGIC.length + 2 + lengthBytes;
  if (file.length < start) throw fault(what, 'a header', 'the end of the file');
  const length = file.readUIntLE(MAGIC.length + 2, lengthBytes);
  if (length > MAX_HEADER_BYTES)
    throw fault(what, `a header of at most ${MAX_HEADER_BYTES} bytes`, `${length}`);
  if (start + length > file.length) throw fault(what, `a header of ${length} bytes`, 'the end of the file');
  return {
    text: file.toString(version === 3 ? 'utf8' : 'latin1', start, start + length),
    dataStart: start + length,
  };
}

const STRING = String.raw`(?:'[^'\\]*'|"[^"\\]*")`;
const FIELD = new RegExp(
  String.raw`\s*(${STRING})\s*:\s*(${STRING}|True|False|\([\d\s,L]*\))\s*(,|(?=\}))`,
  'y',
);

/** The one form that NumPy writes: a dictionary of strings, booleans and tuples of whole numbers. */
function parseHeader(text: string, what: string): NpyHeader {
  const body = text.trim();
  const fields = new Map<string, string>();
  if (!body.startsWith('{') || !body.endsWith('}'))
    throw fault(what, 'a dictionary as header', body.slice(0, 60));
  FIELD.lastIndex = 1;
  for (let end = 1; body.slice(end).trim() !== '}'; end = FIELD.lastIndex) {
    FIELD.lastIndex = end;
    const match = FIELD.exec(body);
    if (match === null) {
      const found = /descr['"]\s*:\s*\[/.test(body) ? 'a record type' : body.slice(end, end + 60);
      throw fault(what, "only 'descr', 'fortran_order' and 'shape' of a plain type in the header", found);
    }
    const key = match[1]!.slice(1, -1);
    if (fields.has(key)) throw fault(what, 'every field once', `'${key}' twice`);
    fields.set(key, match[2]!);
  }
  const { descr, fortran_order, shape, ...others } = Object.fromEntries(fields);
  if (
    descr === undefined ||
    fortran_order === undefined ||
    shape === undefined ||
    Object.keys(others).length > 0
  ) {
    throw fault(
      what,
      "'descr', 'fortran_order' and 'shape' in the header",
      [...fields.keys()].join(', ') || 'none',
    );
  }
  return {
    ...parseType(descr.slice(1, -1), what),
    ...parseOrder(fortran_order, what),
    shape: parseShape(shape, what),
  };
}

function parseType(descr: string, what: string): Pick<NpyHeader, 'type' | 'bigEndian'> {
  const order = descr[0] ?? '';
  const type = Object.hasOwn(TYPES, descr.slice(1)) ? TYPES[descr.slice(1)] : undefined;
  if (/^\|?O/.test(descr)) {
    throw fault(
      what,
      'numbers',
      `Python objects ('${descr}'), which only Python can read and which may hold code`,
    );
  }
  if (type === undefined || !'<>|='.includes(order)) {
    throw fault(what, `a type out of ${Object.keys(TYPES).join(', ')}`, `'${descr}'`);
  }
  return { type, bigEndian: order === '>' };
}

function parseOrder(text: string, what: string): Pick<NpyHeader, 'fortranOrder'> {
  if (text !== 'True' && text !== 'False') throw fault(what, "True or False for 'fortran_order'", text);
  return { fortranOrder: text === 'True' };
}

function parseShape(text: string, what: string): number[] {
  const match = /^\(\s*((?:\d+L?\s*,\s*)*)(\d+L?)?\s*\)$/.exec(text);
  if (match === null) throw fault(what, "a tuple of whole numbers for 'shape'", text);
  const shape = [...text.matchAll(/\d+/g)].map(([digits]) => Number(digits));
  if (shape.length > 32 || !Number.isSafeInteger(8 * sizeOf(shape.map((extent) => Math.max(extent, 1))))) {
    throw fault(what, 'a size below 2^53 bytes and at most 32 axes', text.slice(0, 60));
  }
  return shape;
}

function fault(what: string, expected: string, found: string): FileFormatError {
  return new FileFormatError(
    `${what}: expected ${expected}, found ${found}; this is no sound .npy array, so save it again with numpy.save.`,
  );
}
