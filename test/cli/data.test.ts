import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { fill, plain } from '../data/pictures.js';
import { temporaryFolder } from '../temporary-folder.js';
import { jsonOf, lapidary } from './lapidary.js';

describe('lapidary data', () => {
  it('tells what is in a folder, and clears the cache', async () => {
    const [folder, cache] = [temporaryFolder(), temporaryFolder()];
    const env = { LAPIDARY_CACHE: cache };
    await fill(folder, {
      'train/cat/1.png': await plain(6, 4, [10, 20, 30]),
      'train/dog/1.png': await plain(6, 4, [30, 20, 10]),
      'test/dog/1.png': await plain(6, 4, [30, 20, 10]),
    });
    const info = jsonOf(await lapidary(folder, ['data', 'info', 'folder:.', '--json', '--quiet'], { env }));
    expect(info).toMatchObject({
      ok: true,
      result: {
        classes: ['cat', 'dog'],
        testInTrain: 1,
        parts: { train: { images: 2, perClass: [1, 1], imageShape: [4, 6, 3] }, test: { perClass: [0, 1] } },
      },
    });
    expect(await readdir(cache)).toHaveLength(2);
    const cleared = jsonOf(await lapidary(folder, ['data', 'cache', '--clear', '--json'], { env }));
    expect(cleared).toMatchObject({ ok: true, result: { folder: cache } });
    expect(await readdir(cache)).toEqual([]);
  });

  it('refuses an address that is none', async () => {
    const { code, stderr } = await lapidary(temporaryFolder(), [
      'data',
      'get',
      'cifar10',
      '--url',
      'ftp://x/y',
    ]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("got 'ftp://x/y'")]);
  });
});
