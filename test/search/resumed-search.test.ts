import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../../lib/config.js';
import { AbortedError, RunFolder } from '../../lib/index.js';
import { readRunResult } from '../../lib/io/run-result.js';
import { searchDefaults, searchSchema } from '../../lib/search/config.js';
import { runSearch } from '../../lib/search/run-search.js';
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

  it('refuses keys that no stage has', async () => {
    const wrong = await configOf({ stages: [{ epoch: 3 }] });
    const other = await RunFolder.open(temporaryFolder(), wrong);
    await expect(runSearch(wrong, { run: other })).rejects.toThrow(/stages\.0/);
  });
});
