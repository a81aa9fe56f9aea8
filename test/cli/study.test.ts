import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { planStudy } from '../../lib/study/plan.js';
import { expandStudy } from '../../lib/study/trials.js';
import { tinyStudy } from '../study/tiny-study.js';
import { temporaryFolder } from '../temporary-folder.js';
import { jsonOf, lapidary } from './lapidary.js';

it('runs a study, goes on where nothing is left, and refuses another configuration', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'study.yaml'), stringify(tinyStudy({ grid: {}, seeds: [0], compare: [] })));
  const study = (...more: string[]) => lapidary(folder, ['study', '--out', 'out', ...more]);
  const [first, smoke] = await Promise.all([
    study('--config', 'study.yaml', '--threads', '1'),
    lapidary(folder, ['study', '--config', 'study.yaml', '--smoke', '--json', '--quiet']),
  ]);
  expect(first).toMatchObject({ code: 0, stderr: expect.stringMatching(/train-seed0-\w{8}: done/) });
  expect(first.stdout).toMatch(/train +1 +[\d.]+, no interval[\s\S]*1 trials: 1 done/);
  const report = readFileSync(join(folder, 'out/report.html'), 'utf8');
  expect(report.match(/<svg/g)).toHaveLength(2);
  expect(report).not.toMatch(/<script|<link|src="http|url\(http/);
  expect(smoke.code).toBe(0);
  expect(jsonOf(smoke).result).toMatchObject({ trials: [{ state: 'done' }] });

  const [status, changed] = await Promise.all([
    study('status', '--json'),
    study('--config', 'study.yaml', '--set', 'base.train.epochs=5', '--json'),
  ]);
  expect(jsonOf(status).result).toMatchObject({ counts: { done: 1, failed: 0 }, trials: [{ attempts: 1 }] });
  expect(changed.code).toBe(2);
  expect(jsonOf(changed).error?.message).toContain('base.train.epochs: 3, now 5');
}, 120_000);

it('plans from timed steps: every stage has a cost, and the bounds hold it', async () => {
  const objective = { 'train.objective': { kind: 'fast' }, attacks: [{ kind: 'pgd', steps: 2 }] };
  const study = await expandStudy(tinyStudy({ grid: { a: { fast: objective } }, compare: [] }));
  const { cells, trials, seconds, memoryBytes, diskBytes } = await planStudy(study);
  expect(trials).toBe(2);
  const [{ cost }] = cells as [(typeof cells)[number]];
  expect(cost.stages.map(({ name }) => name)).toEqual(['process', 'open data', 'train', 'validate', 'test']);
  for (const stage of [...cost.stages, seconds]) {
    expect(stage.seconds).toBeGreaterThan(0);
    expect(stage.low).toBeLessThan(stage.seconds);
    expect(stage.high).toBeGreaterThan(stage.seconds);
  }
  const parameters = 4 * 78_042; // of ResNet-8, in bytes
  expect(memoryBytes).toBeGreaterThan(3 * parameters);
  // A model, and three checkpoints with momenta and the last sound epoch.
  expect(diskBytes / trials / parameters).toBeGreaterThan(13);
  expect(diskBytes / trials / parameters).toBeLessThan(14);
});
