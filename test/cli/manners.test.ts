/** What a batch job meets: a full disk, a folder it may not write, a damaged checkpoint. Nothing is lost, and the message says what to do. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { mountSmallDisk } from '../small-disk.js';
import { temporaryFolder } from '../temporary-folder.js';
import { jsonOf, lapidary, type Outcome } from './lapidary.js';

const sets = ['data.train=48', 'data.validation=16', 'data.test=16', 'train.epochs=3', 'train.batch=16'];
const tiny = ['--data', 'shapes10:5', '--set', 'model=resnet8', ...sets.flatMap((set) => ['--set', set])];

/** Trains ResNet-8 for three epochs of three steps into `cwd`/`out`. */
function train(cwd: string, out: string, ...more: string[]): Promise<Outcome> {
  return lapidary(cwd, ['train', ...tiny, '--threads', '1', '--json', '--out', out, ...more]);
}

/** What a training must come to, however often it was disturbed. */
function resultOf(run: string): Buffer[] {
  return ['model.safetensors', 'metrics.jsonl'].map((name) => readFileSync(join(run, name)));
}

describe('a disk that is full', () => {
  // Room for one checkpoint of 640 KB, and not for the second.
  const disk = mountSmallDisk('1m');
  afterAll(() => disk?.unmount());

  it.skipIf(disk === undefined)(
    'ends training with its reason; with more room it goes on as if nothing had been',
    async () => {
      const folder = temporaryFolder();
      const run = join(disk!.path, 'run');
      const full = await train(folder, run);
      expect(full.code).toBe(1);
      expect(jsonOf(full).error).toMatchObject({ code: 'ERR_FILE_SYSTEM' });
      expect(full.stderr).toMatch(/step-6.*ENOSPC.*disk is full/);
      expect(readdirSync(join(run, 'checkpoints'))).toEqual(['step-3']);

      disk!.resize('16m');
      const resumed = await train(folder, run, '--resume');
      expect(resumed).toMatchObject({ code: 0 });
      expect(resumed.stderr).toContain('Going on from');
      await train(folder, 'undisturbed');
      expect(resultOf(run)).toEqual(resultOf(join(folder, 'undisturbed')));
    },
  );
});

describe('a run folder', () => {
  it('that cannot be made is refused before any work', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    const { code, stderr } = await train(folder, join('file', 'run'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/Could not make .*run.*ENOTDIR/);
    expect(stderr).not.toContain('epoch');
  });

  it('whose newest checkpoint is damaged is resumed from the one before, which is said', async () => {
    const folder = temporaryFolder();
    const killed = await lapidary(
      folder,
      ['train', ...tiny, '--threads', '1', '--out', 'run', '--set', 'checkpointEvery=1'],
      { killAt: 'epoch 2:' },
    );
    expect(killed.code).toBeNull();
    const checkpoints = join(folder, 'run', 'checkpoints');
    const newest = readdirSync(checkpoints)
      .filter((name) => name.startsWith('step-'))
      .sort()
      .at(-1)!;
    const tensors = join(checkpoints, newest, 'tensors.safetensors');
    const bytes = readFileSync(tensors);
    bytes[bytes.length - 100]! ^= 1;
    writeFileSync(tensors, bytes);

    const resumed = await lapidary(folder, ['train', '--threads', '1', '--out', 'run', '--resume']);
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).toMatch(new RegExp(`Skipped checkpoint .*${newest}.*SHA-256`));
    expect(resumed.stderr).toContain('Going on from');
    await train(folder, 'undisturbed', '--set', 'checkpointEvery=1');
    expect(resultOf(join(folder, 'run'))).toEqual(resultOf(join(folder, 'undisturbed')));
    expect(existsSync(join(checkpoints, 'step-9'))).toBe(true);
  });
});
