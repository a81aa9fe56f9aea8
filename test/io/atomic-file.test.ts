import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { FileSystemError } from '../../lib/errors.js';
import {
  REPLACED_SUFFIX,
  removeLeftovers,
  writeFileAtomic,
  writeFolderAtomic,
} from '../../lib/io/atomic-file.js';
import { mountSmallDisk } from '../small-disk.js';
import { temporaryFolder } from '../temporary-folder.js';

vi.mock('node:fs/promises', async (load) => {
  const real = await load<typeof import('node:fs/promises')>();
  return { ...real, rename: vi.fn(real.rename) };
});

const fullDisk = Object.assign(new Error('ENOSPC: no space left on device, write'), {
  code: 'ENOSPC',
  syscall: 'write',
});

describe('writeFileAtomic', () => {
  it('replaces a file by text, bytes or what a function writes', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'f');
    await writeFileAtomic(path, 'text');
    await writeFileAtomic(path, Uint8Array.of(65, 66));
    expect(await readFile(path, 'utf8')).toBe('AB');
    await writeFileAtomic(path, async (file) => {
      await file.writeFile('one ');
      expect(await readFile(path, 'utf8')).toBe('AB');
      await file.writeFile('two');
    });
    expect(await readFile(path, 'utf8')).toBe('one two');
    expect(readdirSync(folder)).toEqual(['f']);
  });

  it('keeps the earlier file and removes its own when the disk is full', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'f');
    await writeFileAtomic(path, 'earlier');
    const write = writeFileAtomic(path, async (file) => {
      await file.writeFile('half');
      throw fullDisk;
    });
    await expect(write).rejects.toThrow(FileSystemError);
    await expect(write).rejects.toMatchObject({ code: 'ERR_FILE_SYSTEM', cause: fullDisk });
    await expect(write).rejects.toThrow(`Could not write ${path} (ENOSPC): the disk is full`);
    expect(readdirSync(folder)).toEqual(['f']);
    expect(await readFile(path, 'utf8')).toBe('earlier');
  });

  it('passes on errors that are not the system’s', async () => {
    const bug = new TypeError('bug');
    const path = join(temporaryFolder(), 'f');
    await expect(writeFileAtomic(path, () => Promise.reject(bug))).rejects.toBe(bug);
  });

  it('names a folder that is missing', async () => {
    await expect(writeFileAtomic(join(temporaryFolder(), 'no', 'f'), 'x')).rejects.toThrow(
      /no\/f \(ENOENT\)/,
    );
  });
});

describe('writeFolderAtomic', () => {
  const fillWith = (text: string) => (folder: string) => writeFile(join(folder, 'f'), text);

  it('shows the new folder only when it is whole', async () => {
    const parent = temporaryFolder();
    const path = join(parent, 'd');
    await writeFolderAtomic(path, fillWith('first'));
    await writeFolderAtomic(path, async (folder) => {
      await fillWith('second')(folder);
      expect(readFileSync(join(path, 'f'), 'utf8')).toBe('first');
    });
    expect(readFileSync(join(path, 'f'), 'utf8')).toBe('second');
    expect(readdirSync(parent)).toEqual(['d']);
  });

  it('keeps the earlier folder when filling fails', async () => {
    const parent = temporaryFolder();
    const path = join(parent, 'd');
    await writeFolderAtomic(path, fillWith('first'));
    const write = writeFolderAtomic(path, async (folder) => {
      await fillWith('half')(folder);
      throw fullDisk;
    });
    await expect(write).rejects.toThrow(FileSystemError);
    expect(readFileSync(join(path, 'f'), 'utf8')).toBe('first');
    expect(readdirSync(parent)).toEqual(['d']);
  });

  it('puts the earlier folder back when the new one cannot take its name', async () => {
    const parent = temporaryFolder();
    const path = join(parent, 'd');
    await writeFolderAtomic(path, fillWith('first'));
    const whenSettingAside = vi.mocked(rename).getMockImplementation()!;
    vi.mocked(rename).mockImplementationOnce(whenSettingAside).mockRejectedValueOnce(fullDisk);
    await expect(writeFolderAtomic(path, fillWith('second'))).rejects.toThrow(FileSystemError);
    expect(readFileSync(join(path, 'f'), 'utf8')).toBe('first');
    expect(readdirSync(parent)).toEqual(['d']);
  });

  it('gets over a folder that a kill left aside', async () => {
    const parent = temporaryFolder();
    const path = join(parent, 'd');
    for (const withTarget of [true, false]) {
      mkdirSync(path + REPLACED_SUFFIX);
      writeFileSync(join(path + REPLACED_SUFFIX, 'f'), 'aside');
      if (!withTarget) rmSync(path, { recursive: true });
      else mkdirSync(path);
      await writeFolderAtomic(path, fillWith('new'));
      expect(readFileSync(join(path, 'f'), 'utf8')).toBe('new');
      expect(readdirSync(parent)).toEqual(['d']);
    }
  });
});

describe('removeLeftovers', () => {
  it('removes what killed writers left, and nothing else', async () => {
    const parent = temporaryFolder();
    const others = ['.hidden', 'x.tmp', '.x.123.tmp', 'd'];
    for (const name of others) writeFileSync(join(parent, name), '');
    const never = new Promise<void>(() => {});
    let reached = () => {};
    const half = new Promise<void>((resolve) => {
      reached = resolve;
    });
    void writeFolderAtomic(join(parent, 'killed'), async (folder) => {
      await writeFile(join(folder, 'f'), 'half');
      reached();
      await never;
    });
    await half;
    expect(readdirSync(parent)).toHaveLength(others.length + 1);
    await removeLeftovers(parent);
    expect(readdirSync(parent).sort()).toEqual([...others].sort());
  });
});

describe('a disk that is really full', () => {
  const disk = mountSmallDisk('256k');
  afterAll(() => disk?.unmount());

  it.skipIf(disk === undefined)('keeps the earlier file and leaves room as before', async () => {
    const path = join(disk!.path, 'f');
    await writeFileAtomic(path, 'earlier');
    await expect(writeFileAtomic(path, new Uint8Array(2 ** 20))).rejects.toThrow(/ENOSPC.*disk is full/);
    await expect(
      writeFolderAtomic(join(disk!.path, 'd'), (folder) =>
        writeFile(join(folder, 'x'), new Uint8Array(2 ** 20)),
      ),
    ).rejects.toThrow(/ENOSPC.*disk is full/);
    expect(readdirSync(disk!.path)).toEqual(['f']);
    expect(await readFile(path, 'utf8')).toBe('earlier');
    await writeFileAtomic(path, new Uint8Array(2 ** 17));
  });
});
