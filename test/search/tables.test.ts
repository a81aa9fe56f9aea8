import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ArgumentError, FileFormatError, FileSystemError } from '../../lib/errors.js';
import { readBzip2 } from '../../lib/io/bzip2.js';
import { nasBench201FromString } from '../../lib/nn/nas-bench-201-string.js';
import { kendallTau } from '../../lib/search/rank-correlation.js';
import { NatsBenchTable } from '../../lib/search/tables/nats-bench.js';
import {
  bestCell,
  cellMean,
  cellMeans,
  type OwnTable,
  percentile,
  randomCells,
  readOwnTable,
  regret,
  seedDeviation,
  writeOwnTable,
} from '../../lib/search/tables/own-table.js';
import { temporaryFolder } from '../temporary-folder.js';

/** Made by make_nats_bench.py: the form of NATS-Bench's files, with numbers of our own. */
const nats = fileURLToPath(new URL('./data/nats/', import.meta.url));
const best =
  '|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|';
const none = '|none~0|+|none~0|none~1|+|none~0|none~1|none~2|';

describe("NATS-Bench's table", () => {
  it('gives means over seeds after the last epoch, as shares, and what a cell costs', async () => {
    const table = await NatsBenchTable.open(nats);
    expect(table.cells).toHaveLength(3);
    expect(table.numberOf(best)).toBe(1);
    const cost = { parameters: 1_288_506, macs: 184_730_240 };
    // Trials 0, 1 and 2 of the first and the second set of images: 10, 11, 12 and 20, 21, 22 percent.
    const ofThree = { seeds: [777, 888, 999], valid: 0.11, test: 0.21, ...cost };
    expect(await table.result(best, 'cifar10-valid')).toEqual(ofThree);
    expect(await table.result(best, 'cifar100')).toEqual(ofThree);
    expect(await table.result(best, 'ImageNet16-120', 200)).toEqual(ofThree);
    expect(await table.result(best, 'cifar10')).toEqual({ ...ofThree, valid: null, test: 0.11 });
    const ofOne = { seeds: [777], valid: 0.1, test: 0.2, ...cost };
    expect(await table.result(best, 'cifar100', 12)).toEqual(ofOne);
  });

  it('refuses cells that it has not, and says which file is missing', async () => {
    const table = await NatsBenchTable.open(nats);
    await expect(table.result(best.replace('skip', 'slip'), 'cifar10')).rejects.toThrow(ArgumentError);
    await expect(table.result(none, 'cifar10')).rejects.toThrow(/000002\.pickle\.pbz2/);
    await expect(table.result(none, 'cifar10')).rejects.toThrow(FileSystemError);
    await expect(table.result(best, 'cifar10', 90 as never)).rejects.toThrow(/12, 200/);
    await expect(table.result(best, 'svhn' as never)).rejects.toThrow(/cifar10-valid, cifar10/);
    await expect(NatsBenchTable.open(join(nats, 'elsewhere'))).rejects.toThrow(FileSystemError);
  });

  it('refuses damaged files, and files of something else', async () => {
    const meta = await readFile(join(nats, 'meta.pickle.pbz2'));
    const record = await readFile(join(nats, '000001.pickle.pbz2'));
    const folder = temporaryFolder();
    const write = (name: string, bytes: Uint8Array) => writeFile(join(folder, `${name}.pickle.pbz2`), bytes);
    const refused = async () => expect(NatsBenchTable.open(folder)).rejects.toThrow(FileFormatError);
    await write('meta', record);
    await refused();
    for (const length of [0, 3, 40, meta.length - 1]) {
      await write('meta', meta.subarray(0, length));
      await refused();
    }
    await write(
      'meta',
      Uint8Array.from(meta, (byte, index) => (index === 60 ? byte ^ 0x10 : byte)),
    );
    await refused();
    await write('meta', meta);
    const table = await NatsBenchTable.open(folder);
    await write('000001', meta);
    await expect(table.result(best, 'cifar10')).rejects.toThrow(FileFormatError);
    await write('000001', record.subarray(0, record.length / 2));
    await expect(table.result(best, 'cifar10')).rejects.toThrow(FileFormatError);
    // The record of another cell under this one's number.
    await copyFile(join(nats, '000001.pickle.pbz2'), join(folder, '000002.pickle.pbz2'));
    await expect(table.result(none, 'cifar10')).rejects.toThrow(FileFormatError);
    await expect(readBzip2(join(nats, '000001.pickle.pbz2'), 1000)).rejects.toThrow(/at most 1000 bytes/);
  });
});

const row = (arch: string, seed: number, valid: number, test: number) => ({
  arch,
  seed,
  valid,
  test,
  parameters: arch.length,
  macs: 10 * arch.length,
});

const table: OwnTable = {
  schemaVersion: 1,
  space: { name: 'nas-bench-201', channels: 8, cells: 1 },
  recipeSha256: 'a'.repeat(64),
  rows: [
    row('a', 0, 0.5, 0.4),
    row('b', 0, 0.75, 0.625),
    row('a', 1, 0.75, 0.5),
    row('c', 0, 0.25, 0.875),
    row('b', 1, 0.75, 0.875),
  ],
};

describe('a table of our own', () => {
  it('is read as it was written, and refused when it is none', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'table.json');
    await writeOwnTable(path, table);
    expect(await readOwnTable(path)).toEqual(table);
    for (const content of [
      '{',
      '[]',
      JSON.stringify({ ...table, schemaVersion: 2 }),
      JSON.stringify({ ...table, rows: [] }),
      JSON.stringify({ ...table, rows: [row('a', 0, 50, 0.5)] }),
      JSON.stringify({ ...table, rows: [...table.rows, table.rows[0]] }),
    ]) {
      await writeFile(path, content);
      await expect(readOwnTable(path), content).rejects.toThrow(FileFormatError);
    }
    await expect(writeOwnTable(path, { ...table, rows: [] })).rejects.toThrow(ArgumentError);
    await expect(readOwnTable(join(folder, 'none.json'))).rejects.toThrow(FileSystemError);
  });

  it('gives means by cell, the best one, and what another lacks', () => {
    expect(cellMeans(table).map(({ arch, valid }) => [arch, valid])).toEqual([
      ['a', 0.625],
      ['b', 0.75],
      ['c', 0.25],
    ]);
    expect(cellMean(table, 'b')).toEqual({
      arch: 'b',
      seeds: [0, 1],
      valid: 0.75,
      test: 0.75,
      parameters: 1,
      macs: 10,
    });
    expect(bestCell(table, 'valid').arch).toBe('b');
    expect(bestCell(table, 'test').arch).toBe('c');
    expect(regret(table, 'b', 'test')).toBe(0.125);
    expect(regret(table, 'c', 'test')).toBe(0);
    expect(() => regret(table, 'd', 'test')).toThrow(ArgumentError);
  });

  it('places an accuracy among the cells', () => {
    expect(percentile(table, 0, 'valid')).toBe(0);
    expect(percentile(table, 1, 'valid')).toBe(100);
    expect(percentile(table, 0.625, 'valid')).toBe(50);
    expect(percentile(table, 0.7, 'valid')).toBeCloseTo(200 / 3, 12);
  });

  it('pools the deviation over seeds', () => {
    // a: 0.5 and 0.75, a variance of 1/32; b: none; c has one seed.
    expect(seedDeviation(table, 'valid')).toBeCloseTo(Math.sqrt(1 / 64), 12);
    expect(seedDeviation({ ...table, rows: table.rows.slice(0, 2) }, 'valid')).toBeNull();
  });
});

describe('random cells', () => {
  it('are different ones, a function of the seed, and fewer begin as more do', () => {
    const cells = randomCells(200, 3);
    expect(new Set(cells).size).toBe(200);
    for (const cell of cells) expect(() => nasBench201FromString(cell)).not.toThrow();
    expect(randomCells(50, 3)).toEqual(cells.slice(0, 50));
    expect(randomCells(50, 4)).not.toEqual(cells.slice(0, 50));
    expect(new Set(randomCells(15_625, 1)).size).toBe(15_625);
    expect(() => randomCells(15_626, 1)).toThrow(ArgumentError);
  });
});

describe("Kendall's tau-b", () => {
  // By scipy.stats.kendalltau 1.17.1; the first is the example of its documentation.
  it.each([
    [[12, 2, 1, 12, 2], [1, 4, 7, 1, 0], -0.4714045207910316],
    [[1, 2, 3, 4, 5], [3, 1, 2, 5, 4], 0.4],
    [[1, 1, 2, 2, 3, 3], [1, 2, 2, 3, 3, 1], 0.25],
    [[0.91, 0.89, 0.93, 0.9, 0.9, 0.85], [0.7, 0.71, 0.75, 0.7, 0.69, 0.6], 0.5],
  ])('of %j and %j', (x, y, tau) => {
    expect(kendallTau(x, y)).toBeCloseTo(tau, 12);
    expect(kendallTau(y, x)).toBeCloseTo(tau, 12);
  });

  it('is 1 and -1 for equal and opposite orders, and undefined where all is tied', () => {
    const ascending = Array.from({ length: 50 }, (_, index) => index / 7);
    expect(kendallTau(ascending, ascending)).toBe(1);
    expect(kendallTau(ascending, ascending.toReversed())).toBe(-1);
    expect(
      kendallTau(
        ascending,
        ascending.map(() => 1),
      ),
    ).toBeNull();
    expect(kendallTau([1], [1])).toBeNull();
    expect(() => kendallTau([1, 2], [1])).toThrow(ArgumentError);
    expect(() => kendallTau([1, 2], [1, Number.NaN])).toThrow(ArgumentError);
  });
});
