/** The part of Python that genotypes are printed in: calls with literals. It is read, never run. */

import { ArgumentError } from '../../errors.js';

/** What a text says, and at which character it begins to. */
export type PythonValue = { readonly at: number } & (
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'sequence'; readonly items: readonly PythonValue[] }
  | PythonCall
);

/** `name(value, ..., name=value, ...)`. */
export interface PythonCall {
  readonly kind: 'call';
  readonly at: number;
  readonly name: string;
  readonly positional: readonly PythonValue[];
  readonly named: ReadonlyMap<string, PythonValue>;
}

/** An error about a place in a text. */
export function textError(expected: string, got: string, at: number): ArgumentError {
  return new ArgumentError(`Expected ${expected} at character ${at + 1} of the genotype, got ${got}.`);
}

/**
 * Reads one value: a string, a whole number, a list, a tuple or a call, after `name =` where there is such. Comments and
 * commas at the end are allowed, as in Python.
 *
 * @throws ArgumentError that names the place and what was expected there
 */
export function readPython(text: string): PythonValue {
  return new Reader(text).whole();
}

const NUMBER = /\d+/y;
const NAME = /[A-Za-z_]\w*/y;
const STRING = /'[^'\\\n]*'|"[^"\\\n]*"/y;
const BLANK = /(?:\s|#[^\n]*(?:\n|$))+/y;
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']' };
/** Lists in lists: more than any genotype has, fewer than the stack bears. */
const DEPTH = 16;

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): PythonValue {
    this.#skipBlank();
    const start = this.#at;
    if (this.#match(NAME) === undefined || !this.#take('=')) this.#at = start;
    const value = this.#value(0);
    this.#skipBlank();
    if (this.#at < this.#text.length) throw this.#error('nothing more');
    return value;
  }

  #value(depth: number): PythonValue {
    this.#skipBlank();
    const at = this.#at;
    if (depth > DEPTH) throw this.#error(`at most ${DEPTH} brackets in each other`);
    const string = this.#match(STRING);
    if (string !== undefined) return { kind: 'string', at, value: string.slice(1, -1) };
    const number = this.#match(NUMBER);
    if (number !== undefined) return { kind: 'number', at, value: Number(number) };
    const opening = this.#text[at] ?? '';
    if (opening in CLOSING) {
      this.#at++;
      const items = this.#items(CLOSING[opening]!, () => this.#value(depth + 1));
      return { kind: 'sequence', at, items };
    }
    const name = this.#match(NAME);
    if (name === undefined) throw this.#error('a name, a string, a number, a list or a tuple');
    if (!this.#take('(')) throw this.#error(`'(' after ${name}`);
    return this.#call(name, at, depth);
  }

  #call(name: string, at: number, depth: number): PythonCall {
    const positional: PythonValue[] = [];
    const named = new Map<string, PythonValue>();
    this.#items(')', () => {
      this.#skipBlank();
      const start = this.#at;
      const field = this.#match(NAME);
      if (field !== undefined && this.#take('=')) {
        if (named.has(field)) throw textError('each field once', `${field} again`, start);
        named.set(field, this.#value(depth + 1));
        return;
      }
      this.#at = start;
      if (named.size > 0) throw this.#error('a field by its name, as those before');
      positional.push(this.#value(depth + 1));
    });
    return { kind: 'call', at, name, positional, named };
  }

  /** What stands between commas, up to the closing bracket. */
  #items<T>(closing: string, read: () => T): T[] {
    const items: T[] = [];
    while (!this.#take(closing)) {
      items.push(read());
      if (this.#take(',')) continue;
      if (this.#take(closing)) break;
      throw this.#error(`',' or '${closing}'`);
    }
    return items;
  }

  #take(character: string): boolean {
    this.#skipBlank();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #skipBlank(): void {
    this.#match(BLANK);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #error(expected: string): ArgumentError {
    const rest = this.#text.slice(this.#at, this.#at + 16);
    return textError(expected, rest === '' ? 'the end' : `'${rest}'`, this.#at);
  }
}

/** The fields of a named tuple, by position or by name. @throws ArgumentError when one is missing, or more are there */
export function fieldsOf<Field extends string>(
  { name, at, positional, named }: PythonCall,
  fields: readonly Field[],
): Readonly<Record<Field, PythonValue>> {
  const values = new Map<string, PythonValue>(
    positional.map((value, index) => [fields[index] ?? `number ${index + 1}`, value]),
  );
  for (const [field, value] of named) {
    if (values.has(field)) throw textError('each field once', `${field} again`, value.at);
    values.set(field, value);
  }
  for (const [field, value] of values) {
    if (!(fields as readonly string[]).includes(field)) {
      throw textError(`the fields ${fields.join(', ')} of ${name}`, `the field ${field}`, value.at);
    }
  }
  const missing = fields.filter((field) => !values.has(field));
  if (missing.length > 0) {
    throw textError(`the fields ${fields.join(', ')} of ${name}`, `none of the name ${missing[0]}`, at);
  }
  return Object.fromEntries(values) as Record<Field, PythonValue>;
}

/** The items of a list or tuple. @throws ArgumentError when the value is none */
export function itemsOf(value: PythonValue, what: string): readonly PythonValue[] {
  if (value.kind === 'sequence') return value.items;
  throw textError(`a list of ${what}`, described(value), value.at);
}

/** A whole number. @throws ArgumentError when the value is none */
export function numberOf(value: PythonValue, what: string): number {
  if (value.kind === 'number') return value.value;
  throw textError(what, described(value), value.at);
}

/** Whole numbers: a list, or range(stop) or range(start, stop). @throws ArgumentError when the value is neither */
export function numbersOf(
  value: PythonValue,
  what: string,
): { readonly at: number; readonly value: number }[] {
  if (value.kind === 'call' && value.name === 'range') {
    const limits = value.positional.map((limit) => numberOf(limit, 'a limit of range'));
    if (limits.length < 1 || limits.length > 2 || value.named.size > 0) {
      throw textError('range(stop) or range(start, stop)', `${limits.length} limits`, value.at);
    }
    const [start, stop] = limits.length === 1 ? [0, limits[0]!] : (limits as [number, number]);
    // More states than any cell has are a slip, and would be listed one by one.
    if (stop - start > 1000) throw textError('a range of states', `${stop - start} numbers`, value.at);
    return Array.from({ length: Math.max(stop - start, 0) }, (_, index) => ({
      at: value.at,
      value: start + index,
    }));
  }
  return itemsOf(value, what).map((item) => ({ at: item.at, value: numberOf(item, what) }));
}

export function described(value: PythonValue): string {
  switch (value.kind) {
    case 'string':
      return `'${value.value}'`;
    case 'number':
      return `${value.value}`;
    case 'sequence':
      return `a list of ${value.items.length}`;
    case 'call':
      return `${value.name}(...)`;
  }
}

/** Numbers as Python prints them: a range where they follow each other, else a list. */
export function formatNumbers(numbers: readonly number[]): string {
  const [first = 0] = numbers;
  const following = numbers.length > 1 && numbers.every((number, index) => number === first + index);
  return following ? `range(${first}, ${first + numbers.length})` : `[${numbers.join(', ')}]`;
}
