import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../../lib/config.js';
import { AbortedError, CheckpointError, ConfigError, FileFormatError, RunFolder } from '../../lib/index.js';
import { readRunResult } from '../../lib/io/run-result.js';
import { searchDefaults, searchSchema } from '../../lib/search/config.js';
import { runSearch } from '../../lib/search/run-search.js';
import { readOwnTable } from '../../lib/search/tables/own-table.js';
import { runTable, tableSchema } from '../../lib/search/tables/train-table.js';
import { temporaryFolder } from '../temporary-folder.js';

const data = { source: 'shapes10:4?size=8', train: 24, validation: 8, test: 8 };
const space = { name: 'nas-bench-201', channels: 4, cells: 1 };
const train = { objective: { kind: 'standard' }, epochs: 2, batch: 8 };

const configOf = (values: object) =>
  resolveConfig(searchSchema, {
    defaults: searchDefaults,
    values: { data, space, epochs: 2, batch: 4, ...values },
  });

/** Ends a run after so many steps of a stage. */
function stopping(stage: string, steps: number) {
  const controller = new AbortController();
  let now = '';
  let left = steps;
  const progress = {
    stage(title: string) {
      now = title;
    },
    log() {},
    advance: () => void (now.startsWith(stage) && --left === 0 && controller.abort()),
  };
  return { progress, signal: controller.signal };
}

describe('a search', () => {
  it.each(['search', 'retrain'])('stopped within %s goes on and ends with the same bits', async (stage) => {
    const config = await configOf({ method: 'gdas', retrain: { train } });
    const whole = await RunFolder.open(temporaryFolder(), config);
    await runSearch(config, { run: whole });
    const path = temporaryFolder();
    const stopped = runSearch(config, { run: await RunFolder.open(path, config), ...stopping(stage, 4) });
    await expect(stopped).rejects.toThrow(AbortedError);
    await runSearch(config, { run: await RunFolder.open(path, config, { resume: true }) });
    const [expected, found] = [await readRunResult(whole.path), await readRunResult(path)];
    expect(found.measures).toEqual(expected.measures);
    expect(found.details).toEqual(expected.details);
    for (const file of ['genotype.json', 'model.safetensors']) {
      expect(readFileSync(join(path, file)).equals(readFileSync(join(whole.path, file)))).toBe(true);
    }
  });

  it('refuses a checkpoint that is none of a search, and keys that no stage has', async () => {
    const config = await configOf({});
    const path = temporaryFolder();
    const run = await RunFolder.open(path, config);
    await run.saveCheckpoint(1, new Map(), { stage: 'dense' });
    const resumed = await RunFolder.open(path, config, { resume: true });
    await expect(runSearch(config, { run: resumed })).rejects.toThrow(CheckpointError);

    const wrong = await configOf({ stages: [{ epoch: 3 }] });
    const other = await RunFolder.open(temporaryFolder(), wrong);
    await expect(runSearch(wrong, { run: other })).rejects.toThrow(/stages\.0/);
  });
});

describe('a table', () => {
  const table = tableSchema.parse({ data, space, train, cells: { random: 2, seed: 3 }, seeds: [0] });

  it('is trained cell by cell, goes on where it was stopped, and tells of what searches find', async () => {
    const whole = await RunFolder.open(temporaryFolder(), table);
    const expected = await runTable(table, { run: whole });
    expect(expected.rows).toHaveLength(2);
    const path = temporaryFolder();
    const stopped = runTable(table, { run: await RunFolder.open(path, table), ...stopping('cell 2', 2) });
    await expect(stopped).rejects.toThrow(AbortedError);
    await runTable(table, { run: await RunFolder.open(path, table, { resume: true }) });
    expect(await readOwnTable(join(path, 'table.json'))).toEqual(
      await readOwnTable(join(whole.path, 'table.json')),
    );

    const config = await configOf({ table: join(path, 'table.json') });
    const run = await RunFolder.open(temporaryFolder(), config);
    const { result } = await runSearch(config, { run });
    expect(Object.keys(result.table!.ranking!.accuracies)).toHaveLength(2);
    const missing = join(run.path, 'table.missing.json');
    expect(existsSync(missing)).toBe(result.table!.found === null);
    // What it lacked is trained later; then it knows the cell.
    const more = JSON.parse(readFileSync(missing, 'utf8')) as string[];
    const completed = await RunFolder.open(path, table, { resume: true });
    const { rows } = await runTable(table, { run: completed, more });
    expect(rows.map(({ arch }) => arch)).toContain(result.table!.arch);
  });

  it('is refused where it is damaged, and for another space', async () => {
    const path = join(temporaryFolder(), 'table.json');
    writeFileSync(path, '{"schemaVersion": 1}');
    const config = await configOf({ table: path });
    const run = await RunFolder.open(temporaryFolder(), config);
    await expect(runSearch(config, { run })).rejects.toThrow(FileFormatError);

    const darts = await configOf({ table: path, space: { name: 'darts', channels: 4, cells: 3, nodes: 2 } });
    const other = await RunFolder.open(temporaryFolder(), darts);
    await expect(runSearch(darts, { run: other })).rejects.toThrow(ConfigError);
  });
});
