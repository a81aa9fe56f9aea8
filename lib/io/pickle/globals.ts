/**
 * The functions and classes that a checkpoint may name, and what each is taken to mean. Nothing of Python runs: a call in
 * the pickle is a request, and these are the requests that are understood.
 */

import { numpyDType, numpyScalar } from './numpy-scalar.js';
import {
  PythonGlobal,
  PythonTuple,
  type PythonValue,
  StorageReference,
  TensorDescription,
} from './values.js';

/** Makes a value of a call's arguments; undefined when they are not what the function takes. */
type Meaning = (args: readonly PythonValue[]) => PythonValue | undefined;

const meanings: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['collections.OrderedDict', dict],
  ['torch._utils._rebuild_tensor', rebuildTensor],
  ['torch._utils._rebuild_tensor_v2', rebuildTensor],
  ['torch._utils._rebuild_parameter', rebuildParameter],
  ['torch.Size', ([size]) => (size instanceof PythonTuple ? size : undefined)],
  ['torch.device', (args) => (args.every(isDevicePart) ? args.join(':') : undefined)],
  ['_codecs.encode', encodeLatin1],
  ['builtins.set', set],
  ['builtins.frozenset', set],
  ['builtins.bytearray', ([bytes = new Uint8Array()]) => (bytes instanceof Uint8Array ? bytes : undefined)],
  ['builtins.complex', (args) => new PythonTuple(args)],
  ['numpy.dtype', numpyDType],
  ['numpy.core.multiarray.scalar', numpyScalar],
  ['numpy._core.multiarray.scalar', numpyScalar],
]);

/** Names that occur as values, never called. */
const inertNames: ReadonlySet<string> = new Set([
  ...['Float', 'Double', 'Half', 'BFloat16', 'Long', 'Int', 'Short', 'Char', 'Byte', 'Bool'].map(
    (type) => `torch.${type}Storage`,
  ),
  ...['float', 'float16', 'float32', 'float64', 'half', 'double', 'bfloat16'].map((type) => `torch.${type}`),
  ...[
    'int8',
    'int16',
    'int32',
    'int64',
    'uint8',
    'bool',
    'strided',
    'contiguous_format',
    'channels_last',
  ].map((type) => `torch.${type}`),
]);

/** Pickles of protocol 2 name the builtins as Python 2 did. */
const BUILTINS_OF_PYTHON_2 = '__builtin__';
/** Modules that a pickle names by another name than a person. */
const PUBLIC_MODULES: Readonly<Record<string, string>> = {
  [BUILTINS_OF_PYTHON_2]: 'builtins',
  posix: 'os',
  nt: 'os',
};

/** The global of a name, or undefined when it is not on the list. */
export function knownGlobal(module: string, name: string): PythonGlobal | undefined {
  const full = `${module === BUILTINS_OF_PYTHON_2 ? 'builtins' : module}.${name}`;
  return meanings.has(full) || inertNames.has(full) ? new PythonGlobal(full) : undefined;
}

/** A global's name as a person knows it: `os.system` for `posix.system`. */
export function publicName(module: string, name: string): string {
  const known = Object.hasOwn(PUBLIC_MODULES, module) ? PUBLIC_MODULES[module] : undefined;
  return known === undefined ? `${module}.${name}` : `${known}.${name} (${module}.${name})`;
}

/** The value of a call, or undefined when the global cannot be called, or not so. */
export function meaningOf(global: PythonGlobal, args: readonly PythonValue[]): PythonValue | undefined {
  return meanings.get(global.name)?.(args);
}

function dict([items = []]: readonly PythonValue[]): PythonValue | undefined {
  if (items instanceof Map) return new Map(items);
  if (!Array.isArray(items)) return undefined;
  const result = new Map<PythonValue, PythonValue>();
  for (const item of items) {
    const pair = item instanceof PythonTuple ? item.items : item;
    if (!Array.isArray(pair) || pair.length !== 2) return undefined;
    result.set(pair[0], pair[1]);
  }
  return result;
}

function set([items = []]: readonly PythonValue[]): PythonValue | undefined {
  return Array.isArray(items) ? new Set(items) : undefined;
}

/** (storage, offset, size, stride, requires_grad, backward_hooks, metadata): the last three do not concern us. */
function rebuildTensor([storage, offset, size, stride]: readonly PythonValue[]): PythonValue | undefined {
  if (!(storage instanceof StorageReference) || !isCount(offset)) return undefined;
  const shape = counts(size);
  const strides = counts(stride);
  if (shape === undefined || strides === undefined || shape.length !== strides.length) return undefined;
  return new TensorDescription(storage, offset, shape, strides);
}

/** (data, requires_grad, backward_hooks). */
function rebuildParameter([data]: readonly PythonValue[]): PythonValue | undefined {
  return data instanceof TensorDescription ? data : undefined;
}

/** How protocol 2 writes bytes: a string whose letters are the bytes. */
function encodeLatin1([text, encoding]: readonly PythonValue[]): PythonValue | undefined {
  if (typeof text !== 'string' || encoding !== 'latin1') return undefined;
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

function counts(value: PythonValue | undefined): number[] | undefined {
  const items = value instanceof PythonTuple ? value.items : value;
  return Array.isArray(items) && items.every(isCount) ? [...items] : undefined;
}

function isCount(value: PythonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isDevicePart(value: PythonValue): boolean {
  return typeof value === 'string' || isCount(value);
}
