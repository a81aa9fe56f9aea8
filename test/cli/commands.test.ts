import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../temporary-folder.js';
import { jsonOf, lapidary } from './lapidary.js';

describe('exit codes', () => {
  it.each([
    {
      args: ['train', '--set', 'train.epocs=3'],
      code: 2,
      says: /unknown key train\.epocs \(did you mean train\.epochs\?\)/,
    },
    { args: ['train', '--set', 'train.objective.kind=magic'], code: 2, says: /train\.objective/ },
    { args: ['prune', '--set', 'prune.budget=2'], code: 2, says: /prune\.budget/ },
    { args: ['search', '--set', 'method=dart'], code: 2, says: /did you mean darts\?/ },
    {
      args: ['search', '--set', 'stages=[{epocs: 3}]'],
      code: 2,
      says: /stages\.0: Unrecognized key: "epocs"/,
    },
    { args: ['search', 'compare'], code: 2, says: /--config/ },
    { args: ['trian'], code: 2, says: /unknown command/ },
    { args: ['train', '--threads', '0'], code: 2, says: /threads/ },
    { args: ['train', '--resume'], code: 2, says: /--resume needs --out/ },
    { args: ['train', '--data', 'emnist:/x', '--out', 'r'], code: 2, says: /cifar10:FOLDER/ },
    { args: ['train', '--data', 'cifar10:/not/there', '--out', 'r'], code: 1, says: /\/not\/there/ },
    { args: ['train', '--device', 'cuda', '--out', 'r'], code: 1, says: /CUDA/ },
    { args: ['attack', 'missing.safetensors'], code: 1, says: /missing\.safetensors/ },
    { args: ['--help'], code: 0, says: /^$/ },
  ])('$args', async ({ args, code, says }) => {
    const outcome = await lapidary(temporaryFolder(), args);
    expect(outcome).toMatchObject({ code });
    expect(outcome.stderr).toMatch(says);
  });

  it('does not touch a folder that holds something else', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'thesis.txt'), 'mine');
    const outcome = await lapidary(folder, ['train', '--out', '.', '--json']);
    expect(outcome.code).toBe(2);
    expect(jsonOf(outcome).error).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringContaining('thesis.txt'),
    });
  });
});

it('doctor tells what there is', async () => {
  const outcome = await lapidary(temporaryFolder(), ['doctor', '--json']);
  expect(outcome.code).toBe(0);
  const { result } = JSON.parse(outcome.stdout) as {
    result: Record<string, { value: string; state: string }>;
  };
  expect(result.Node).toEqual({ state: 'ok', value: expect.stringContaining(process.versions.node) });
  expect(Object.keys(result)).toEqual(
    expect.arrayContaining(['addon', 'instruction set', 'threads in use', 'CUDA']),
  );
});

it('doctor says why the addon is missing', async () => {
  const outcome = await lapidary(temporaryFolder(), ['doctor', '--json'], {
    env: { LAPIDARY_ADDON: '/not/there.node' },
  });
  expect(outcome.code).toBe(1);
  expect(jsonOf(outcome).error!.message).toMatch(/\/not\/there\.node/);
});

it('demo ends each workflow with a table and a report that stands alone', async () => {
  const folder = temporaryFolder();
  const outcome = await lapidary(folder, ['demo', '--set', 'size=tiny']);
  expect(outcome.code).toBe(0);
  expect(outcome.stdout).toMatch(/network.*clean.*FGSM.*PGD.*parameters.*MACs.*latency/);
  for (const name of ['dense', 'l2-rank pruned', 'l2-rank fine-tuned'])
    expect(outcome.stdout).toContain(name);
  const report = readFileSync(join(folder, 'lapidary-demo/prune/report.html'), 'utf8');
  expect(report.match(/<svg/g)!.length).toBe(3);
  expect(report).not.toMatch(/<script|<link|src="http|url\(http/);
  const result = JSON.parse(readFileSync(join(folder, 'lapidary-demo/prune/result.json'), 'utf8'));
  const [dense, , tuned] = result.details.networks;
  expect(tuned.macs).toBeLessThanOrEqual(dense.macs / 2);
  expect(tuned.macs).toBeGreaterThan(0.45 * dense.macs);
  expect(tuned.bytes).toBeLessThan(dense.bytes);
  const found = readFileSync(join(folder, 'lapidary-demo/search/report.html'), 'utf8');
  expect(found).toMatch(/<figcaption>cell<\/figcaption>[\s\S]*Weights of cell/);
  expect(found).not.toMatch(/<script|<link|src="http|url\(http/);
});
