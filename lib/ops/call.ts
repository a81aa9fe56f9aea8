/**
 * One native op as TypeScript calls it. Its arguments are packed into arrays that are made once, so a call allocates
 * next to nothing; the native side reads them before it returns.
 */

import { fromNative, InternalError } from '../errors.js';
import type { Handle, OpRow } from '../native.js';
import { addon } from '../native-addon.js';
import { debug } from '../resource.js';
import { isRecording } from '../scope.js';

const rows: ReadonlyMap<string, readonly [index: number, row: OpRow]> = new Map(
  addon.opTable().map((row, index) => [row.name, [index, row]]),
);

const fixedCount = (names: readonly string[]): number =>
  names.filter((name) => !name.startsWith('...')).length;

/** What one call of an op was: its row, its packed arguments (to be read at once) and the handles that came back. */
export type CallObserver = (
  row: OpRow,
  ints: Int32Array,
  scalars: Float64Array,
  inputs: Float64Array,
  outputs: readonly Handle[],
) => void;

// A plain variable will do: whoever observes runs synchronous code.
let observer: CallObserver | null = null;

/** Calls `observe` after each op that the synchronous `fn` calls. */
export function observeCalls<T>(observe: CallObserver, fn: () => T): T {
  const outer = observer;
  observer = observe;
  try {
    return fn();
  } finally {
    observer = outer;
  }
}

export class Op {
  /** The fixed int arguments, in the order of the op table. */
  readonly ints: Int32Array;
  readonly scalars: Float64Array;
  readonly inputs: Float64Array;
  readonly #name: string;
  readonly #row: OpRow;
  readonly #index: number;

  /**
   * The argument names, separated by blanks, document the order in which a call packs them; they must be those of
   * native/ops/table.cpp.
   */
  constructor(name: string, ints: string, scalars: string, inputs: string) {
    const [index, row] = rows.get(name) ?? [];
    const wanted = `${name}(${ints}; ${scalars}; ${inputs})`;
    const found = row && `${name}(${row.ints.join(' ')}; ${row.scalars.join(' ')}; ${row.inputs.join(' ')})`;
    if (index === undefined || row === undefined || found !== wanted) {
      throw new InternalError(
        `Expected the addon to have the op ${wanted}, but it has ${found ?? 'none of that name'}; ` +
          'it is of another version than the library, so build it again (npm run build:native).',
      );
    }
    this.#name = name;
    this.#row = row;
    this.#index = index;
    this.ints = new Int32Array(fixedCount(row.ints));
    this.scalars = new Float64Array(row.scalars.length);
    this.inputs = new Float64Array(fixedCount(row.inputs));
  }

  /** The numbers of kinds of this op, by their names in native/ops. */
  kinds<Name extends string>(...names: readonly Name[]): Readonly<Record<Name, number>> {
    const numbers = {} as Record<Name, number>;
    for (const name of names) {
      numbers[name] = this.#row.kinds.indexOf(name);
      if (numbers[name] >= 0) continue;
      throw new InternalError(
        `Expected the op ${this.#name} to have the kind ${name}, but the addon has ${this.#row.kinds.join(', ')}; ` +
          'it is of another version than the library, so build it again (npm run build:native).',
      );
    }
    return numbers;
  }

  /** Calls the op with its packed arguments, or with others where a list has any length. Returns its one output. */
  run(ints = this.ints, scalars = this.scalars, inputs = this.inputs): Handle {
    const output = this.#call(ints, scalars, inputs);
    if (typeof output === 'number') return output;
    throw new InternalError(`Expected the op ${this.#name} to have one output, but it has ${output.length}.`);
  }

  /** As `run`, for an op with several outputs or none. */
  runAll(ints = this.ints, scalars = this.scalars, inputs = this.inputs): Handle[] {
    const outputs = this.#call(ints, scalars, inputs);
    return typeof outputs === 'number' ? [outputs] : outputs;
  }

  #call(ints: Int32Array, scalars: Float64Array, inputs: Float64Array): Handle | Handle[] {
    // An error of work that fails later then tells which call enqueued it.
    if (debug) addon.setCallSite(new Error().stack ?? '');
    let outputs: Handle | Handle[];
    try {
      outputs = addon.run(this.#index, isRecording() ? 1 : 0, ints, scalars, inputs);
    } catch (error) {
      throw fromNative(error);
    }
    observer?.(this.#row, ints, scalars, inputs, typeof outputs === 'number' ? [outputs] : outputs);
    return outputs;
  }
}
