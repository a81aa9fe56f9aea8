import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArgumentError, FileFormatError } from '../../lib/errors.js';
import { RunFolder } from '../../lib/io/run-folder.js';
import { eventFiles, histogramOf, readEvents, TensorBoardLog } from '../../lib/io/tensorboard.js';
import { temporaryFolder } from '../temporary-folder.js';

async function fileOf(folder: string): Promise<string> {
  const [path, ...more] = await eventFiles(folder);
  expect(more).toEqual([]);
  return path!;
}

describe('TensorBoardLog', () => {
  it('writes the bytes that TensorFlow reads', async () => {
    const folder = temporaryFolder();
    const log = new TensorBoardLog(folder, () => 1.5);
    await log.scalars(1, { loss: 0.5 });
    // Checked with tensorboard 2.21's EventFileLoader: wall time 1.5, "brain.Event:2"; then step 1, loss 0.5.
    expect(readFileSync(await fileOf(folder)).toString('hex')).toBe(
      `1800000000000000a37f4b22${'09000000000000f83f1a0d627261696e2e4576656e743a32'}2a28646c` +
        `1a00000000000000129bd82d${'09000000000000f83f10012a0d0a0b0a046c6f7373150000003f'}18a4433d`,
    );
  });

  it('gives back what was written, in its order', async () => {
    const folder = temporaryFolder();
    const log = new TensorBoardLog(folder, () => 7);
    void log.scalars(3, { loss: 0.25, rate: 0.5, bad: Number.NaN, name: 'x' });
    void log.scalars(4, { bad: Number.POSITIVE_INFINITY });
    void log.histogram(4, 'weights', Float32Array.of(-1, 0, 0, 2));
    await log.image(5, 'picture', Uint8Array.of(0, 128, 255, 64), [2, 2, 1]);
    const [version, scalars, histogram, image, ...more] = await readEvents(await fileOf(folder));
    expect(more).toEqual([]);
    expect(version).toEqual({ wallTime: 7, step: 0, fileVersion: 'brain.Event:2' });
    expect(scalars).toEqual({
      wallTime: 7,
      step: 3,
      summary: {
        value: [
          { tag: 'loss', simpleValue: 0.25 },
          { tag: 'rate', simpleValue: 0.5 },
        ],
      },
    });
    expect(histogram!.summary!.value[0]!.histo).toMatchObject({
      min: -1,
      max: 2,
      num: 4,
      sum: 1,
      sumSquares: 5,
    });
    const { height, width, colorspace, encodedImageString } = image!.summary!.value[0]!.image!;
    expect([height, width, colorspace]).toEqual([2, 2, 1]);
    expect(Buffer.from(encodedImageString).subarray(1, 4).toString()).toBe('PNG');
  });

  it('is cut back to a step, torn last record and all, and goes on in the same file', async () => {
    const folder = temporaryFolder();
    const log = new TensorBoardLog(folder);
    for (const step of [1, 2, 3]) await log.scalars(step, { loss: step });
    const path = await fileOf(folder);
    truncateSync(path, readFileSync(path).length - 3);
    expect((await readEvents(path)).map(({ step }) => step)).toEqual([0, 1, 2]);
    const resumed = new TensorBoardLog(folder);
    await resumed.truncateToStep(1);
    await resumed.scalars(2, { loss: 20 });
    const events = await readEvents(await fileOf(folder));
    expect(events.map(({ step }) => step)).toEqual([0, 1, 2]);
    expect(events[2]!.summary!.value).toEqual([{ tag: 'loss', simpleValue: 20 }]);
  });

  it('names the place of a damaged record', async () => {
    const folder = temporaryFolder();
    await new TensorBoardLog(folder).scalars(1, { loss: 1 });
    const path = await fileOf(folder);
    const bytes = readFileSync(path);
    bytes[bytes.length - 6]! ^= 1;
    writeFileSync(path, bytes);
    await expect(readEvents(path)).rejects.toThrow(FileFormatError);
    writeFileSync(path, '');
    appendFileSync(path, 'no event file at all');
    await expect(readEvents(path)).rejects.toThrow(/offset 0/);
  });

  it('refuses pixels that are no picture', async () => {
    const log = new TensorBoardLog(temporaryFolder());
    await expect(log.image(0, 'x', new Uint8Array(5), [2, 2, 1])).rejects.toThrow(ArgumentError);
    await expect(log.image(0, 'x', new Uint8Array(8), [2, 2, 2])).rejects.toThrow(ArgumentError);
  });
});

describe('histogramOf', () => {
  it('counts every finite value once, below its limit', () => {
    const values = [-3, -1e-13, 0, 0, 1e-13, 0.5, 0.5, 1e30, Number.NaN, Number.NEGATIVE_INFINITY];
    const { bucketLimit, bucket, num, min, max } = histogramOf(values);
    expect({ num, min, max }).toEqual({ num: 8, min: -3, max: 1e30 });
    expect(bucket.reduce((sum, count) => sum + count)).toBe(8);
    const place = (value: number) => bucketLimit.findIndex((limit) => limit > value);
    expect(bucket[place(0.5)]).toBe(2);
    expect(bucketLimit[place(0.5)]! / 0.5).toBeLessThan(1.1);
    expect(bucket[place(0)]).toBe(3);
    expect([...bucketLimit].sort((a, b) => a - b)).toEqual(bucketLimit);
    expect(bucket.some((count, i) => count === 0 && bucket[i + 1] === 0)).toBe(false);
  });

  it('has no buckets but one for no values', () => {
    expect(histogramOf([])).toMatchObject({ num: 0, min: 0, max: 0, sum: 0 });
  });
});

describe('a run folder', () => {
  it('writes metrics as scalars under their stage', async () => {
    const run = await RunFolder.open(temporaryFolder(), {});
    void run.appendMetrics({ step: 1, loss: 2, note: 'x' });
    await run.appendMetrics({ step: 2, stage: 'dense', loss: 1 });
    const events = await readEvents(await fileOf(run.path));
    expect(
      events.flatMap(({ step, summary }) => (summary?.value ?? []).map(({ tag }) => [step, tag])),
    ).toEqual([
      [1, 'loss'],
      [2, 'dense/loss'],
    ]);
    await run.truncateToStep(1);
    expect((await readEvents(await fileOf(run.path))).map(({ step }) => step)).toEqual([0, 1]);
  });
});
