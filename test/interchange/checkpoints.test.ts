import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ArgumentError, FileFormatError } from '../../lib/errors.js';
import { readTorchFile } from '../../lib/io/pickle/torch-file.js';
import { readSafetensors } from '../../lib/io/safetensors.js';
import { python, sharedFolder } from './python.js';

const { folder, remove } = sharedFolder();
const hostile = join(folder, 'hostile');
const marker = join(folder, 'marker');

beforeAll(async () => {
  await mkdir(hostile);
  await python('make_checkpoints.py', folder);
  await python('make_hostile_pickles.py', hostile, marker);
});
afterAll(remove);

describe('checkpoints of torch.save', () => {
  it.each(['protocol-2', 'protocol-3', 'protocol-4', 'protocol-5', 'legacy'])('%s', async (name) => {
    const tensors = await readTorchFile(join(folder, `${name}.pth`));
    const { tensors: expected } = await readSafetensors(join(folder, 'expected.safetensors'));
    expect(tensors.size).toBe(17);
    for (const [key, tensor] of tensors) expect(tensor, key).toEqual(expected.get(key));
  });

  it('finds the only state dict of a nested one, and drops the prefix of DataParallel', async () => {
    const { tensors: expected } = await readSafetensors(join(folder, 'nested.safetensors'));
    const path = join(folder, 'nested.pth');
    for (const tensors of [await readTorchFile(path), await readTorchFile(path, { key: 'state_dict' })]) {
      expect([...tensors.keys()].sort()).toEqual([...expected.keys()].sort());
      for (const [key, tensor] of tensors) expect(tensor, key).toEqual(expected.get(key));
    }
  });

  it('asks for a key where there are several, and lists them', async () => {
    const path = join(folder, 'two.pth');
    await expect(readTorchFile(path)).rejects.toThrow(ArgumentError);
    await expect(readTorchFile(path)).rejects.toThrow(
      /several dicts of tensors; .*state_dict \(a dict\).*ema \(a dict\)/,
    );
    expect((await readTorchFile(path, { key: 'ema' })).size).toBe(7);
    await expect(readTorchFile(path, { key: 'emma' })).rejects.toThrow(/under "emma", found nothing/);
    await expect(readTorchFile(path, { key: 'optimizer.param_groups' })).rejects.toThrow(/found a list/);
  });

  it.each([
    ['script', /TorchScript program/],
    ['module', /asks for "torch\.nn\.modules\.container\.Sequential"/],
    ['wide', /tensor "wide": Element 0 is 1099511627776 in I64/],
  ])('refuses %s with the reason', async (name, message) => {
    await expect(readTorchFile(join(folder, `${name}.pth`))).rejects.toThrow(FileFormatError);
    await expect(readTorchFile(join(folder, `${name}.pth`))).rejects.toThrow(message);
  });
});

it('refuses every hostile pickle, names what it asked for, and runs nothing', async () => {
  const expected = JSON.parse(readFileSync(join(hostile, 'expected.json'), 'utf8')) as Record<
    string,
    string | null
  >;
  expect(Object.keys(expected).length).toBeGreaterThan(40);
  expect(existsSync(`${marker}-proof`)).toBe(true);
  for (const [name, refused] of Object.entries(expected)) {
    const error: unknown = await readTorchFile(join(hostile, name)).catch((reason: unknown) => reason);
    expect(error, name).toBeInstanceOf(FileFormatError);
    if (refused !== null) expect((error as Error).message, name).toContain(`asks for "${refused}`);
  }
  expect(existsSync(marker)).toBe(false);
});
