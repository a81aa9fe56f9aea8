/** From a study's configuration to its trials: cells times seeds. */

import { resolveConfig } from '../config.js';
import { ConfigError } from '../errors.js';
import { jsonSha256 } from '../io/json-digest.js';
import { nearestWord } from '../nearest-word.js';
import { measuresOf, type StudyConfig } from './config.js';
import { workflowOf } from './workflows/registry.js';

/** One combination of settings. */
export interface Cell {
  /** The settings, as in `trades-half`; the workflow's name where there is no grid. */
  readonly name: string;
  /** The setting of each axis. */
  readonly settings: Readonly<Record<string, string>>;
}

/** One run. */
export interface Trial {
  /** Cell, seed and the beginning of `configSha256`: readable, and another one for another configuration. */
  readonly id: string;
  readonly cell: Cell;
  readonly seed: number;
  /** Resolved: what the workflow's schema gives. */
  readonly config: { readonly seed: number };
  readonly configSha256: string;
}

/** One row of the table: a cell, or a part of one. */
export interface Row {
  readonly name: string;
  readonly cell: Cell;
  readonly part: string | undefined;
  /** Before the names of its measures. */
  readonly prefix: string;
}

/** A study, expanded. */
export interface Study {
  readonly config: StudyConfig;
  readonly cells: readonly Cell[];
  /** All seeds of the first cell, then of the second, and so on. */
  readonly trials: readonly Trial[];
  readonly rows: readonly Row[];
}

const ID_DIGITS = 8;

/**
 * Resolves every trial's configuration through the workflow's own schema.
 *
 * @param shrunk for a smoke test: every trial as small as the workflow makes it, one seed
 * @throws ConfigError that names the cell, for an override that the workflow does not know, two cells that are the same
 *   run, and names of rows or measures that there will not be
 */
export async function expandStudy(config: StudyConfig, { shrunk = false } = {}): Promise<Study> {
  const workflow = workflowOf(config.workflow);
  const combinations = combinationsOf(config);
  const seeds = shrunk ? config.seeds.slice(0, 1) : config.seeds;
  const trials: Trial[] = [];
  for (const { cell, overrides } of combinations) {
    const sets = Object.entries(overrides).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    for (const seed of seeds) {
      const { defaults, schema } = workflow;
      const full = await resolveConfig(schema, {
        defaults,
        values: config.base,
        sets: [...sets, `seed=${seed}`],
      }).catch((error: unknown) => {
        throw error instanceof ConfigError ? new ConfigError(`Cell ${cell.name}: ${error.message}`) : error;
      });
      const resolved = shrunk ? workflow.shrink(full) : full;
      const configSha256 = jsonSha256(resolved);
      const id = `${cell.name}-seed${seed}-${configSha256.slice(0, ID_DIGITS)}`;
      trials.push({ id, cell, seed, config: resolved, configSha256 });
    }
  }
  const cells = combinations.map(({ cell }) => cell);
  const study = { config, cells, trials, rows: rowsOf(config, cells) };
  requireDistinctCells(study);
  requireKnownRows(study);
  requireKnownMeasures(study);
  return study;
}

/** The trials whose id the pattern matches: `*` and `?` as in a shell, or, without either, a part of the id. */
export function matchTrials(trials: readonly Trial[], pattern: string): Trial[] {
  if (!/[*?]/.test(pattern)) return trials.filter(({ id }) => id.includes(pattern));
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const whole = new RegExp(`^${source}$`);
  return trials.filter(({ id }) => whole.test(id));
}

function combinationsOf({
  grid,
  workflow,
}: StudyConfig): { cell: Cell; overrides: Record<string, unknown> }[] {
  let combinations: { settings: Record<string, string>; overrides: Record<string, unknown> }[] = [
    { settings: {}, overrides: {} },
  ];
  for (const [axis, values] of Object.entries(grid)) {
    if (Object.keys(values).length === 0) {
      throw new ConfigError(`The axis grid.${axis} has no settings; give it at least one, or leave it out.`);
    }
    combinations = combinations.flatMap((before) =>
      Object.entries(values).map(([setting, overrides]) => ({
        settings: { ...before.settings, [axis]: setting },
        overrides: { ...before.overrides, ...overrides },
      })),
    );
  }
  return combinations.map(({ settings, overrides }) => ({
    cell: { name: Object.values(settings).join('-') || workflow, settings },
    overrides,
  }));
}

function rowsOf({ parts, grid }: StudyConfig, cells: readonly Cell[]): Row[] {
  const named = Object.entries(parts);
  const alone = Object.keys(grid).length === 0;
  return cells.flatMap((cell): Row[] =>
    named.length === 0
      ? [{ name: cell.name, cell, part: undefined, prefix: '' }]
      : named.map(([part, prefix]) => ({
          name: alone ? part : `${cell.name}/${part}`,
          cell,
          part,
          prefix: `${prefix}.`,
        })),
  );
}

function requireDistinctCells({ trials, cells }: Study): void {
  const names = new Set(cells.map((cell) => cell.name));
  if (names.size < cells.length) {
    throw new ConfigError('Two cells of the grid have the same name; give the settings names that differ.');
  }
  const seen = new Map<string, Trial>();
  for (const trial of trials) {
    const same = seen.get(trial.configSha256);
    if (same !== undefined) {
      throw new ConfigError(
        `Cells ${same.cell.name} and ${trial.cell.name} are the same run: their settings change nothing; leave one out.`,
      );
    }
    seen.set(trial.configSha256, trial);
  }
}

function requireKnownRows({ config, rows }: Study): void {
  const names = rows.map((row) => row.name);
  for (const [i, name] of config.compare.flat().entries()) {
    if (!names.includes(name))
      throw new ConfigError(
        `compare.${Math.floor(i / 2)} names ${name}, which is no row${meant(name, names)}.`,
      );
  }
}

function requireKnownMeasures({ config, rows, trials }: Study): void {
  const workflow = workflowOf(config.workflow);
  for (const row of rows) {
    const trial = trials.find(({ cell }) => cell === row.cell)!;
    const known = workflow.measures(trial.config);
    for (const { name } of measuresOf(config)) {
      const full = row.prefix + name;
      if (!known.includes(full))
        throw new ConfigError(
          `Cell ${row.cell.name}: its result will have no measure ${full}${meant(full, known)}.`,
        );
    }
  }
}

function meant(word: string, known: readonly string[]): string {
  const near = nearestWord(word, known);
  return near === undefined ? ` (there are ${known.join(', ')})` : ` (did you mean ${near}?)`;
}
