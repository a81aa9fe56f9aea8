import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { FileFormatError } from '../../lib/errors.js';
import type { HostTensor } from '../../lib/io/host-tensor.js';
import { decodeNpy } from '../../lib/io/npy.js';
import { readNpz, writeNpz } from '../../lib/io/npz.js';
import { python, sharedFolder } from './python.js';

const { folder, remove } = sharedFolder();
beforeAll(() => python('make_arrays.py', folder));
afterAll(remove);

interface Described {
  readonly type?: string;
  readonly shape: number[];
  readonly values: (number | boolean)[];
}

describe('what NumPy wrote', () => {
  const expected = () =>
    JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Record<string, Described>;

  it.each(['stored', 'deflated'])('%s.npz', async (name) => {
    const arrays = await readNpz(join(folder, `${name}.npz`));
    expect([...arrays.keys()].sort()).toEqual(Object.keys(expected()).sort());
    for (const [key, { shape, data }] of arrays) {
      expect({ shape, values: [...data] }, key).toEqual(expected()[key]);
    }
  });

  it.each([1, 2, 3])('a header of version %i', (version) => {
    const bytes = readFileSync(join(folder, `version-${version}.npy`));
    expect([...decodeNpy(bytes, 'array').data]).toEqual(expected().f4!.values);
  });

  it.each([
    ['objects', /Python objects/],
    ['records', /a record type/],
    ['complex', /'<c8'/],
  ])('refuses %s', async (name, message) => {
    await expect(readNpz(join(folder, `${name}.npz`))).rejects.toThrow(FileFormatError);
    await expect(readNpz(join(folder, `${name}.npz`))).rejects.toThrow(message);
  });
});

it('writes what NumPy reads', async () => {
  const tensors = new Map<string, HostTensor>([
    ['layer.0.weight', { dtype: 'f32', shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 1e-3, 6) }],
    ['labels', { dtype: 'i32', shape: [2], data: Int32Array.of(-7, 2147483647) }],
    ['mask', { dtype: 'u8', shape: [1, 1, 2], data: Uint8Array.of(0, 255) }],
    ['scalar', { dtype: 'f32', shape: [], data: Float32Array.of(2.5) }],
    ['empty', { dtype: 'f32', shape: [0, 3], data: new Float32Array(0) }],
  ]);
  const path = join(folder, 'ours.npz');
  await writeNpz(path, tensors);
  const read = JSON.parse(await python('describe_arrays.py', path)) as Record<string, Described>;
  const types = { f32: '<f4', i32: '<i4', u8: '|u1' };
  const expected = [...tensors].map(([name, { dtype, shape, data }]) => [
    name,
    { type: types[dtype], shape, values: [...data] },
  ]);
  expect(read).toEqual(Object.fromEntries(expected));
});
