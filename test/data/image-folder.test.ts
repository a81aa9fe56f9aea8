import { readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import * as L from '../../lib/index.js';
import { temporaryFolder } from '../temporary-folder.js';
import { fill, plain } from './pictures.js';

let cache: string;
beforeEach(() => {
  cache = temporaryFolder();
  vi.stubEnv('LAPIDARY_CACHE', cache);
});

const red = [200, 0, 0] as const;
const green = [0, 200, 0] as const;
const blue = [0, 0, 200] as const;

async function threeParts(): Promise<string> {
  const folder = temporaryFolder();
  await fill(folder, {
    'train/b/2.png': await plain(4, 4, green),
    'train/b/10.png': await plain(4, 4, blue),
    'train/a/deep/1.PNG': await plain(4, 4, red),
    'train/a/.hidden.png': 'no picture',
    'train/a/notes.txt': 'none either',
    'val/b/1.png': await plain(4, 4, green),
    'test/a/1.png': await plain(4, 4, red),
  });
  return folder;
}

describe('imageFolder', () => {
  it('takes classes and pictures in the order of their names', async () => {
    const set = await L.imageFolder(await threeParts());
    expect(set.classes).toEqual(['a', 'b']);
    expect([...set.train.hostLabels]).toEqual([0, 1, 1]);
    expect(set.train.imageShape).toEqual([4, 4, 3]);
    const pixels = set.train.images.dataSync();
    expect([0, 1, 2].map((i) => [...pixels.subarray(i * 48, i * 48 + 3)])).toEqual(
      [red, blue, green].map((c) => [...c]),
    );
    using validation = await set.readValidation!();
    expect([...validation.hostLabels]).toEqual([1]);
    using test = await set.test.readOnce();
    expect([...test.hostLabels]).toEqual([0]);
    expect(set.normalization.mean[0]).toBeCloseTo(200 / 255 / 3, 6);
    set.dispose();
  });

  it('splits one folder by the names of the pictures, whatever else is there', async () => {
    const folder = temporaryFolder();
    const picture = await plain(2, 2, red);
    const names = Array.from({ length: 40 }, (_, i) => `${i % 2 === 0 ? 'x' : 'y'}/${i}.png`);
    await fill(folder, Object.fromEntries(names.map((name) => [name, picture])));
    const sizes = async (): Promise<number[]> => {
      const set = await L.imageFolder(folder, { test: 0.25 });
      using test = await set.test.readOnce();
      set.dispose();
      return [set.train.size, test.size];
    };
    const [train, test] = await sizes();
    expect(train! + test!).toBe(40);
    expect(test).toBeGreaterThan(3);
    expect(test).toBeLessThan(18);
    await fill(folder, { 'z/1.png': picture });
    const [more, moreTest] = await sizes();
    expect([more! - train!, moreTest! - test!].toSorted()).toEqual([0, 1]);
    await expect(L.imageFolder(folder, { test: 1 })).rejects.toThrow(L.ArgumentError);
  });

  it('turns pictures upright, and makes grey, transparent and 16-bit ones RGB', async () => {
    const folder = temporaryFolder();
    const leftRed = await sharp(Buffer.from([255, 0, 0, 0, 0, 255]), {
      raw: { width: 2, height: 1, channels: 3 },
    })
      .resize(16, 8, { kernel: 'nearest' })
      .jpeg({ quality: 100 })
      .withMetadata({ orientation: 6 })
      .toBuffer();
    const grey = await sharp(Buffer.alloc(128, 77), { raw: { width: 8, height: 16, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toBuffer();
    const clear = await sharp({
      create: { width: 8, height: 16, channels: 4, background: { r: 9, g: 8, b: 7, alpha: 0.5 } },
    })
      .webp({ lossless: true })
      .toBuffer();
    const deep = await sharp(Buffer.alloc(8 * 16 * 3, 128), { raw: { width: 8, height: 16, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    await fill(folder, {
      'train/a/1.jpg': leftRed,
      'train/a/2.png': grey,
      'train/a/3.webp': clear,
      'train/a/4.png': deep,
    });
    await fill(folder, { 'val/a/1.png': grey });
    const set = await L.imageFolder(folder);
    expect(set.train.imageShape).toEqual([16, 8, 3]);
    const pixels = set.train.images.dataSync();
    const at = (image: number, row: number): number[] => [
      ...pixels.subarray((image * 16 + row) * 24, (image * 16 + row) * 24 + 3),
    ];
    expect(at(0, 0)[0]).toBeGreaterThan(200); // left became top
    expect(at(0, 15)[2]).toBeGreaterThan(200);
    expect(at(1, 3)).toEqual([77, 77, 77]);
    expect(at(2, 3)).toEqual([9, 8, 7]);
    expect(at(3, 3)).toEqual([128, 128, 128]);
    set.dispose();
  });

  it('resizes the shorter side and crops the centre', async () => {
    const folder = temporaryFolder();
    const wide = await sharp({ create: { width: 40, height: 10, channels: 3, background: 'black' } })
      .composite([{ input: await plain(10, 10, green), left: 15, top: 0 }])
      .png()
      .toBuffer();
    await fill(folder, {
      'train/a/1.png': wide,
      'train/a/2.png': await plain(5, 9, green),
      'val/a/1.png': wide,
    });
    await expect(L.imageFolder(folder)).rejects.toThrow(
      /train\/a\/1.png is 40 x 10 and train\/a\/2.png is 5 x 9; state the side.*size=64/,
    );
    const set = await L.imageFolder(folder, { size: 10 });
    expect(set.train.images.shape).toEqual([2, 10, 10, 3]);
    expect([...set.train.images.dataSync().subarray(0, 3)]).toEqual([...green]);
    const cubic = await L.imageFolder(folder, { size: 20, kernel: 'cubic' });
    expect(cubic.train.imageShape).toEqual([20, 20, 3]);
    await expect(L.imageFolder(folder, { size: 0 })).rejects.toThrow(L.ArgumentError);
    set.dispose();
    cubic.dispose();
  });

  it('names a corrupt picture, or leaves it out and says so', async () => {
    const folder = await threeParts();
    const whole = await sharp(Buffer.alloc(64 * 64 * 3, 5), { raw: { width: 64, height: 64, channels: 3 } })
      .jpeg()
      .toBuffer();
    await fill(folder, {
      'train/b/11.jpg': whole.subarray(0, whole.length - 40),
      'train/b/12.png': 'text',
      'train/b/13.png': '',
    });
    const failing = L.imageFolder(folder, { size: 4 });
    await expect(failing).rejects.toThrow(L.FileFormatError);
    await expect(failing).rejects.toThrow(join(folder, 'train/b/11.jpg'));
    for (const time of ['first', 'from the cache']) {
      const notes: string[] = [];
      const set = await L.imageFolder(folder, {
        size: 4,
        corrupt: 'skip',
        onNote: (note) => notes.push(note),
      });
      expect(set.train.size, time).toBe(3);
      expect(notes.join()).toMatch(/Left out 3 of 6 pictures/);
      set.dispose();
    }
  });

  it('tells what is missing', async () => {
    await expect(L.imageFolder(join(temporaryFolder(), 'none'))).rejects.toThrow(/ENOENT/);
    await expect(L.imageFolder(temporaryFolder())).rejects.toThrow(/Expected PNG, JPEG or WebP/);
    const folder = await threeParts();
    await rm(join(folder, 'test'), { recursive: true });
    await rm(join(folder, 'val'), { recursive: true });
    await expect(L.imageFolder(folder)).rejects.toThrow(/test\/ or val\//);
    await fill(folder, { 'val/c/1.png': await plain(4, 4, red) });
    await expect(L.imageFolder(folder)).rejects.toThrow(/expected one of the 2 classes/);
  });

  it('refuses what does not fit into memory in a sentence', async () => {
    const folder = await threeParts();
    const { limit } = L.memory();
    L.setMemoryLimit(L.memory().active + 1000);
    try {
      await expect(L.imageFolder(folder, { size: 64 })).rejects.toThrow(L.OutOfMemoryError);
    } finally {
      L.setMemoryLimit(limit);
    }
  });
});

describe('the cache of decoded pictures', () => {
  const files = async (): Promise<string[]> => (await readdir(cache)).toSorted();
  const open = async (folder: string, notes: string[] = []): Promise<string> => {
    const set = await L.imageFolder(folder, { onNote: (note) => notes.push(note) });
    set.dispose();
    return set.train.sha256;
  };

  it('gives what decoding gave', async () => {
    const folder = await threeParts();
    const first = await open(folder);
    expect(await files()).toHaveLength(1);
    const [entry] = await L.listCache();
    expect(entry?.footer).toMatchObject({
      count: 3,
      height: 4,
      width: 4,
      source: `folder:${folder} (train)`,
    });
    expect(await open(folder)).toBe(first);
    expect(await files()).toHaveLength(1);
    expect(await L.clearCache()).toBe(entry!.bytes);
    expect(await files()).toEqual([]);
  });

  it('notices changed files and other options', async () => {
    const folder = await threeParts();
    const first = await open(folder);
    const path = join(folder, 'train/b/2.png');
    await writeFile(path, await plain(4, 4, red));
    await utimes(path, 1, 1);
    expect(await open(folder)).not.toBe(first);
    (await L.imageFolder(folder, { size: 4 })).dispose();
    expect(await files()).toHaveLength(3);
  });

  it('is made again when it is damaged anywhere', async () => {
    const folder = await threeParts();
    const first = await open(folder);
    const path = join(cache, (await files())[0]!);
    const sound = await readFile(path);
    for (const place of [0, 100, 150, 200, sound.length - 40, sound.length - 18, sound.length - 1]) {
      const bytes = Buffer.from(sound);
      bytes[place]! ^= 0x10;
      await writeFile(path, bytes);
      const notes: string[] = [];
      expect(await open(folder, notes)).toBe(first);
      expect(notes.join()).toMatch(/decoded again/);
      expect(await readFile(path)).toEqual(sound);
    }
    await writeFile(path, sound.subarray(0, 30));
    expect((await L.listCache())[0]?.footer).toBeUndefined();
    expect(await open(folder)).toBe(first);
  });

  it('is left out where it cannot be written', async () => {
    const folder = await threeParts();
    const blocked = join(cache, 'file');
    await writeFile(blocked, '');
    vi.stubEnv('LAPIDARY_CACHE', join(blocked, 'cache'));
    const notes: string[] = [];
    expect(await open(folder, notes)).toMatch(/^[0-9a-f]{64}$/);
    expect(notes.join()).toMatch(/not kept/);
  });

  it('takes several writers at once', async () => {
    const folder = await threeParts();
    const digests = await Promise.all(Array.from({ length: 4 }, () => open(folder)));
    expect(new Set(digests).size).toBe(1);
    expect(await files()).toHaveLength(1);
  });
});
