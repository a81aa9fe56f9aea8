import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../temporary-folder.js';
import { jsonOf, lapidary } from './lapidary.js';

const tinyTraining = `
data: { source: 'shapes10:5', train: 64, validation: 16, test: 32 }
model: resnet8
train: { objective: { kind: standard }, epochs: 4, batch: 8 }
`;

it('a run that gets SIGTERM or SIGUSR1 writes a checkpoint, ends with 75, and goes on to the same bytes', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'tiny.yaml'), tinyTraining);
  const train = (out: string, ...more: string[]) => [
    ...['train', '--config', 'tiny.yaml', '--out', out, '--json'],
    ...more,
  ];
  const whole = await lapidary(folder, train('whole'));
  expect(whole.code).toBe(0);

  const terminated = await lapidary(folder, train('stopped'), { killAt: 'epoch 1:', signal: 'SIGTERM' });
  expect(terminated.code).toBe(75);
  expect(terminated.stderr).toMatch(/Training was stopped after step \d+. A checkpoint was written/);
  expect(jsonOf(terminated)).toMatchObject({ ok: false, error: { code: 'ERR_ABORTED' } });

  const again = { killAt: 'epoch 3:', signal: 'SIGUSR1' } as const;
  const asked = await lapidary(folder, train('stopped', '--resume'), again);
  expect(asked.code).toBe(75);
  expect(asked.stderr).toContain('Going on from');
  expect(asked.stderr).not.toContain('Debugger listening');

  const resumed = await lapidary(folder, train('stopped', '--resume'));
  expect(resumed.code).toBe(0);
  for (const name of ['model.safetensors', 'metrics.jsonl']) {
    const bytes = (out: string): Buffer => readFileSync(join(folder, out, name));
    expect(bytes('stopped').equals(bytes('whole'))).toBe(true);
  }
});
