import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileFormatError } from '../../lib/errors.js';
import { RunFolder } from '../../lib/io/run-folder.js';
import { writeRunResult } from '../../lib/io/run-result.js';
import { renderReport } from '../../lib/report/report.js';
import { compareRuns, readRun } from '../../lib/report/run-comparison.js';
import { jsonOf, lapidary } from '../cli/lapidary.js';
import { temporaryFolder } from '../temporary-folder.js';

/** Two runs that differ in rate and seed, the second still going on. */
async function twoRuns(): Promise<{ folder: string; paths: string[] }> {
  const folder = temporaryFolder();
  const paths = ['a', 'b'].map((name) => join(folder, name, 'run'));
  for (const [i, path] of paths.entries()) {
    const config = { seed: i, train: { rate: 0.1 / (i + 1), epochs: 2 }, tags: ['x'] };
    const run = await RunFolder.open(path, config);
    for (let step = 1; step <= 1000; step++) await run.appendMetrics({ step, loss: i + step / 1000 });
    await run.appendMetrics({ step: 1000, stage: 'dense', epoch: 2, clean: 0.5 });
    if (i === 0) {
      await writeRunResult(path, { workflow: 'train', config, measures: { clean: 0.75 }, details: {} });
    }
  }
  return { folder, paths };
}

describe('compareRuns', () => {
  it('shows what differs, what was measured, and the curves of both', async () => {
    const { paths } = await twoRuns();
    const runs = await Promise.all(paths.map((path, i) => readRun(path, `run ${i}`)));
    const { sections, title } = compareRuns(runs);
    expect(title).toBe('2 runs');
    const table = (heading: string) => sections.find((section) => section.heading === heading)?.table?.rows;
    expect(table('Runs')).toEqual([
      ['run 0', 'train', 'done', 0, 1000],
      ['run 1', undefined, 'not done', 1, 1000],
    ]);
    expect(table('Measures')).toEqual([
      ['run 0', 0.75],
      ['run 1', undefined],
    ]);
    expect(table('Settings that differ')).toEqual([
      ['seed', 0, 1],
      ['train.rate', 0.1, 0.05],
    ]);
    // A single point makes no curve.
    expect(sections.map(({ heading }) => heading)).toEqual([
      'Runs',
      'Measures',
      'Settings that differ',
      'loss',
    ]);
    const { values } = (sections[3]!.plot as unknown as { data: { values: { name: string; y: number }[] } })
      .data;
    expect(new Set(values.map(({ name }) => name))).toEqual(new Set(['run 0', 'run 1']));
    expect(values.length).toBeLessThanOrEqual(800);
    // Windows of three points, the last of one.
    expect(values.slice(0, 2).map(({ y }) => y)).toEqual([expect.closeTo(0.002), expect.closeTo(0.005)]);
    expect(values[333]!.y).toBeCloseTo(1);
    expect(await renderReport(compareRuns(runs))).toContain('<svg');
  });

  it('refuses what is no run', async () => {
    const folder = temporaryFolder();
    await expect(readRun(folder, 'x')).rejects.toThrow(FileFormatError);
    expect(() => compareRuns([])).toThrow(FileFormatError);
    const { paths } = await twoRuns();
    writeFileSync(join(paths[0]!, 'result.json'), '{"schemaVersion": 99}');
    await expect(readRun(paths[0]!, 'x')).rejects.toThrow(/result\.json/);
  });
});

it('lapidary report names runs by as much of their paths as tells them apart', async () => {
  const { folder, paths } = await twoRuns();
  const outcome = await lapidary(folder, ['report', ...paths, '--out', 'both.html', '--json']);
  expect(outcome.code).toBe(0);
  expect(jsonOf(outcome).result).toEqual({
    report: 'both.html',
    runs: [
      { name: 'a/run', done: true, measures: { clean: 0.75 } },
      { name: 'b/run', done: false, measures: {} },
    ],
  });
  expect(existsSync(join(folder, 'both.html'))).toBe(true);
  const wrong = await lapidary(folder, ['report', folder]);
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('config.yaml') });
});
