import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ArgumentError, CheckpointError } from '../../lib/errors.js';
import { loadCheckpoint, loadNewestCheckpoint, saveCheckpoint } from '../../lib/io/checkpoint.js';
import type { HostTensor } from '../../lib/io/host-tensor.js';
import { temporaryFolder } from '../temporary-folder.js';

const tensors = new Map<string, HostTensor>([
  ['conv1.weight', { dtype: 'f32', shape: [2, 2], data: Float32Array.of(0.1, -0, Number.NaN, 1e-40) }],
  ['labels', { dtype: 'i32', shape: [2], data: Int32Array.of(-5, 7) }],
  ['mask', { dtype: 'u8', shape: [3], data: Uint8Array.of(1, 0, 255) }],
]);
const state = { epoch: 3, rng: ['1', '2'], best: 0.1 + 0.2, done: false, note: null };

function flipLastBit(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(path, bytes);
}

describe('saveCheckpoint', () => {
  it('gives back every bit', async () => {
    const dir = join(temporaryFolder(), 'checkpoints');
    const path = await saveCheckpoint(dir, 7, tensors, state);
    expect(path).toBe(join(dir, 'step-7'));
    expect(readdirSync(path).sort()).toEqual(['manifest.json', 'state.json', 'tensors.safetensors']);
    const loaded = await loadCheckpoint(path);
    expect(loaded).toEqual({ path, step: 7, tensors, state });
    expect(Object.is(loaded.tensors.get('conv1.weight')?.data[1], -0)).toBe(true);
  });

  it('keeps the newest two, by number and not by name', async () => {
    const dir = temporaryFolder();
    for (const step of [8, 9, 10]) await saveCheckpoint(dir, step, tensors, state);
    expect(readdirSync(dir).sort()).toEqual(['step-10', 'step-9']);
    await saveCheckpoint(dir, 11, tensors, state, { keep: 1 });
    expect(readdirSync(dir)).toEqual(['step-11']);
  });

  it('leaves other files alone', async () => {
    const dir = temporaryFolder();
    writeFileSync(join(dir, 'step-1.txt'), '');
    for (const step of [1, 2, 3]) await saveCheckpoint(dir, step, tensors, state);
    expect(readdirSync(dir).sort()).toEqual(['step-1.txt', 'step-2', 'step-3']);
  });

  it('drops later steps, which a run that went back has given up', async () => {
    const dir = temporaryFolder();
    for (const step of [10, 20, 30]) await saveCheckpoint(dir, step, tensors, state, { keep: 9 });
    await saveCheckpoint(dir, 15, tensors, { retried: true });
    expect(readdirSync(dir).sort()).toEqual(['step-10', 'step-15']);
    expect((await loadNewestCheckpoint(dir)).checkpoint?.state).toEqual({ retried: true });
  });

  it('replaces the same step', async () => {
    const dir = temporaryFolder();
    await saveCheckpoint(dir, 4, tensors, { attempt: 1 });
    await saveCheckpoint(dir, 4, tensors, { attempt: 2 });
    expect(readdirSync(dir)).toEqual(['step-4']);
    expect((await loadNewestCheckpoint(dir)).checkpoint?.state).toEqual({ attempt: 2 });
  });

  it.each([
    ['NaN', { best: { loss: Number.NaN } }, /state\.best\.loss is NaN/],
    ['an infinity', [0, Number.NEGATIVE_INFINITY], /state\[1\] is -Infinity/],
    ['a typed array', { rng: new Uint32Array(2) }, /state\.rng is a Uint32Array/],
    ['a Map', { m: new Map() }, /state\.m is a Map/],
    ['a date', { at: new Date(0) }, /state\.at is a Date/],
    ['a bigint', { n: 1n }, /state\.n is 1/],
    ['undefined in a list', [undefined], /state\[0\] is undefined/],
    ['nothing', undefined, /state is undefined/],
  ])('refuses a state with %s, which JSON would lose', async (_, broken, message) => {
    const dir = temporaryFolder();
    await expect(saveCheckpoint(dir, 1, tensors, broken)).rejects.toThrow(ArgumentError);
    await expect(saveCheckpoint(dir, 1, tensors, broken)).rejects.toThrow(message);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('refuses wrong numbers', async () => {
    const dir = temporaryFolder();
    await expect(saveCheckpoint(dir, -1, tensors, state)).rejects.toThrow(/step must be/);
    await expect(saveCheckpoint(dir, 1, tensors, state, { keep: 0 })).rejects.toThrow(/keep must be/);
  });

  it('keeps the former checkpoint when a tensor is broken', async () => {
    const dir = temporaryFolder();
    await saveCheckpoint(dir, 1, tensors, state);
    const broken = new Map<string, HostTensor>([
      ['w', { dtype: 'f32', shape: [9], data: new Float32Array(1) }],
    ]);
    await expect(saveCheckpoint(dir, 2, broken, state)).rejects.toThrow(ArgumentError);
    expect(readdirSync(dir)).toEqual(['step-1']);
  });
});

describe('a kill', () => {
  it('in the middle of a save leaves the former checkpoint, and the next save cleans up', async () => {
    const dir = temporaryFolder();
    const program = fileURLToPath(new URL('./killed-writer.ts', import.meta.url));
    const { signal, stderr } = spawnSync(process.execPath, ['--import', 'tsx', program, dir], {
      encoding: 'utf8',
    });
    expect(signal, stderr).toBe('SIGKILL');
    expect(readdirSync(dir)).toHaveLength(2);

    const { checkpoint, skipped } = await loadNewestCheckpoint(dir);
    expect(checkpoint).toMatchObject({ step: 1, state: { epoch: 1 } });
    expect(skipped).toEqual([]);
    await saveCheckpoint(dir, 2, tensors, state);
    expect(readdirSync(dir).sort()).toEqual(['step-1', 'step-2']);
  });

  it('between the two renames of a replacement leaves the former checkpoint', async () => {
    const dir = temporaryFolder();
    const path = await saveCheckpoint(dir, 5, tensors, state);
    renameSync(path, `${path}.replaced`);
    expect((await loadNewestCheckpoint(dir)).checkpoint?.step).toBe(5);
    await saveCheckpoint(dir, 6, tensors, state);
    expect(readdirSync(dir)).toEqual(['step-6']);
  });
});

describe('loadNewestCheckpoint', () => {
  it('finds none in a folder that is missing or empty', async () => {
    const dir = temporaryFolder();
    const none = { checkpoint: undefined, skipped: [] };
    expect(await loadNewestCheckpoint(dir)).toEqual(none);
    expect(await loadNewestCheckpoint(join(dir, 'none'))).toEqual(none);
  });

  const damages: [string, (path: string) => void, RegExp][] = [
    [
      'a bit of a tensor flipped',
      (path) => flipLastBit(join(path, 'tensors.safetensors')),
      /tensors\.safetensors: expected SHA-256/,
    ],
    [
      'a bit of the state flipped',
      (path) => flipLastBit(join(path, 'state.json')),
      /state\.json: expected SHA-256/,
    ],
    [
      'the tensors cut short',
      (path) => truncateSync(join(path, 'tensors.safetensors'), 20),
      /expected \d+ bytes, found 20/,
    ],
    [
      'the tensors gone',
      (path) => rmSync(join(path, 'tensors.safetensors')),
      /tensors\.safetensors: expected this file, found none/,
    ],
    [
      'the manifest gone',
      (path) => rmSync(join(path, 'manifest.json')),
      /manifest\.json: expected this file, found none/,
    ],
    [
      'the manifest empty',
      (path) => truncateSync(join(path, 'manifest.json')),
      /manifest\.json: expected JSON/,
    ],
    [
      'a manifest of another version',
      (path) => {
        const manifest = join(path, 'manifest.json');
        writeFileSync(
          manifest,
          readFileSync(manifest, 'utf8').replace('"schemaVersion": 1', '"schemaVersion": 2'),
        );
      },
      /manifest of version 1, found schemaVersion/,
    ],
    [
      'a file in place of the folder',
      (path) => {
        rmSync(path, { recursive: true });
        writeFileSync(path, '');
      },
      /ENOTDIR/,
    ],
  ];

  it.each(damages)('passes over one with %s and says why', async (_, damage, reason) => {
    const dir = temporaryFolder();
    await saveCheckpoint(dir, 10, tensors, { epoch: 10 });
    const newest = await saveCheckpoint(dir, 20, tensors, { epoch: 20 });
    damage(newest);
    const { checkpoint, skipped } = await loadNewestCheckpoint(dir);
    expect(checkpoint).toMatchObject({ step: 10, state: { epoch: 10 }, tensors });
    expect(skipped).toEqual([{ path: newest, reason: expect.stringMatching(reason) }]);
  });

  it('names all of them when none is sound', async () => {
    const dir = temporaryFolder();
    const first = await saveCheckpoint(dir, 1, tensors, state);
    cpSync(first, join(dir, 'step-2'), { recursive: true });
    for (const step of [1, 2]) truncateSync(join(dir, `step-${step}`, 'state.json'));
    const { checkpoint, skipped } = await loadNewestCheckpoint(dir);
    expect(checkpoint).toBeUndefined();
    expect(skipped.map(({ path }) => path)).toEqual([join(dir, 'step-2'), first]);
    await expect(loadCheckpoint(first)).rejects.toThrow(CheckpointError);
  });
});
