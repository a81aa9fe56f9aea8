import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { RunFolder } from '../../lib/index.js';
import { sampledCells } from '../../lib/search/tables/own-table.js';
import { runTable, tableSchema, tableTrials } from '../../lib/search/tables/train-table.js';
import { temporaryFolder } from '../temporary-folder.js';

const skips =
  '|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|';

const config = tableSchema.parse({
  data: { source: 'shapes10:4?size=16', train: 32, validation: 16, test: 16 },
  space: { name: 'nas-bench-201', channels: 4, cells: 1 },
  cells: { random: 2, seed: 5 },
  repeated: { cells: 1, seeds: [7] },
  train: { objective: { kind: 'standard' }, epochs: 2, batch: 8, augmentation: { pad: 2, flip: true } },
});

it('each training is asked for once: all cells, the repeated ones, then more', () => {
  const trials = tableTrials(config, [skips, skips]);
  const [a, b] = trials.map(({ arch }) => arch);
  expect(trials).toEqual([
    { arch: a, seed: 0 },
    { arch: b, seed: 0 },
    { arch: a, seed: 7 },
    { arch: skips, seed: 0 },
  ]);
  expect(() => tableSchema.parse({ cells: { listed: ['|nor_conv_3x3~0|'] } })).toThrow(/node/);
});

it('stopped within a cell it goes on with the same bits, and more cells can be added', async () => {
  const whole = await RunFolder.open(temporaryFolder(), config);
  const expected = await runTable(config, { run: whole });
  expect(expected.rows).toHaveLength(3);
  const path = temporaryFolder();
  const controller = new AbortController();
  let steps = 0;
  const progress = { stage() {}, log() {}, advance: () => void (++steps === 11 && controller.abort()) };
  const first = await RunFolder.open(path, config);
  await expect(runTable(config, { run: first, progress, signal: controller.signal })).rejects.toMatchObject({
    code: 'ERR_ABORTED',
    resumable: true,
  });
  expect(JSON.parse(readFileSync(join(path, 'table.json'), 'utf8')).rows).toHaveLength(1);
  const run = await RunFolder.open(path, config, { resume: true });
  expect(await runTable(config, { run })).toEqual(expected);

  const more = await RunFolder.open(path, config, { resume: true });
  const longer = await runTable(config, { run: more, more: [skips] });
  expect(longer.rows.slice(0, 3)).toEqual(expected.rows);
  expect(longer.rows[3]).toMatchObject({ arch: skips, seed: 0 });
  // What was added as it was found does not stand for the space.
  expect(sampledCells(longer)).toHaveLength(2);
  expect(await more.readMetrics()).toHaveLength(4);
});
