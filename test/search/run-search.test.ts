import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../../lib/config.js';
import { type Choice, RunFolder, runSearch, searchDefaults, searchSchema } from '../../lib/index.js';
import { SearchImages } from '../../lib/search/search-images.js';
import { randomChoice } from '../../lib/search/selectors/random-search.js';
import { dartsSpace, dartsSpaceSchema } from '../../lib/search/spaces/darts.js';
import { type OwnTable, writeOwnTable } from '../../lib/search/tables/own-table.js';
import { openTrainingData } from '../../lib/train/data-recipe.js';
import { temporaryFolder } from '../temporary-folder.js';

const tiny = [
  'data={source: "shapes10:4?size=16", train: 32, validation: 16, test: 16}',
  'space={name: nas-bench-201, channels: 4, cells: 1}',
  'epochs=2',
  'batch=8',
];

const configOf = (...sets: string[]) =>
  resolveConfig(searchSchema, { defaults: searchDefaults, sets: [...tiny, ...sets] });

async function searched(...sets: string[]) {
  const config = await configOf(...sets);
  const run = await RunFolder.open(temporaryFolder(), config);
  return { run, ...(await runSearch(config, { run })) };
}

/** A search that does not want convolutions. */
const collapsing = [
  'architecture.rate=0.3',
  'regularizers=[{kind: operation-penalty, operations: [none, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3], norm: l1, of: weights, weight: 100}]',
];

describe('diagnostics of a run', () => {
  it('every epoch says what its architecture is, and the alarm fires when the search collapses', async () => {
    const { run, result } = await searched(...collapsing, 'diagnostics.eigenvalueEvery=2', 'epochs=3');
    expect(result.collapse).toMatchObject({ level: 'collapsed', skipShare: 1 });
    const { statistics, collapse } = result.epochs.at(-1)!.architecture;
    expect(statistics.cell!.chosen.skip_connect).toBe(6);
    expect(collapse.level).toBe('collapsed');
    expect(result.epochs.map(({ eigenvalue }) => eigenvalue === null)).toEqual([true, false, true]);
    const { measures } = JSON.parse(readFileSync(join(run.path, 'result.json'), 'utf8'));
    expect(measures).toMatchObject({ collapsed: 1, skipShare: 1, eigenvalue: expect.any(Number) });
    const lines = await run.readMetrics();
    expect(lines.map(({ collapse }) => collapse).at(-1)).toBe('collapsed');
    expect(Number(lines.at(-1)!.entropy)).toBeLessThan(Number(lines[0]!.entropy));
  });

  it('a stopper ends the search, and the architecture is that of the epoch it goes back to', async () => {
    const { result } = await searched(...collapsing, 'epochs=9', 'stopper={kind: skip-count, group: cell}');
    expect(result.epochs.length).toBeLessThan(9);
    expect(result.stopped).toMatchObject({ returnTo: null, reason: expect.stringContaining('skip') });
    const sharp = await searched(
      'epochs=6',
      'diagnostics.eigenvalueEvery=1',
      'stopper={kind: eigenvalue-ratio, ratio: 1.0e-9, window: 1, apart: 1, from: 0}',
    );
    const { stopped, epochs } = sharp.result;
    expect([epochs.length, stopped?.returnTo]).toEqual([2, 1]);
  });
});

describe('a table', () => {
  const cells = [
    '|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|',
    '|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|',
    '|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|',
  ];
  const table: OwnTable = {
    schemaVersion: 1,
    space: {},
    recipeSha256: '0'.repeat(64),
    rows: cells.map((arch, i) => ({
      arch,
      seed: 0,
      valid: 0.3 + i / 10,
      test: 0.8 - i / 10,
      parameters: 1,
      macs: 1,
    })),
  };

  it('says what the found cell is worth, and how the search network orders its cells', async () => {
    const path = join(temporaryFolder(), 'table.json');
    await writeOwnTable(path, table);
    const { result } = await searched(...collapsing, `table=${path}`);
    expect(result.table).toMatchObject({
      arch: cells[2],
      found: { seeds: 1, valid: 0.5, test: expect.closeTo(0.6), regret: expect.closeTo(0.2) },
    });
    expect(result.table!.found!.percentile).toBeCloseTo(100 / 6);
    const { accuracies, tau } = result.table!.ranking!;
    expect(Object.keys(accuracies)).toEqual(cells);
    expect(tau === null || Math.abs(tau) <= 1).toBe(true);
  });

  it('that lacks the cell makes a list of it; a table of another space is refused', async () => {
    const path = join(temporaryFolder(), 'table.json');
    await writeOwnTable(path, { ...table, rows: table.rows.slice(0, 2) });
    const { run, result } = await searched(...collapsing, `table=${path}`);
    expect(result.table!.found).toBeNull();
    expect(JSON.parse(readFileSync(join(run.path, 'table.missing.json'), 'utf8'))).toEqual([cells[2]]);
    await expect(
      searched(`table=${path}`, 'space={name: darts, channels: 4, cells: 3, nodes: 2}'),
    ).rejects.toThrow(/space nas-bench-201 for a table.*got darts/);
  });
});

describe('random search', () => {
  const random = [
    'method=random',
    'epochs=0',
    'selector.count=3',
    'selector.train.epochs=1',
    'selector.train.batch=8',
  ];

  it('stopped between two architectures, ends with the same one', async () => {
    const whole = await searched(...random);
    expect(whole.result).toMatchObject({ supernetAccuracy: null, epochs: [] });
    const config = await configOf(...random);
    const path = temporaryFolder();
    const controller = new AbortController();
    const progress = { stage() {}, log() {}, advance: () => controller.abort() };
    const first = await RunFolder.open(path, config);
    await expect(
      runSearch(config, { run: first, progress, signal: controller.signal }),
    ).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    const run = await RunFolder.open(path, config, { resume: true });
    expect((await runSearch(config, { run })).result).toEqual(whole.result);
  });

  it('draws what a space allows: two edges of a node, never `none` where it cannot be kept', () => {
    const config = dartsSpaceSchema.parse({ name: 'darts' });
    const groups = dartsSpace.groups(config);
    const draws = Array.from({ length: 20 }, (_, number) => randomChoice(groups, 3, number));
    const kept = (choice: Choice) => Object.values(choice).flatMap((edges) => edges.flat());
    for (const choice of draws) {
      for (const { name, nodes } of groups) {
        for (const edges of nodes) {
          expect(edges.filter((edge) => choice[name]![edge]!.length === 1)).toHaveLength(2);
        }
      }
      expect(kept(choice)).not.toContain('none');
    }
    expect(new Set(draws.map((choice) => JSON.stringify(choice))).size).toBe(20);
    expect(new Set(draws.flatMap(kept)).size).toBe(7);
    expect(randomChoice(groups, 3, 7)).toEqual(draws[7]);
  });
});

it('images of weights and architecture are apart, and from the training images', async () => {
  const config = await configOf('split=0.25');
  const data = await openTrainingData(config.data, config.seed);
  const { weights, architecture } = new SearchImages(config, data);
  expect([weights.length, architecture.length]).toEqual([24, 8]);
  expect([...weights, ...architecture].sort((a, b) => a - b)).toEqual([...data.train]);
  data.dataset.dispose();
});

it('a damaged checkpoint is passed over and named; the state of something else is refused', async () => {
  const config = await configOf();
  const path = temporaryFolder();
  const first = await RunFolder.open(path, config);
  const { result } = await runSearch(config, { run: first });
  const again = await RunFolder.open(path, config, { resume: true });
  const { checkpoint } = await again.loadNewestCheckpoint();
  writeFileSync(join(checkpoint!.path, 'state.json'), '{');
  const said: string[] = [];
  const progress = { stage() {}, advance() {}, log: (line: string) => void said.push(line) };
  const resumed = await RunFolder.open(path, config, { resume: true });
  expect((await runSearch(config, { run: resumed, progress })).result).toEqual(result);
  expect(said.join('\n')).toMatch(/Skipped checkpoint .*step/);
  await resumed.saveCheckpoint(99, new Map(), { stage: 'dense' });
  const other = await RunFolder.open(path, config, { resume: true });
  await expect(runSearch(config, { run: other })).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
});
