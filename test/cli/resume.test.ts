import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
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
  ...['evaluation.steps=2', 'evaluation.latencyRounds=1', 'compare=[{criterion: l1, ratios: uniform}]'],
].flatMap((set) => ['--set', set]);

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
