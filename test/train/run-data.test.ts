import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { device } from '../../lib/device.js';
import { RunFolder } from '../../lib/io/run-folder.js';
import { openTrainingData } from '../../lib/train/data-recipe.js';
import { completeEnvironment, readEnvironment, recordEnvironment } from '../../lib/train/run-environment.js';
import { temporaryFolder } from '../temporary-folder.js';

const recordBytes = 1 + 3 * 32 * 32;

/** CIFAR-10 files of few images; `shade` is the value of all pixels. */
function writeCifar(folder: string, images: number, shade: number, test = shade): string {
  const records = (value: number) => {
    const bytes = Buffer.alloc(images * recordBytes, value);
    for (let i = 0; i < images; i++) bytes[i * recordBytes] = i % 10;
    return bytes;
  };
  writeFileSync(join(folder, 'data_batch_1.bin'), records(shade));
  writeFileSync(join(folder, 'test_batch.bin'), records(test));
  return `cifar10:${folder}`;
}

async function openTwice(change: (folder: string) => void): Promise<void> {
  const folder = temporaryFolder();
  const source = writeCifar(folder, 30, 7);
  const path = join(temporaryFolder(), 'run');
  for (const resume of [false, true]) {
    const run = await RunFolder.open(path, {}, { resume });
    const data = await openTrainingData({ source, validation: 5 }, 0, run);
    try {
      (await data.readTest()).set.dispose();
    } finally {
      data.dataset.dispose();
    }
    change(folder);
  }
}

it.each([
  [
    'training images',
    (folder: string) => void writeCifar(folder, 30, 8, 7),
    /SHA-256 of the training images was [0-9a-f]{64} and is now/,
  ],
  ['test images', (folder: string) => void writeCifar(folder, 30, 7, 8), /SHA-256 of the test images/],
  [
    'the number of images',
    (folder: string) => void writeCifar(folder, 31, 7),
    /began with 30 training images, and now there are 31/,
  ],
])('a run whose %s changed is refused, and its split stays', async (_, change, message) => {
  await expect(openTwice(change)).rejects.toMatchObject({
    code: 'ERR_DATA_CHANGED',
    message: expect.stringMatching(message),
  });
});

it('a run whose images are the same goes on', async () => {
  await expect(openTwice(() => {})).resolves.toBeUndefined();
});

it('a run that goes on at another precision is told that its bits differ', async () => {
  const path = join(temporaryFolder(), 'run');
  await recordEnvironment(await RunFolder.open(path, {}), 3);
  device().setPrecision('strict');
  try {
    const again = await RunFolder.open(path, {}, { resume: true });
    expect(await recordEnvironment(again, 3)).toMatch(
      /at precision default and goes on with .* at precision strict: its bits will differ/,
    );
  } finally {
    device().setPrecision('default');
  }
});

it('the environment names every process that worked at a run, and what it ran', async () => {
  const path = join(temporaryFolder(), 'run');
  const first = await RunFolder.open(path, {});
  expect(await recordEnvironment(first, 3)).toBeUndefined();
  const file = join(path, 'environment.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/"isa": "[^"]*"/, '"isa": "other"'));

  const again = await RunFolder.open(path, {}, { resume: true });
  expect(await recordEnvironment(again, 3)).toMatch(/on other and goes on with .*bits will differ/);
  expect((await readEnvironment(path)).processes[1]!.precision).toBe('default');
  const data = await openTrainingData({ source: 'shapes10:1', train: 16, validation: 4, test: 4 }, 3, again);
  data.dataset.dispose();
  await completeEnvironment(again);
  const { seed, processes, data: images } = await readEnvironment(path);
  expect(seed).toBe(3);
  expect(processes).toHaveLength(2);
  expect(processes[1]!.implementations).toEqual(
    expect.arrayContaining([expect.stringMatching(/^draw_shapes10 \w+:/)]),
  );
  expect(processes[1]!.packages).toHaveProperty('zod');
  expect(images).toMatchObject({ source: 'shapes10:1', images: 20, testSha256: null });
});
