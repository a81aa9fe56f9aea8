import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import '../collect-garbage.js';

let data: L.Dataset;
let set: L.ImageSet;
beforeAll(async () => {
  data = await L.shapes10({ seed: 1, train: 50, test: 10 });
  set = data.train;
});
afterAll(() => data.dispose());

interface Seen {
  readonly index: number[];
  readonly labels: number[];
  readonly images: string;
  readonly step: number;
}

function digest(values: Float32Array): string {
  return createHash('sha256').update(values).digest('hex');
}

async function collect(batches: AsyncIterable<L.Batch>): Promise<Seen[]> {
  const seen: Seen[] = [];
  for await (const { index, labels, images, step } of batches) {
    seen.push({
      index: [...(await index.data())],
      labels: [...(await labels.data())],
      images: digest(await images.data()),
      step,
    });
  }
  return seen;
}

const training = { batch: 16, shuffle: true, seed: 3, augmentation: { pad: 4, flip: true, cutout: 8 } };

describe('Loader', () => {
  it('gives all images in order', async () => {
    const loader = new L.Loader(set, { batch: 16 });
    expect([loader.steps, loader.size]).toEqual([4, 50]);
    const seen = await collect(loader);
    expect(seen.flatMap(({ index }) => index)).toEqual([...Array(50).keys()]);
    expect(seen.flatMap(({ labels }) => labels)).toEqual([...set.hostLabels]);
  });

  it('gives pixels in [0, 1]', async () => {
    const pixels = set.images.dataSync();
    for await (const { images, step } of new L.Loader(set, { batch: 16 })) {
      expect(images.shape).toEqual([step === 3 ? 2 : 16, 32, 32, 3]);
      const values = await images.data();
      for (const i of [0, 1000, 3071]) {
        expect(values[i]).toBeCloseTo(pixels[step * 16 * 3072 + i]! / 255, 6);
      }
    }
  });

  it('shuffles every epoch anew, and each image once', async () => {
    const loader = new L.Loader(set, training);
    const [first, second] = [await collect(loader.epoch(0)), await collect(loader.epoch(1))];
    const order = first.flatMap(({ index }) => index);
    expect(order.toSorted((a, b) => a - b)).toEqual([...Array(50).keys()]);
    expect(second.flatMap(({ index }) => index)).not.toEqual(order);
    expect(first.flatMap(({ labels }) => labels)).toEqual(order.map((index) => set.hostLabels[index]));
    expect(await collect(loader.epoch(0))).toEqual(first);
  });

  it('goes on at any step with the same batches', async () => {
    const loader = new L.Loader(set, training);
    const whole = await collect(loader.epoch(2));
    expect(await collect(loader.epoch(2, { from: 2 }))).toEqual(whole.slice(2));
  });

  it('augments by the epoch of the batch, whatever epoch is set in between', async () => {
    const loader = new L.Loader(set, training);
    const calm = await collect(loader.epoch(1));
    const disturbed: string[] = [];
    for await (const { images } of loader.epoch(1)) {
      L.device().stepBlock.manualStep(0, 9);
      disturbed.push(digest(await images.data()));
    }
    expect(disturbed).toEqual(calm.map(({ images }) => images));
  });

  it('takes some of the images, and drops a smaller last batch', async () => {
    const indices = Int32Array.of(40, 3, 7, 9, 11);
    const loader = new L.Loader(set, { batch: 2, indices, dropLast: true });
    expect([loader.steps, loader.size]).toEqual([2, 4]);
    expect((await collect(loader)).map(({ index }) => index)).toEqual([
      [40, 3],
      [7, 9],
    ]);
  });

  it('holds two batches at most, and none afterwards, however the loop ends', async () => {
    const before = L.memory().liveTensors;
    const loader = new L.Loader(set, { batch: 8 });
    let previous: L.Tensor | undefined;
    for await (const { images, step } of loader) {
      expect(L.memory().liveTensors - before).toBeLessThanOrEqual(6);
      if (previous !== undefined) expect(previous.disposed).toBe(true);
      previous = images;
      if (step === 3) break;
    }
    expect(L.memory().liveTensors).toBe(before);
    const failing = async (): Promise<void> => {
      for await (const _ of loader) throw new Error('no');
    };
    await expect(failing()).rejects.toThrow('no');
    expect(L.memory().liveTensors).toBe(before);
  });

  it('keeps its batches out of the scopes of the one who iterates', async () => {
    const loader = new L.Loader(set, { batch: 25 });
    const iterator = loader.epoch(0);
    await L.scope(async () => void (await iterator.next()));
    const second = await L.scope(async () => iterator.next());
    expect(second.value?.images.disposed).toBe(false);
    await iterator.return();
    expect(second.value?.images.disposed).toBe(true);
  });

  it('stops at a signal', async () => {
    const before = L.memory().liveTensors;
    const controller = new AbortController();
    const steps: number[] = [];
    const run = async (): Promise<void> => {
      for await (const { step } of new L.Loader(set, { batch: 10 }).epoch(4, { signal: controller.signal })) {
        steps.push(step);
        if (step === 1) controller.abort();
      }
    };
    await expect(run()).rejects.toThrow(L.AbortedError);
    expect(steps).toEqual([0, 1]);
    expect(L.memory().liveTensors).toBe(before);
  });

  it('refuses batches and indices that cannot be', () => {
    expect(() => new L.Loader(set, { batch: 0 })).toThrow(L.ArgumentError);
    expect(() => new L.Loader(set, { batch: 2.5 })).toThrow(L.ArgumentError);
    expect(() => new L.Loader(set, { batch: 64, dropLast: true })).toThrow(L.ArgumentError);
    expect(() => new L.Loader(set, { batch: 1, indices: Int32Array.of(50) })).toThrow(L.ArgumentError);
  });
});
