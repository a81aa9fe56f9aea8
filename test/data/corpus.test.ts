/** Damaged files: every reader answers with a typed error or with data, never with a crash, a hang or a huge allocation. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { strToU8, zipSync } from 'fflate';
import sharp from 'sharp';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { unpackTar } from '../../lib/data/get/tar.js';
import { unpackZip } from '../../lib/data/get/zip.js';
import { readIdx } from '../../lib/data/idx.js';
import * as L from '../../lib/index.js';
import { temporaryFolder } from '../temporary-folder.js';
import { fill } from './pictures.js';
import { type TarEntry, tarOf } from './tar-writer.js';

beforeEach(() => void vi.stubEnv('LAPIDARY_CACHE', temporaryFolder()));

/** What became of reading a file. */
async function outcome(work: () => Promise<unknown>): Promise<'read' | 'refused'> {
  try {
    await work();
    return 'read';
  } catch (error) {
    if (error instanceof L.LapidaryError) return 'refused';
    throw error;
  }
}

/** Reads `runs` damaged versions of `sound`: cut anywhere, or with bytes changed. Some must be refused. */
async function damage(sound: Buffer, runs: number, read: (bytes: Buffer) => Promise<unknown>): Promise<void> {
  expect(await outcome(() => read(sound))).toBe('read');
  const outcomes = new Set<string>();
  const change = fc.tuple(fc.nat(sound.length - 1), fc.integer({ min: 1, max: 255 }));
  await fc.assert(
    fc.asyncProperty(
      fc.option(fc.nat(sound.length - 1)),
      fc.array(change, { maxLength: 4 }),
      async (cut, changes) => {
        const bytes = Buffer.from(sound);
        for (const [place, bits] of changes) bytes[place]! ^= bits;
        outcomes.add(await outcome(() => read(cut === null ? bytes : bytes.subarray(0, cut))));
      },
    ),
    { seed: 7, numRuns: runs },
  );
  expect(outcomes).toContain('refused');
}

function idx(...extents: readonly number[]): Buffer {
  const head = Buffer.from([
    0,
    0,
    8,
    extents.length,
    ...extents.flatMap((extent) => [0, 0, extent >> 8, extent & 255]),
  ]);
  return Buffer.concat([
    head,
    Buffer.alloc(
      extents.reduce((a, b) => a * b, 1),
      3,
    ),
  ]);
}

describe('damaged files', () => {
  it.each(['plain', 'gzip'])('idx, %s', async (packing) => {
    const path = join(temporaryFolder(), 'x');
    const sound = packing === 'gzip' ? gzipSync(idx(5, 4, 3)) : idx(5, 4, 3);
    await damage(sound, 60, async (bytes) => {
      await writeFile(path, bytes);
      await readIdx(path, 3);
    });
  });

  it('CIFAR-10', async () => {
    const folder = temporaryFolder();
    await damage(Buffer.alloc(2 * 3073, 4), 25, async (bytes) => {
      await writeFile(join(folder, 'data_batch_1.bin'), bytes);
      (await L.cifar10(folder)).dispose();
    });
  });

  it('CIFAR-100', async () => {
    const folder = temporaryFolder();
    await damage(Buffer.alloc(2 * 3074, 4), 25, async (bytes) => {
      await writeFile(join(folder, 'train.bin'), bytes);
      (await L.cifar100(folder)).dispose();
    });
  });

  it.each(['png', 'jpeg', 'webp'] as const)('a picture folder, %s', async (format) => {
    const folder = temporaryFolder();
    const pixels = Buffer.from(Array.from({ length: 24 * 24 * 3 }, (_, i) => (i * 31) & 255));
    const sound = await sharp(pixels, { raw: { width: 24, height: 24, channels: 3 } })
      .toFormat(format)
      .toBuffer();
    await fill(folder, { 'val/a/1.png': sound });
    await damage(sound, 25, async (bytes) => {
      await fill(folder, { 'train/a/1.png': bytes });
      (await L.imageFolder(folder, { size: 8 })).dispose();
    });
  });

  it('tar', async () => {
    const sound = tarOf([
      { name: 'top/', type: '5' },
      { name: 'top/a', content: Buffer.alloc(700, 1) },
      { name: 'top/b', content: Buffer.alloc(3, 2) },
    ]);
    await damage(sound, 150, (bytes) => untar(bytes));
  });

  it('zip', async () => {
    const sound = Buffer.from(
      zipSync({ top: { a: strToU8('a'.repeat(900)), b: [strToU8('stored'), { level: 0 }] } }),
    );
    await damage(sound, 150, (bytes) => unzip(bytes));
  });
});

async function untar(bytes: Uint8Array): Promise<string> {
  const folder = temporaryFolderOfOne();
  await mkdir(folder);
  // In small parts, so that every block lies across some.
  async function* parts(): AsyncGenerator<Uint8Array> {
    for (let start = 0; start < bytes.length; start += 333) yield bytes.subarray(start, start + 333);
  }
  try {
    await unpackTar('x.tar', parts(), folder, 'top');
  } finally {
    await rm(folder, { recursive: true });
  }
  return folder;
}

async function unzip(bytes: Uint8Array): Promise<void> {
  const folder = temporaryFolderOfOne();
  await mkdir(folder);
  try {
    await writeFile(`${folder}.zip`, bytes);
    await unpackZip(`${folder}.zip`, folder, 'top');
  } finally {
    await rm(folder, { recursive: true });
  }
}

let base: string;
let made = 0;
beforeEach(() => {
  base = temporaryFolder();
});

function temporaryFolderOfOne(): string {
  return join(base, String(made++));
}

describe('heads that promise too much', () => {
  it('idx', async () => {
    const path = join(temporaryFolder(), 'x');
    const head = Buffer.from('00000803ffffffffffffffffffffffff', 'hex');
    for (const bytes of [head, gzipSync(head)]) {
      await writeFile(path, bytes);
      await expect(readIdx(path, 3)).rejects.toThrow(/promises 4294967295 x .* cannot hold/);
    }
    await writeFile(path, gzipSync(Buffer.concat([idx(2), Buffer.alloc(1e6)])));
    await expect(readIdx(path, 1)).rejects.toThrow(/found more/);
    await writeFile(path, idx(200));
    await expect(readIdx(path, 3)).rejects.toThrow(/magic number 00000803.*found 00000801/);
  });

  it('tar', async () => {
    for (const type of ['0', 'x', 'L']) {
      const bytes = tarOf([{ name: 'top/a', type, size: 8 ** 11 - 1 }]);
      await expect(untar(bytes)).rejects.toThrow(L.FileFormatError);
    }
  });
});

describe('archives that lead elsewhere', () => {
  const names = ['../evil', '/etc/evil', 'top/../../evil', 'other/evil', 'top\\..\\evil', 'C:/evil', 'top'];

  it.each(names)('tar: %s', async (name) => {
    await expect(untar(tarOf([{ name, content: Buffer.from('x') }]))).rejects.toThrow(L.FileFormatError);
  });

  it.each(names.slice(0, -1))('zip: %s', async (name) => {
    await expect(unzip(zipSync({ [name]: strToU8('x') }))).rejects.toThrow(L.FileFormatError);
  });

  it.each<[string, TarEntry]>([
    ['symbolic link', { name: 'top/link', type: '2' }],
    ['hard link', { name: 'top/link', type: '1' }],
    ['device', { name: 'top/null', type: '3' }],
  ])('a %s', async (_, entry) => {
    await expect(untar(tarOf([entry]))).rejects.toThrow(/neither file nor folder/);
  });

  it('a long name', async () => {
    const content = Buffer.from('top/../../evil\0');
    const entries = [
      { name: '././@LongLink', type: 'L', content },
      { name: 'top/a', content: Buffer.from('x') },
    ];
    await expect(untar(tarOf(entries))).rejects.toThrow(/refused/);
    const record = Buffer.from('22 path=top/../../evil\n');
    const pax = Buffer.from(`${record.length} path=top/../../evil\n`);
    await expect(untar(tarOf([{ name: 'pax', type: 'x', content: pax }, { name: 'top/a' }]))).rejects.toThrow(
      /refused/,
    );
  });

  it('a name twice', async () => {
    const entry = { name: 'top/a', content: Buffer.from('x') };
    await expect(untar(tarOf([entry, entry]))).rejects.toThrow(/EEXIST/);
  });
});
