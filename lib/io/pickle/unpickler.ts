/**
 * Reads pickles (protocols 2 to 5, the binary opcodes) without running anything.
 *
 * A pickle is a program for a stack machine that may name and call any function of Python. This machine knows the
 * opcodes that build plain values, and of functions a short list (`globals.ts`); at anything else it stops, names it, and
 * returns nothing. Memory is bounded by the pickle's size: every value costs at least an opcode, and what calls take in
 * has a limit.
 */

import { FileFormatError } from '../../errors.js';
import { knownGlobal, meaningOf, publicName } from './globals.js';
import {
  NumpyDType,
  PythonGlobal,
  PythonTuple,
  type PythonValue,
  pythonTypeOf,
  StorageReference,
} from './values.js';

/** A pickle's value, where it ends, and the storages that it refers to, by key. */
export interface Unpickled {
  readonly value: PythonValue;
  readonly end: number;
  readonly storages: ReadonlyMap<string, StorageReference>;
}

const MAX_PROTOCOL = 5;
/** A mark on the stack, below the values that the next collecting opcode takes. */
const MARK = Symbol('mark');
/** What calls may take in, in elements for each byte of the pickle: a call copies, and one value may be given to many. */
const MAX_CALLED_PER_BYTE = 4;
type Slot = PythonValue | typeof MARK;

/**
 * Reads one pickle.
 *
 * @param what the file, for messages
 * @param start where it begins in `bytes`
 * @throws FileFormatError that names the global or opcode that was refused, or says how the pickle is damaged
 */
export function unpickle(bytes: Uint8Array, what: string, start = 0): Unpickled {
  return new Unpickler(bytes, what, start).run();
}

class Unpickler {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at: number;
  readonly #stack: Slot[] = [];
  readonly #memo = new Map<number, PythonValue>();
  readonly #storages = new Map<string, StorageReference>();
  #called = 0;

  constructor(bytes: Uint8Array, what: string, start: number) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
    this.#at = start;
  }

  run(): Unpickled {
    for (;;) {
      const place = this.#at;
      const opcode = this.#take(1)[0]!;
      if (opcode === 0x2e /* STOP */) {
        const value = this.#pop();
        if (this.#stack.length > 0) throw this.#fault('one value at the end', `${this.#stack.length + 1}`);
        return { value, end: this.#at, storages: this.#storages };
      }
      const value = this.#valueOf(opcode);
      if (value === undefined) this.#change(opcode, place);
      else this.#stack.push(value);
    }
  }

  /** The value that an opcode puts on the stack; undefined for an opcode that puts none there. */
  #valueOf(opcode: number): PythonValue | undefined {
    switch (opcode) {
      case 0x4e: // NONE
        return null;
      case 0x88: // NEWTRUE
        return true;
      case 0x89: // NEWFALSE
        return false;
      case 0x4b: // BININT1
        return this.#unsigned(1);
      case 0x4d: // BININT2
        return this.#unsigned(2);
      case 0x4a: // BININT
        return this.#take(4).readInt32LE();
      case 0x8a: // LONG1
        return this.#long(this.#unsigned(1));
      case 0x47: // BINFLOAT
        return this.#take(8).readDoubleBE();
      case 0x8c: // SHORT_BINUNICODE
        return this.#text(this.#unsigned(1));
      case 0x58: // BINUNICODE
        return this.#text(this.#unsigned(4));
      case 0x8d: // BINUNICODE8
        return this.#text(this.#size(8));
      case 0x55: // SHORT_BINSTRING, of Python 2
        return this.#take(this.#unsigned(1)).toString('latin1');
      case 0x54: // BINSTRING
        return this.#take(this.#unsigned(4)).toString('latin1');
      case 0x43: // SHORT_BINBYTES
        return Uint8Array.from(this.#take(this.#unsigned(1)));
      case 0x42: // BINBYTES
        return Uint8Array.from(this.#take(this.#unsigned(4)));
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return Uint8Array.from(this.#take(this.#size(8)));
      case 0x29: // EMPTY_TUPLE
        return new PythonTuple([]);
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return new PythonTuple(this.#popMany(opcode - 0x84));
      case 0x74: // TUPLE
        return new PythonTuple(this.#popToMark());
      case 0x5d: // EMPTY_LIST
        return [];
      case 0x6c: // LIST
        return this.#popToMark();
      case 0x7d: // EMPTY_DICT
        return new Map();
      case 0x64: // DICT
        return this.#setItems(new Map(), this.#popToMark());
      case 0x8f: // EMPTY_SET
        return new Set();
      case 0x91: // FROZENSET
        return new Set(this.#popToMark());
      case 0x32: // DUP
        return this.#top();
      case 0x68: // BINGET
        return this.#remembered(this.#unsigned(1));
      case 0x6a: // LONG_BINGET
        return this.#remembered(this.#unsigned(4));
      case 0x63: // GLOBAL
        return this.#global(this.#line(), this.#line());
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.#popMany(2);
        if (typeof module !== 'string' || typeof name !== 'string') {
          throw this.#fault('the name of a global', `${pythonTypeOf(module)} and ${pythonTypeOf(name)}`);
        }
        return this.#global(module, name);
      }
      case 0x52: // REDUCE
      case 0x81: // NEWOBJ
        return this.#call();
      case 0x51: // BINPERSID
        return this.#storage(this.#pop());
      default:
        return undefined;
    }
  }

  /** An opcode that changes what is on the stack or in the memo. */
  #change(opcode: number, place: number): void {
    switch (opcode) {
      case 0x80: {
        const protocol = this.#unsigned(1);
        if (protocol < 2 || protocol > MAX_PROTOCOL) {
          throw this.#fault(`protocol 2 to ${MAX_PROTOCOL}`, `protocol ${protocol}`);
        }
        return;
      }
      case 0x95: // FRAME: what follows is read as it comes, but it must be there
        this.#require(this.#size(8));
        return;
      case 0x28: // MARK
        this.#stack.push(MARK);
        return;
      case 0x61: // APPEND
        this.#append([this.#pop()]);
        return;
      case 0x65: // APPENDS
        this.#append(this.#popToMark());
        return;
      case 0x90: // ADDITEMS
        this.#addItems(this.#popToMark());
        return;
      case 0x73: // SETITEM
        this.#setItemsOfTop(this.#popMany(2));
        return;
      case 0x75: // SETITEMS
        this.#setItemsOfTop(this.#popToMark());
        return;
      case 0x30: // POP
        if (this.#stack.pop() === undefined) throw this.#empty();
        return;
      case 0x31: // POP_MARK
        this.#popToMark();
        return;
      case 0x94: // MEMOIZE
        this.#memo.set(this.#memo.size, this.#top());
        return;
      case 0x71: // BINPUT
        this.#memo.set(this.#unsigned(1), this.#top());
        return;
      case 0x72: // LONG_BINPUT
        this.#memo.set(this.#unsigned(4), this.#top());
        return;
      case 0x62: // BUILD
        this.#build();
        return;
      default:
        throw this.#refused(opcode, place);
    }
  }

  #call(): PythonValue {
    const [global, args] = this.#popMany(2);
    if (!(global instanceof PythonGlobal) || !(args instanceof PythonTuple)) {
      throw this.#fault('a call of a function', `one of ${pythonTypeOf(global)}`);
    }
    for (const argument of args.items) this.#called += extentOf(argument);
    if (this.#called > MAX_CALLED_PER_BYTE * this.#bytes.length) {
      throw this.#fault(
        'calls that take in little more than the pickle holds',
        'one value given to many calls',
      );
    }
    const value = meaningOf(global, args.items);
    if (value === undefined) {
      const given = args.items.map(pythonTypeOf).join(', ');
      throw this.#fault(`a call that torch.save writes`, `${global.name}(${given})`);
    }
    return value;
  }

  /**
   * An OrderedDict of `state_dict()` has attributes (its `_metadata`, the versions of modules), which we need not; of a dtype
   * the second says the order of bytes.
   */
  #build(): void {
    const state = this.#pop();
    const target = this.#top();
    if (target instanceof NumpyDType) {
      const order = state instanceof PythonTuple ? state.items[1] : undefined;
      if (order !== '<' && order !== '>' && order !== '|')
        throw this.#fault('the order of bytes', pythonTypeOf(order));
      target.bigEndian = order === '>';
      return;
    }
    if (!(target instanceof Map))
      throw this.#fault('attributes of an OrderedDict', `of ${pythonTypeOf(target)}`);
  }

  /** ('storage', type, key, location, size), in old files with a view of another storage, or None, as a sixth. */
  #storage(id: PythonValue): StorageReference {
    const [tag, type, key, , size, view = null] = id instanceof PythonTuple ? id.items : [];
    const counted = typeof size === 'number' && Number.isSafeInteger(size) && size >= 0;
    if (
      tag !== 'storage' ||
      !(type instanceof PythonGlobal) ||
      typeof key !== 'string' ||
      !counted ||
      view !== null
    ) {
      throw this.#fault('the reference of a storage', pythonTypeOf(id));
    }
    const known = this.#storages.get(key);
    if (known !== undefined && (known.type !== type.name || known.size !== size)) {
      throw this.#fault(
        `storage ${key} as before, ${known.type} of ${known.size}`,
        `${type.name} of ${size}`,
      );
    }
    const storage = known ?? new StorageReference(type.name, key, size);
    this.#storages.set(key, storage);
    return storage;
  }

  #global(module: string, name: string): PythonGlobal {
    const global = knownGlobal(module, name);
    if (global !== undefined) return global;
    throw new FileFormatError(
      `${this.#what} asks for ${JSON.stringify(publicName(module, name))}, which is not on the list of what a checkpoint needs, ` +
        'so reading stopped and nothing was run. If you trust the file, load it in Python and save its ' +
        'state_dict() alone, or as safetensors.',
    );
  }

  #append(items: readonly PythonValue[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw this.#fault('a list to append to', pythonTypeOf(list));
    for (const item of items) list.push(item);
  }

  #addItems(items: readonly PythonValue[]): void {
    const set = this.#top();
    if (!(set instanceof Set)) throw this.#fault('a set to add to', pythonTypeOf(set));
    for (const item of items) set.add(item);
  }

  #setItemsOfTop(items: readonly PythonValue[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map)) throw this.#fault('a dict to add to', pythonTypeOf(dict));
    this.#setItems(dict, items);
  }

  #setItems(
    dict: Map<PythonValue, PythonValue>,
    items: readonly PythonValue[],
  ): Map<PythonValue, PythonValue> {
    if (items.length % 2 !== 0) throw this.#fault('pairs of keys and values', `${items.length} values`);
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
    return dict;
  }

  #pop(): PythonValue {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw this.#empty();
    return value;
  }

  #top(): PythonValue {
    const value = this.#stack.at(-1);
    if (value === undefined || value === MARK) throw this.#empty();
    return value;
  }

  #popMany(count: number): PythonValue[] {
    return Array.from({ length: count }, () => this.#pop()).reverse();
  }

  #popToMark(): PythonValue[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw this.#empty();
    const values = this.#stack.splice(mark) as PythonValue[];
    values.shift();
    return values;
  }

  #remembered(index: number): PythonValue {
    const value = this.#memo.get(index);
    if (value === undefined)
      throw this.#fault('a value that was remembered', `number ${index}, which was not`);
    return value;
  }

  #take(length: number): Buffer {
    this.#require(length);
    const part = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  #require(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    throw this.#fault(`${length} more bytes`, `the end of the pickle after ${this.#bytes.length - this.#at}`);
  }

  #unsigned(bytes: 1 | 2 | 4): number {
    return this.#take(bytes).readUIntLE(0, bytes);
  }

  #size(bytes: 8): number {
    return Number(this.#take(bytes).readBigUInt64LE());
  }

  /** A number in two's complement, of at most 255 bytes. */
  #long(length: number): number | bigint {
    let value = 0n;
    const bytes = this.#take(length);
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    value = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  #text(length: number): string {
    return this.#take(length).toString('utf8');
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw this.#fault('a line', 'no end of it');
    const text = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return text;
  }

  #refused(opcode: number, place: number): FileFormatError {
    const hex = opcode.toString(16).padStart(2, '0');
    return new FileFormatError(
      `${this.#what}, offset ${place}: expected an opcode that torch.save writes (protocol 2 to ${MAX_PROTOCOL}), found 0x${hex}; reading stopped and nothing was run.`,
    );
  }

  #empty(): FileFormatError {
    return this.#fault('a value on the stack', 'none');
  }

  #fault(expected: string, found: string): FileFormatError {
    return new FileFormatError(
      `${this.#what}, offset ${this.#at}: expected ${expected}, found ${found}; the pickle is damaged or of another kind, so save it again.`,
    );
  }
}

/** How many elements a value has that a call may copy. */
function extentOf(value: PythonValue): number {
  if (typeof value === 'string' || value instanceof Uint8Array || Array.isArray(value)) return value.length;
  if (value instanceof PythonTuple) return value.items.length;
  return value instanceof Map || value instanceof Set ? value.size : 1;
}
