/** What Python values become when a pickle is read. Numbers, strings, booleans and None (null) are themselves. */

/** A Python dict: keys may be anything, and no key reaches an object's prototype. */
export type PythonDict = Map<PythonValue, PythonValue>;

/** A tuple; a list is an array. */
export class PythonTuple {
  readonly items: readonly PythonValue[];

  constructor(items: readonly PythonValue[]) {
    this.items = items;
  }
}

/** A function or class that the pickle named and the reader knows. It is a name, nothing that could be called. */
export class PythonGlobal {
  /** `module.name`. */
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** What a persistent id refers to: the elements of tensors, in another file. */
export class StorageReference {
  /** `torch.FloatStorage` and so on. */
  readonly type: string;
  readonly key: string;
  /** In elements. */
  readonly size: number;

  constructor(type: string, key: string, size: number) {
    this.type = type;
    this.key = key;
    this.size = size;
  }
}

/** A tensor as it was described, without its elements. */
export class TensorDescription {
  readonly storage: StorageReference;
  /** In elements, as are the strides. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(
    storage: StorageReference,
    offset: number,
    shape: readonly number[],
    strides: readonly number[],
  ) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** An element type of NumPy, as scalars name it: `f8`, `i4`, … */
export class NumpyDType {
  readonly name: string;
  bigEndian = false;

  constructor(name: string) {
    this.name = name;
  }
}

export type PythonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PythonValue[]
  | Set<PythonValue>
  | PythonDict
  | PythonTuple
  | PythonGlobal
  | StorageReference
  | TensorDescription
  | NumpyDType;

/** What a value is called in Python, for messages. */
export function pythonTypeOf(value: PythonValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (typeof value === 'boolean') return 'a bool';
  if (typeof value === 'number') return 'a number';
  if (typeof value === 'bigint') return 'an int';
  if (typeof value === 'string') return 'a str';
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Set) return 'a set';
  if (value instanceof Map) return 'a dict';
  if (value instanceof PythonTuple) return 'a tuple';
  if (value instanceof PythonGlobal) return value.name;
  if (value instanceof NumpyDType) return 'a dtype';
  return value instanceof StorageReference ? 'a storage' : 'a tensor';
}
