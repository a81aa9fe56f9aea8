/**
 * A table of our own: what cells of a space come to when each is trained by one recipe, as a study of them has measured it.
 * It answers what searches are compared by, like the published table, for a space and a recipe as small as one likes.
 */

import { readFile } from 'node:fs/promises';
import { z } from 'zod';

import { permutation } from '../../data/philox.js';
import { ArgumentError, FileFormatError, FileSystemError } from '../../errors.js';
import { writeFileAtomic } from '../../io/atomic-file.js';
import {
  nasBench201CellCount,
  nasBench201FromNumber,
  nasBench201String,
} from '../../nn/nas-bench-201-string.js';
import { mean } from '../../statistics.js';

const share = z.number().min(0).max(1);

const rowSchema = z.strictObject({
  /** The cell's string. */
  arch: z.string(),
  /** Of the training. */
  seed: z.int().nonnegative(),
  /** Shares of images classified correctly. */
  valid: share,
  test: share,
  parameters: z.int().nonnegative(),
  macs: z.int().nonnegative(),
});

export const ownTableSchema = z
  .strictObject({
    schemaVersion: z.literal(1),
    /** The configuration of the space. */
    space: z.record(z.string(), z.unknown()),
    /** SHA-256 of the recipe that each cell was trained by (`jsonSha256`). */
    recipeSha256: z.string().regex(/^[0-9a-f]{64}$/),
    /** Which cells were drawn at random: `randomCells(count, seed)`. Default: all were. */
    sample: z.strictObject({ count: z.int().positive(), seed: z.int().nonnegative() }).exactOptional(),
    rows: z.array(rowSchema).min(1),
  })
  .superRefine(({ rows }, context) => {
    const seen = new Set<string>();
    for (const [index, { arch, seed }] of rows.entries()) {
      const key = `${arch} ${seed}`;
      if (seen.has(key)) {
        context.addIssue({
          code: 'custom',
          path: ['rows', index],
          message: `expected ${arch} of seed ${seed} once`,
        });
      }
      seen.add(key);
    }
  });

/** A table. Plain JSON. */
export type OwnTable = z.infer<typeof ownTableSchema>;
export type OwnTableRow = z.infer<typeof rowSchema>;

/** Which images: `valid` to choose by, `test` to report. */
export type Images = 'valid' | 'test';

/** A cell's means over its seeds. */
export interface CellMean {
  readonly arch: string;
  readonly seeds: readonly number[];
  readonly valid: number;
  readonly test: number;
  readonly parameters: number;
  readonly macs: number;
}

/** @throws FileSystemError when there is none; FileFormatError when it is no table, or a newer one */
export async function readOwnTable(path: string): Promise<OwnTable> {
  const text = await FileSystemError.during('read', path, () => readFile(path, 'utf8'));
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new FileFormatError(
      `${path}: expected a table as JSON: ${error instanceof Error ? error.message : error}.`,
    );
  }
  const checked = ownTableSchema.safeParse(content);
  if (checked.success) return checked.data;
  throw new FileFormatError(
    `${path}: expected a table of schema version 1:\n${z.prettifyError(checked.error)}`,
  );
}

/** @throws ArgumentError when it is no table; FileSystemError when the disk is full and so on */
export async function writeOwnTable(path: string, table: OwnTable): Promise<void> {
  const checked = ownTableSchema.safeParse(table);
  if (!checked.success) throw new ArgumentError(`Expected a table:\n${z.prettifyError(checked.error)}`);
  await writeFileAtomic(path, `${JSON.stringify(checked.data, null, 1)}\n`);
}

/** Each cell once, in the order of the rows. */
export function cellMeans({ rows }: OwnTable): CellMean[] {
  return [...byCell(rows)].map(([arch, trials]) => ({
    arch,
    seeds: trials.map(({ seed }) => seed),
    valid: mean(trials.map(({ valid }) => valid)),
    test: mean(trials.map(({ test }) => test)),
    parameters: trials[0]!.parameters,
    macs: trials[0]!.macs,
  }));
}

/** The cells that stand for the space: those that were drawn at random, without those that were added as they were found. */
export function sampledCells(table: OwnTable): CellMean[] {
  const means = cellMeans(table);
  if (table.sample === undefined) return means;
  const { count, seed } = table.sample;
  const drawn = new Set(randomCells(count, seed));
  return means.filter(({ arch }) => drawn.has(arch));
}

/** The means of one cell. @throws ArgumentError when the table has no such cell */
export function cellMean(table: OwnTable, arch: string): CellMean {
  const found = cellMeans(table).find((cell) => cell.arch === arch);
  if (found !== undefined) return found;
  throw new ArgumentError(`Expected a cell of the table, got '${arch}'.`);
}

/** The cell with the largest mean; the first of equals. */
export function bestCell(table: OwnTable, images: Images): CellMean {
  return cellMeans(table).reduce((best, cell) => (cell[images] > best[images] ? cell : best));
}

/** How much less than the best cell of the table one reaches, at least 0: a difference of shares. @throws ArgumentError */
export function regret(table: OwnTable, arch: string, images: Images): number {
  return bestCell(table, images)[images] - cellMean(table, arch)[images];
}

/**
 * Where an accuracy lies among the means of the sampled cells, from 0 to 100: the share of cells below it and half of those equal to it.
 */
export function percentile(table: OwnTable, accuracy: number, images: Images): number {
  const means = sampledCells(table).map((cell) => cell[images]);
  const below = means.filter((value) => value < accuracy).length;
  const equal = means.filter((value) => value === accuracy).length;
  return (100 * (below + equal / 2)) / means.length;
}

/**
 * The deviation of a cell's accuracy over seeds, pooled over all cells: the root of the mean of their variances, weighted by
 * their degrees of freedom. Differences much smaller than it say nothing. Null when no cell has two seeds.
 */
export function seedDeviation({ rows }: OwnTable, images: Images): number | null {
  let squares = 0;
  let freedom = 0;
  for (const trials of byCell(rows).values()) {
    const centre = mean(trials.map((row) => row[images]));
    for (const row of trials) squares += (row[images] - centre) ** 2;
    freedom += trials.length - 1;
  }
  return freedom === 0 ? null : Math.sqrt(squares / freedom);
}

/**
 * Different cells of NAS-Bench-201 at random, by their strings: the first of a Philox permutation of all 15,625, so that fewer
 * of one seed are the beginning of more.
 *
 * @throws ArgumentError when there are not so many
 */
export function randomCells(count: number, seed: number): string[] {
  if (!Number.isInteger(count) || count < 1 || count > nasBench201CellCount) {
    throw new ArgumentError(`Expected 1 to ${nasBench201CellCount} cells, got ${count}.`);
  }
  const numbers = permutation(nasBench201CellCount, seed).subarray(0, count);
  return Array.from(numbers, (number) => nasBench201String(nasBench201FromNumber(number)));
}

function byCell(rows: readonly OwnTableRow[]): Map<string, OwnTableRow[]> {
  const cells = new Map<string, OwnTableRow[]>();
  for (const row of rows) {
    const trials = cells.get(row.arch);
    if (trials === undefined) cells.set(row.arch, [row]);
    else trials.push(row);
  }
  return cells;
}
