import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import '../collect-garbage.js';

const { threads } = L.device();
const simclr = L.augmentationPresets['simclr-cifar'](16);
let data: L.Dataset;
beforeAll(async () => {
  data = await L.shapes10({ seed: 1, train: 20, test: 10 });
});
afterAll(() => {
  data.dispose();
  L.device().setThreads(threads);
  L.device().stepBlock.setEpoch(0);
});

const indices = (count: number): L.Tensor<'i32'> => L.tensor(Int32Array.from({ length: count }, (_, i) => i));

/** Parameters of one transform for `count` pictures of 40 x 60. */
async function drawn<K extends L.DrawnTransform['kind']>(
  transform: L.TransformInput,
  kind: K,
  count = 4000,
): Promise<Extract<L.DrawnTransform, { kind: K }>[]> {
  return L.scope(async () => {
    const rows = await new L.TransformChain([transform]).drawn([40, 60], indices(count), { seed: 11 });
    return rows.map(([row]) => {
      expect(row!.kind).toBe(kind);
      return row as Extract<L.DrawnTransform, { kind: K }>;
    });
  });
}

/** Mean and extremes of numbers that should be uniform in [low, high], at six standard errors. */
function expectUniform(values: readonly number[], low: number, high: number): void {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const width = high - low;
  const error = width / Math.sqrt(12 * values.length);
  expect(Math.abs(mean - (low + high) / 2)).toBeLessThan(6 * error);
  expect(variance).toBeGreaterThan((0.9 * width ** 2) / 12);
  expect(variance).toBeLessThan((1.1 * width ** 2) / 12);
  expect(Math.min(...values)).toBeGreaterThanOrEqual(low - 1e-6 * width);
  expect(Math.max(...values)).toBeLessThanOrEqual(high + 1e-6 * width);
}

const share = (values: readonly boolean[]): number => values.filter(Boolean).length / values.length;

describe('what is drawn', () => {
  it('resized-crop: area uniform, ratio log-uniform, place uniform', async () => {
    const boxes = await drawn({ kind: 'resized-crop', size: 8, scale: [0.1, 0.4] }, 'resized-crop');
    const whole = boxes.every(({ top, left, height, width }) =>
      [top, left, height, width].every(Number.isInteger),
    );
    expect(whole).toBe(true);
    expect(boxes.every(({ top, height }) => top >= 0 && top + height <= 40)).toBe(true);
    expect(boxes.every(({ left, width }) => left >= 0 && left + width <= 60)).toBe(true);
    const areas = boxes.map(({ height, width }) => (height * width) / 2400);
    expect(areas.reduce((sum, area) => sum + area, 0) / areas.length).toBeCloseTo(0.25, 2);
    expect(Math.min(...areas)).toBeGreaterThan(0.09);
    expect(Math.max(...areas)).toBeLessThan(0.42);
    const logs = boxes.map(({ height, width }) => Math.log(width / height));
    expect(Math.abs(logs.reduce((sum, log) => sum + log, 0) / logs.length)).toBeLessThan(0.02);
    expect(Math.max(...logs)).toBeLessThan(Math.log(4 / 3) + 0.06);
    const places = boxes.map(({ top, height }) => top / (40 - height));
    expect(places.reduce((sum, place) => sum + place, 0) / places.length).toBeCloseTo(0.5, 1);
  });

  it('resized-crop: the middle, when no box of that ratio and area fits', async () => {
    const wide: L.TransformInput = { kind: 'resized-crop', size: 8, scale: [1, 1], ratio: [4, 5] };
    expect((await drawn(wide, 'resized-crop', 1))[0]).toMatchObject({
      top: 12,
      left: 0,
      height: 15,
      width: 60,
    });
    const tall: L.TransformInput = { ...wide, ratio: [0.2, 0.25] };
    expect((await drawn(tall, 'resized-crop', 1))[0]).toMatchObject({
      top: 0,
      left: 25,
      height: 40,
      width: 10,
    });
  });

  it('crop: every place in the padded picture alike', async () => {
    const places = await drawn({ kind: 'crop', size: [40, 50], pad: 2 }, 'crop');
    for (const [values, low, high] of [
      [places.map(({ top }) => top), -2, 2],
      [places.map(({ left }) => left), -2, 12],
    ] as const) {
      const counts = new Map<number, number>();
      for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
      expect([...counts.keys()].sort((a, b) => a - b)).toEqual(
        Array.from({ length: high - low + 1 }, (_, i) => low + i),
      );
      const expected = values.length / counts.size;
      for (const count of counts.values())
        expect(Math.abs(count - expected)).toBeLessThan(6 * Math.sqrt(expected));
    }
    expect((await drawn({ kind: 'center-crop', size: [21, 70] }, 'crop', 1))[0]).toMatchObject({
      top: 10,
      left: -5,
    });
  });

  it('color-jitter: factors uniform around 1, all orders alike, with its probability', async () => {
    const rows = await drawn(
      {
        kind: 'color-jitter',
        probability: 0.8,
        brightness: 0.4,
        contrast: [0.2, 0.5],
        saturation: 1.5,
        hue: 0.1,
      },
      'color-jitter',
    );
    expect(Math.abs(share(rows.map(({ applied }) => applied)) - 0.8)).toBeLessThan(0.04);
    expectUniform(
      rows.map(({ brightness }) => brightness),
      0.6,
      1.4,
    );
    expectUniform(
      rows.map(({ contrast }) => contrast),
      0.2,
      0.5,
    );
    expectUniform(
      rows.map(({ saturation }) => saturation),
      0,
      2.5,
    );
    expectUniform(
      rows.map(({ hue }) => hue),
      -0.1,
      0.1,
    );
    const orders = new Map<string, number>();
    for (const { order } of rows) orders.set(order.join(), (orders.get(order.join()) ?? 0) + 1);
    expect(orders.size).toBe(24);
    for (const count of orders.values()) expect(Math.abs(count - 4000 / 24)).toBeLessThan(78);
  });

  it('the others', async () => {
    const flips = await drawn({ kind: 'flip' }, 'flip');
    expect(Math.abs(share(flips.map(({ applied }) => applied)) - 0.5)).toBeLessThan(0.05);
    const blurs = await drawn({ kind: 'gaussian-blur', kernel: 3, sigma: [0.1, 2] }, 'gaussian-blur');
    expectUniform(
      blurs.map(({ sigma }) => sigma[0]),
      0.1,
      2,
    );
    expect(blurs.every(({ sigma }) => sigma[0] === sigma[1])).toBe(true);
    const cuts = await drawn({ kind: 'cutout', side: 9 }, 'cutout');
    expectUniform(
      cuts.map(({ left }) => left + 4.5),
      0,
      60,
    );
    const erased = await drawn({ kind: 'erase', probability: 1, value: 0.5 }, 'erase');
    expect(erased.every(({ height, width, value }) => height < 40 && width < 60 && value === 0.5)).toBe(true);
    const maps = await drawn(
      { kind: 'affine', degrees: 20, translate: [0.1, 0.2], scale: [0.8, 1.1], shearX: [2, 8], shearY: 3 },
      'affine',
    );
    expectUniform(
      maps.map(({ degrees }) => degrees),
      -20,
      20,
    );
    expect(Math.max(...maps.map(({ translate }) => translate[0]))).toBe(6);
    expect(Math.min(...maps.map(({ translate }) => translate[1]))).toBe(-8);
    expectUniform(
      maps.map(({ scale }) => scale),
      0.8,
      1.1,
    );
    expectUniform(
      maps.map(({ shear }) => shear[0]),
      2,
      8,
    );
    expectUniform(
      maps.map(({ shear }) => shear[1]),
      -3,
      3,
    );
  });
});

describe('a view', () => {
  it('is what its parameters say', async () => {
    await L.scope(async () => {
      const chain = new L.TransformChain([
        { kind: 'resized-crop', size: [9, 11], interpolation: 'bicubic' },
        { kind: 'color-jitter', probability: 0.5, brightness: 0.4, hue: 0.2 },
        { kind: 'grayscale', probability: 0.3 },
        { kind: 'gaussian-blur', probability: 0.5, kernel: [3, 5] },
        { kind: 'flip' },
        { kind: 'erase', value: 0.2 },
      ]);
      const options = { seed: 4, view: 1, site: 3 };
      L.device().stepBlock.setEpoch(6);
      const index = L.tensor(Int32Array.of(3, 0, 17, 9));
      const views = await chain.view(data.train.images, index, options).data();
      const parameters = await chain.drawn([32, 32], index, options);
      expect(parameters.flat().filter(({ applied }) => !applied).length).toBeGreaterThan(3);
      for (const [sample, place] of [3, 0, 17, 9].entries()) {
        let x: L.Images = data.train.images.slice(0, place, 1);
        for (const row of parameters[sample]!) {
          if (!row.applied) continue;
          if (row.kind === 'resized-crop') x = L.resizedCrop(x, row, [9, 11], { interpolation: 'bicubic' });
          else if (row.kind === 'color-jitter')
            x = L.colorJitter(x, { brightness: row.brightness, hue: row.hue, order: row.order });
          else if (row.kind === 'grayscale') x = L.grayscale(x);
          else if (row.kind === 'gaussian-blur') x = L.gaussianBlur(x, [3, 5], row.sigma);
          else if (row.kind === 'flip') x = L.flip(x);
          else if (row.kind === 'erase') x = L.erase(x, row, row.value);
          else throw new Error(`unexpected ${row.kind}`);
        }
        const size = 9 * 11 * 3;
        expect(await x.data()).toEqual(views.slice(sample * size, (sample + 1) * size));
      }
    });
  });

  it('depends on seed, epoch, picture, view and site, and on nothing else', async () => {
    await L.scope(async () => {
      const chain = new L.TransformChain(simclr);
      const view = (picks: number[], epoch: number, options: L.ViewOptions): Promise<Float32Array> => {
        L.device().stepBlock.setEpoch(epoch);
        return chain.view(data.train.images, L.tensor(Int32Array.from(picks)), options).data();
      };
      const size = 16 * 16 * 3;
      const all = await view([0, 1, 2, 3], 1, { seed: 5 });
      expect(await view([2], 1, { seed: 5 })).toEqual(all.slice(2 * size, 3 * size));
      for (const count of [1, 3]) {
        L.device().setThreads(count);
        expect(await view([3, 2, 1, 0], 1, { seed: 5 })).toEqual(
          Float32Array.from([3, 2, 1, 0].flatMap((i) => [...all.slice(i * size, (i + 1) * size)])),
        );
      }
      for (const [epoch, options] of [
        [1, { seed: 6 }],
        [2, { seed: 5 }],
        [1, { seed: 5, view: 1 }],
        [1, { seed: 5, site: 1 }],
      ] as const) {
        expect(await view([0, 1, 2, 3], epoch, options)).not.toEqual(all);
      }
    });
  });

  it('of bytes is that of the same pictures in [0, 1]', () => {
    L.scope(() => {
      const bytes = data.train.images.slice(0, 0, 2);
      const floats = L.tensor(
        Float32Array.from(bytes.dataSync(), (value) => value / 255),
        [2, 32, 32, 3],
      );
      const jitter = { brightness: 1.2, contrast: 0.7, saturation: 0.2, hue: 0.3 };
      expect(L.colorJitter(bytes, jitter).dataSync()).toEqual(L.colorJitter(floats, jitter).dataSync());
      expect(L.resize(bytes, 7).dataSync()).toEqual(L.resize(floats, 7).dataSync());
    });
  });
});

describe('what cannot be', () => {
  it('is refused at the call', () => {
    L.scope(() => {
      expect(() => new L.TransformChain([])).toThrow(L.ArgumentError);
      expect(() => new L.TransformChain([{ kind: 'resized-crop', size: 8, scale: [0.5, 0.2] }])).toThrow(
        /low at most high/,
      );
      expect(() => new L.TransformChain([{ kind: 'gaussian-blur', kernel: 4 }])).toThrow(/odd/);
      const x = L.rand([1, 8, 9, 3], { seed: 1 });
      const gray = L.rand([1, 8, 9, 2], { seed: 1 });
      expect(() => L.resize(x, 0)).toThrow(L.ArgumentError);
      expect(() => L.resizedCrop(x, { top: 3, left: 0, height: 6, width: 2 }, 4)).toThrow(/inside of 8 x 9/);
      expect(() => L.gaussianBlur(x, 17)).toThrow(L.ShapeError);
      expect(() => L.gaussianBlur(x, 2)).toThrow(L.ArgumentError);
      expect(() => L.gaussianBlur(x, 3, 0)).toThrow(L.ArgumentError);
      expect(() => L.adjustHue(x, 0.7)).toThrow(L.ArgumentError);
      expect(() => L.adjustContrast(x, -1)).toThrow(L.ArgumentError);
      expect(() => L.grayscale(gray)).toThrow(L.ShapeError);
      expect(() => L.affineTransform(x, { scale: 0 })).toThrow(L.ArgumentError);
      expect(() => L.solarize(x, Number.NaN)).toThrow(L.ArgumentError);
      expect(() => L.flip(L.rand([8, 9, 3], { seed: 1 }))).toThrow(L.ShapeError);
      const chain = new L.TransformChain([{ kind: 'crop', size: 20, pad: 1 }]);
      expect(() => chain.view(x, L.tensor(Int32Array.of(0)), { seed: 1 })).toThrow(/do not fit/);
      expect(() => new L.Loader(data.train, { batch: 4, views: 2 })).toThrow(L.ArgumentError);
    });
  });

  it('an index outside rejects what is awaited', async () => {
    await L.scope(async () => {
      const chain = new L.TransformChain([{ kind: 'flip' }]);
      const y = chain.view(data.train.images, L.tensor(Int32Array.of(20)), { seed: 1 });
      await expect(y.data()).rejects.toThrow(L.IndexRangeError);
      await expect(L.device().synchronize()).rejects.toThrow(L.IndexRangeError);
    });
  });
});

describe('a loader with a chain', () => {
  it('gives views of its size that differ, the same again from any batch on', async () => {
    const before = L.memory().liveTensors;
    const loader = new L.Loader(data.train, {
      batch: 8,
      shuffle: true,
      seed: 2,
      augmentation: { preset: 'simclr-cifar', size: 16 },
      views: 2,
    });
    const collect = async (from: number): Promise<Float32Array[]> => {
      const seen: Float32Array[] = [];
      for await (const { images, views, size } of loader.epoch(3, { from })) {
        expect(views.map(({ shape }) => shape)).toEqual(Array(2).fill([size, 16, 16, 3]));
        expect(views[0]).toBe(images);
        seen.push(...(await Promise.all(views.map((view) => view.data()))));
      }
      return seen;
    };
    const all = await collect(0);
    expect(all.length).toBe(6);
    expect(all[0]).not.toEqual(all[1]);
    expect(await collect(2)).toEqual(all.slice(4));
    expect(L.memory().liveTensors).toBe(before);
  });

  it('comes from a recipe, whose default stays crop and flip', () => {
    const { augmentation } = L.recipeSchema.parse({ objective: { kind: 'standard' }, epochs: 1 });
    expect(augmentation).toEqual({ pad: 4, flip: true, cutout: 0 });
    const chain = { transforms: [{ kind: 'crop', size: 32, pad: 4 }, { kind: 'flip' }] };
    expect(L.augmentationSchema.parse(chain)).toEqual({
      transforms: [
        { kind: 'crop', size: 32, pad: 4 },
        { kind: 'flip', probability: 0.5 },
      ],
    });
    expect(L.augmentationSchema.safeParse({ preset: 'simclr', size: 32 }).success).toBe(false);
    expect(L.augmentationSchema.safeParse({ pad: 4, transforms: [] }).success).toBe(false);
  });
});
