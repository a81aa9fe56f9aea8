import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { temporaryFolder } from '../temporary-folder.js';

const recordBytes = 3073;

/** Records whose pixel at plane p, row r, column c of image i is (i + 7 p + 3 r + c) % 256. */
function batch(labels: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(labels.length * recordBytes);
  for (const [i, label] of labels.entries()) {
    bytes[i * recordBytes] = label;
    for (let place = 0; place < 3072; place++) {
      bytes[i * recordBytes + 1 + place] = i + 7 * (place >> 10) + 3 * ((place >> 5) & 31) + (place & 31);
    }
  }
  return bytes;
}

describe('cifar10', () => {
  it('reads the batches that are there in the order of their numbers', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'data_batch_10.bin'), batch([9]));
    await writeFile(join(folder, 'data_batch_2.bin'), batch([1, 2]));
    await writeFile(join(folder, 'test_batch.bin'), batch([5]));
    await writeFile(join(folder, 'batches.meta.txt'), 'airplane');
    const set = await L.cifar10(folder);
    expect([...set.train.hostLabels]).toEqual([1, 2, 9]);
    expect(set.train.labels.dataSync()).toEqual(Int32Array.of(1, 2, 9));
    expect(set.train.images.shape).toEqual([3, 32, 32, 3]);
    const pixels = set.train.images.dataSync();
    const pixel = (i: number, row: number, column: number, plane: number): number | undefined =>
      pixels[((i * 32 + row) * 32 + column) * 3 + plane];
    expect(pixel(1, 4, 5, 2)).toBe(1 + 14 + 12 + 5);
    expect(pixel(2, 31, 0, 1)).toBe(0 + 7 + 93);
    using test = await set.test.readOnce();
    expect([...test.hostLabels]).toEqual([5]);
    set.dispose();
  });

  it('digests the data', async () => {
    const [a, b] = [await temporaryFolder(), await temporaryFolder()];
    await writeFile(join(a, 'data_batch_1.bin'), batch([1, 2]));
    await writeFile(join(b, 'data_batch_1.bin'), batch([1, 3]));
    const [first, second] = [await L.cifar10(a), await L.cifar10(b)];
    expect(first.train.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(first.train.sha256).not.toBe(second.train.sha256);
    first.dispose();
    second.dispose();
  });

  it('names the file and the offset of what is wrong', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'data_batch_1.bin');
    await writeFile(path, batch([1, 2]).subarray(0, recordBytes + 100));
    const truncated = L.cifar10(folder);
    await expect(truncated).rejects.toThrow(L.FileFormatError);
    await expect(truncated).rejects.toThrow(
      `${path}: expected records of 3073 bytes, found 100 at offset 3073`,
    );
    await writeFile(path, batch([1, 77]));
    await expect(L.cifar10(folder)).rejects.toThrow(
      `${path}: expected a label from 0 to 9 at offset 3073, found 77`,
    );
    await writeFile(path, '');
    await expect(L.cifar10(folder)).rejects.toThrow(L.FileFormatError);
  });

  it('tells of a folder without the files', async () => {
    const folder = await temporaryFolder();
    await expect(L.cifar10(folder)).rejects.toThrow(L.FileSystemError);
    await expect(L.cifar10(join(folder, 'none'))).rejects.toThrow(/ENOENT/);
    await writeFile(join(folder, 'data_batch_1.bin'), batch([1]));
    const set = await L.cifar10(folder);
    await expect(set.test.readOnce()).rejects.toThrow(/test_batch.bin/);
    set.dispose();
  });
});
