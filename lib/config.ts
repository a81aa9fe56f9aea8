/**
 * One convention for the configuration of every command: defaults, then `--config file.yaml`, then `--set a.b=1`,
 * then a strict schema that names what it does not know.
 */

import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';

import { ConfigError, FileSystemError } from './errors.js';
import { nearestWord } from './nearest-word.js';

/** Where a configuration comes from. Later fields win over earlier ones, key by key; lists are replaced whole. */
export interface ConfigSources {
  /**
   * What holds when nothing is said; where that depends on what is said (a preset by name), a function of the other
   * sources together.
   */
  readonly defaults?: unknown;
  /** Values that a program has, instead of a file. */
  readonly values?: unknown;
  /** Path of a YAML file, from `--config`. */
  readonly file?: string | undefined;
  /** Overrides such as `train.epochs=10`, from `--set`; each value is parsed as YAML. */
  readonly sets?: readonly string[] | undefined;
}

type Path = readonly PropertyKey[];
type JsonSchema = z.core.JSONSchema.BaseSchema;

/**
 * Merges the sources and checks the result.
 *
 * @param schema a zod schema, built from `z.strictObject` so that unknown keys are refused
 * @returns the checked configuration, with the schema's own defaults filled in
 * @throws ConfigError that names every wrong key by its path, and the nearest known key for an unknown one
 * @throws FileSystemError when the file cannot be read
 */
export async function resolveConfig<T>(schema: z.ZodType<T>, sources: ConfigSources): Promise<T> {
  const file = sources.file === undefined ? {} : await readYaml(sources.file);
  const withSets = (base: unknown) => {
    let config = mergeConfigs(mergeConfigs(base, sources.values ?? {}), file);
    for (const set of sources.sets ?? []) config = applySet(config, set);
    return config;
  };
  const { defaults } = sources;
  const config = withSets(typeof defaults === 'function' ? await defaults(withSets({})) : (defaults ?? {}));

  const result = schema.safeParse(config);
  if (result.success) return result.data;
  const known = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' });
  const problems = result.error.issues.flatMap((issue) => describeIssue(issue, config, known));
  throw new ConfigError(`The configuration${originOf(sources)} is wrong: ${problems.join('; ')}.`);
}

function originOf({ file, sets = [] }: ConfigSources): string {
  const origins = [...(file === undefined ? [] : [file]), ...(sets.length > 0 ? ['--set'] : [])];
  return origins.length === 0 ? '' : ` from ${origins.join(' and ')}`;
}

/** The mapping in a YAML file. @throws ConfigError that names the line; FileSystemError */
export async function readYaml(file: string): Promise<Record<string, unknown>> {
  const text = await FileSystemError.during('read', file, () => readFile(file, 'utf8'));
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new ConfigError(`${file}:${line}:${col} is not valid YAML: ${error.message}; correct the line.`);
  }
  const content: unknown = document.toJS() ?? {};
  if (isMapping(content)) return content;
  throw new ConfigError(`${file} must hold a mapping of keys to values, but it holds ${shown(content)}.`);
}

function applySet(config: unknown, set: string): unknown {
  const split = set.indexOf('=');
  const path = set.slice(0, split).trim().split('.');
  if (split < 0 || path.some((key) => key === '')) {
    throw new ConfigError(
      `An override must read key=value or a.b=value, but --set came with ${JSON.stringify(set)}.`,
    );
  }
  const document = parseDocument(set.slice(split + 1), { prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    throw new ConfigError(`The value of --set ${set} is not valid YAML: ${error.message}; put it in quotes.`);
  }
  return withValueAt(config, path, document.toJS(), set);
}

function withValueAt(target: unknown, path: readonly string[], value: unknown, set: string): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (Array.isArray(target)) {
    const index = Number(key);
    if (!Number.isInteger(index) || index < 0 || index >= target.length) {
      throw new ConfigError(
        `--set ${set} reaches into a list of ${target.length} at "${key}"; use an index below ${target.length}, or set the whole list as [a, b].`,
      );
    }
    return target.with(index, withValueAt(target[index], rest, value, set));
  }
  const mapping = isMapping(target) ? target : {};
  return withEntries(mapping, [[key, withValueAt(mapping[key], rest, value, set)]]);
}

/** Key by key; lists and what is no mapping are replaced whole. */
export function mergeConfigs(base: unknown, over: unknown): unknown {
  if (!isMapping(base) || !isMapping(over)) return over;
  return withEntries(
    base,
    Object.entries(over).map(([key, value]) => [key, mergeConfigs(base[key], value)]),
  );
}

/** A copy with more entries. Made from entries, so that a key `__proto__` is data like any other. */
function withEntries(base: Record<string, unknown>, entries: [string, unknown][]): Record<string, unknown> {
  return Object.fromEntries([...Object.entries(base), ...entries]);
}

function describeIssue(issue: z.core.$ZodIssue, config: unknown, known: JsonSchema): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(
      (key) => `unknown key ${joined([...issue.path, key])}${suggestion(known, issue.path, key)}`,
    );
  }
  if (issue.code === 'invalid_union') {
    // The branch that came closest says most about what was meant.
    const [branch] = [...issue.errors].sort((a, b) => distanceOf(a) - distanceOf(b) || a.length - b.length);
    if (branch !== undefined && branch.length > 0) {
      return branch.flatMap((nested) =>
        describeIssue({ ...nested, path: [...issue.path, ...nested.path] }, config, known),
      );
    }
  }
  const value = valueAt(config, issue.path);
  const found = value === undefined ? 'nothing is set' : `found ${shown(value)}`;
  const expectation = issue.message.replace(/^Invalid (input|option): /, '').replace(/, received .*$/, '');
  return [`${joined(issue.path) || 'the whole'}: ${expectation}, ${found}`];
}

/** How far a value is from a branch of a union: right but for something within, of the right type, or of another type. */
function distanceOf(issues: readonly z.core.$ZodIssue[]): number {
  const own = issues.filter(({ path }) => path.length === 0);
  if (own.some(({ code }) => code === 'invalid_type')) return 2;
  return own.some(({ code }) => code === 'invalid_value') ? 1 : 0;
}

function suggestion(known: JsonSchema, path: Path, key: string): string {
  const siblings = keysAt(known, path);
  const near = nearestWord(key, siblings);
  if (near !== undefined) return ` (did you mean ${joined([...path, near])}?)`;
  const elsewhere = allPaths(known).find((knownPath) => knownPath.at(-1) === key);
  if (elsewhere !== undefined) return ` (did you mean ${joined(elsewhere)}?)`;
  return siblings.length === 0 ? '' : ` (known are ${siblings.join(', ')})`;
}

function valueAt(config: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) => (isMapping(value) || Array.isArray(value) ? Reflect.get(value, key) : undefined),
    config,
  );
}

function keysAt(schema: JsonSchema, path: Path): string[] {
  const [key, ...rest] = path;
  const keys = alternatives(schema).flatMap((alternative) =>
    key === undefined
      ? Object.keys(alternative.properties ?? {})
      : children(alternative, key).flatMap((child) => keysAt(child, rest)),
  );
  return [...new Set(keys)];
}

function allPaths(schema: JsonSchema): string[][] {
  return alternatives(schema).flatMap(({ properties = {} }) =>
    Object.entries(properties).flatMap(([key, child]) => [
      [key],
      ...(typeof child === 'object' ? allPaths(child).map((rest) => [key, ...rest]) : []),
    ]),
  );
}

function alternatives(schema: JsonSchema): JsonSchema[] {
  return [
    schema,
    ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])].flatMap(alternatives),
  ];
}

function children(schema: JsonSchema, key: PropertyKey): JsonSchema[] {
  const candidates = [
    schema.properties?.[String(key)] ?? schema.additionalProperties,
    ...(typeof key === 'number' ? [schema.items, schema.prefixItems?.[key]].flat() : []),
  ];
  return candidates.filter((candidate) => typeof candidate === 'object');
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function joined(path: Path): string {
  return path.map(String).join('.');
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
