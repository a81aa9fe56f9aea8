import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { temporaryFolder } from '../temporary-folder.js';
import { fill } from './pictures.js';

function idx(extents: readonly number[], bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(4 + 4 * extents.length);
  head.writeUInt32BE(0x800 + extents.length);
  for (const [axis, extent] of extents.entries()) head.writeUInt32BE(extent, 4 + 4 * axis);
  return Buffer.concat([head, bytes]);
}

const images = (count: number, first: number): Buffer =>
  idx([count, 28, 28], Buffer.from(Array.from({ length: count * 784 }, (_, i) => (first + i) & 255)));

describe('mnist', () => {
  it('reads plain and packed files', async () => {
    const folder = temporaryFolder();
    await fill(folder, {
      'train-images-idx3-ubyte': images(3, 0),
      'train-labels-idx1-ubyte.gz': gzipSync(idx([3], Uint8Array.of(7, 0, 9))),
      't10k-images-idx3-ubyte.gz': gzipSync(images(2, 5)),
      't10k-labels-idx1-ubyte': idx([2], Uint8Array.of(1, 2)),
    });
    const set = await L.openDataset(`mnist:${folder}`);
    expect(set.train.images.shape).toEqual([3, 28, 28, 1]);
    expect([...set.train.hostLabels]).toEqual([7, 0, 9]);
    expect(set.train.images.dataSync()[785]).toBe(785 & 255);
    using test = await set.test.readOnce();
    expect(test.images.dataSync()[0]).toBe(5);
    set.dispose();
  });

  it('works with the test files alone, and says what training lacks', async () => {
    const folder = temporaryFolder();
    await fill(folder, {
      't10k-images-idx3-ubyte': images(2, 5),
      't10k-labels-idx1-ubyte': idx([2], Uint8Array.of(1, 2)),
    });
    const set = await L.mnist(folder);
    expect(() => set.train).toThrow(/Expected train-images-idx3-ubyte or train-images-idx3-ubyte.gz/);
    const summary = await L.summarizeDataset(set);
    expect(summary.parts.train).toBeUndefined();
    expect(summary.parts.test).toMatchObject({
      images: 2,
      imageShape: [28, 28, 1],
      perClass: [0, 1, 1, 0, 0, 0, 0, 0, 0, 0],
    });
    set.dispose();
    await rm(join(folder, 't10k-images-idx3-ubyte'));
    await expect(L.mnist(folder)).rejects.toThrow(L.FileSystemError);
  });

  it('refuses labels that do not fit the images', async () => {
    const folder = temporaryFolder();
    await fill(folder, {
      'train-images-idx3-ubyte': images(2, 0),
      'train-labels-idx1-ubyte': idx([1], Uint8Array.of(1)),
    });
    await expect(L.mnist(folder)).rejects.toThrow(/expected 2 labels.*found 1/);
    await fill(folder, { 'train-labels-idx1-ubyte': idx([2], Uint8Array.of(1, 10)) });
    await expect(L.mnist(folder)).rejects.toThrow(/labels from 0 to 9, found 10 as number 1/);
  });
});

describe('summarizeDataset', () => {
  it('counts classes, and duplicates within training and across', async () => {
    const folder = temporaryFolder();
    const same = Buffer.concat([Buffer.alloc(784, 1), Buffer.alloc(784, 1), Buffer.alloc(784, 255)]);
    await fill(folder, {
      'train-images-idx3-ubyte': idx([3, 28, 28], same),
      'train-labels-idx1-ubyte': idx([3], Uint8Array.of(0, 0, 4)),
      't10k-images-idx3-ubyte': idx(
        [2, 28, 28],
        Buffer.concat([Buffer.alloc(784, 255), Buffer.alloc(784, 9)]),
      ),
      't10k-labels-idx1-ubyte': idx([2], Uint8Array.of(4, 2)),
    });
    const set = await L.mnist(folder);
    const { parts, testInTrain } = await L.summarizeDataset(set);
    expect(testInTrain).toBe(1);
    expect(parts.train).toMatchObject({ images: 3, duplicates: 1 });
    expect(parts.train!.perClass.slice(0, 5)).toEqual([2, 0, 0, 0, 1]);
    expect(parts.train!.mean[0]).toBeCloseTo(257 / 255 / 3, 10);
    expect(parts.train!.std[0]).toBeCloseTo((254 * Math.sqrt(2)) / 3 / 255, 10);
    set.dispose();
  });
});
