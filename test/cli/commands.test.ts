import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../temporary-folder.js';
import { jsonOf, lapidary } from './lapidary.js';

const tinyTraining = `
data: { source: 'shapes10:5', train: 48, validation: 16, test: 32 }
model: resnet8
train: { objective: { kind: fast }, epochs: 3, batch: 16 }
attacks: [{ kind: fgsm }]
`;
const tinyPruning = [
  ...[
    'data.train=64',
    'data.validation=16',
    'data.test=16',
    'dense.batch=16',
    'dense.epochs=2',
    'finetune.batch=16',
  ],
  ...[
    'finetune.epochs=2',
    'finetune.objective.steps=1',
    'sensitivity.images=16',
    'sensitivity.epsilons=[0.05]',
  ],
  ...['evaluation.steps=2', 'evaluation.latencyRuns=1', 'compare=[{criterion: l1, ratios: uniform}]'],
].flatMap((set) => ['--set', set]);

describe('exit codes', () => {
  it.each([
    {
      args: ['train', '--set', 'train.epocs=3'],
      code: 2,
      says: /unknown key train\.epocs \(did you mean train\.epochs\?\)/,
    },
    { args: ['train', '--set', 'train.objective.kind=magic'], code: 2, says: /train\.objective/ },
    { args: ['prune', '--set', 'prune.budget=2'], code: 2, says: /prune\.budget/ },
    { args: ['trian'], code: 2, says: /unknown command/ },
    { args: ['train', '--threads', '0'], code: 2, says: /threads/ },
    { args: ['train', '--resume'], code: 2, says: /--resume needs --out/ },
    { args: ['train', '--data', 'mnist:/x', '--out', 'r'], code: 2, says: /cifar10:FOLDER/ },
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

it('train: killed and resumed, ends with the same bytes; its model can be attacked', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'tiny.yaml'), tinyTraining);
  const train = (out: string, ...more: string[]) => [
    'train',
    '--config',
    'tiny.yaml',
    '--out',
    out,
    '--json',
    ...more,
  ];
  const whole = await lapidary(folder, train('whole'));
  expect(whole).toMatchObject({ code: 0 });

  const killed = await lapidary(folder, train('killed'), { killAt: 'epoch 2:' });
  expect(killed.code).toBeNull();
  expect(existsSync(join(folder, 'killed/model.safetensors'))).toBe(false);
  const changed = await lapidary(folder, train('killed', '--resume', '--seed', '9'));
  expect(changed.code).toBe(2);
  const resumed = await lapidary(folder, train('killed', '--resume', '--threads', '1'));
  expect(resumed.code).toBe(0);
  expect(resumed.stderr).toContain('Going on from');
  for (const name of ['model.safetensors', 'metrics.jsonl']) {
    expect(readFileSync(join(folder, 'killed', name)).equals(readFileSync(join(folder, 'whole', name)))).toBe(
      true,
    );
  }

  const sets = ['--data', 'shapes10:5', '--set', 'data.test=32', '--set', 'attacks=[{kind: fgsm}]'];
  const attack = await lapidary(folder, ['attack', 'whole/model.safetensors', ...sets, '--json']);
  expect(attack.code).toBe(0);
  const { test } = jsonOf(whole).result as unknown as { test: object };
  expect(jsonOf(attack).result).toMatchObject(test);
});

it('prune: killed while fine-tuning and resumed, ends with the same networks', async () => {
  const folder = temporaryFolder();
  const prune = (out: string, ...more: string[]) => [
    'prune',
    ...tinyPruning,
    '--out',
    out,
    '--json',
    ...more,
  ];
  const whole = await lapidary(folder, prune('whole'));
  expect(whole).toMatchObject({ code: 0 });
  const killed = await lapidary(folder, prune('killed'), { killAt: 'fine-tune l1-uniform' });
  expect(killed.code).toBeNull();
  const resumed = await lapidary(folder, prune('killed', '--resume'));
  expect(resumed.code).toBe(0);
  expect(resumed.stderr).not.toContain('dense:');
  for (const name of ['dense', 'l2-rank-pruned', 'l2-rank', 'l1-uniform-pruned', 'l1-uniform']) {
    const path = `models/${name}.safetensors`;
    expect(readFileSync(join(folder, 'killed', path)).equals(readFileSync(join(folder, 'whole', path)))).toBe(
      true,
    );
  }
  const metrics = (out: string) => readFileSync(join(folder, out, 'metrics.jsonl'), 'utf8');
  expect(metrics('killed')).toBe(metrics('whole'));
});

it('demo ends with a table and a report that stands alone', async () => {
  const folder = temporaryFolder();
  const outcome = await lapidary(folder, ['demo', '--set', 'demo.size=tiny']);
  expect(outcome.code).toBe(0);
  expect(outcome.stdout).toMatch(/network.*clean.*FGSM.*PGD.*parameters.*MACs.*latency/);
  for (const name of ['dense', 'l2-rank pruned', 'l2-rank fine-tuned'])
    expect(outcome.stdout).toContain(name);
  const report = readFileSync(join(folder, 'lapidary-demo/report.html'), 'utf8');
  expect(report.match(/<svg/g)!.length).toBe(3);
  expect(report).not.toMatch(/<script|<link|src="http|url\(http/);
  const result = JSON.parse(readFileSync(join(folder, 'lapidary-demo/result.json'), 'utf8'));
  const [dense, , tuned] = result.networks;
  expect(tuned.macs).toBeLessThanOrEqual(dense.macs / 2);
  expect(tuned.macs).toBeGreaterThan(0.45 * dense.macs);
  expect(tuned.bytes).toBeLessThan(dense.bytes);
});
