import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fgsm, fgsmAttack } from '../../lib/attack/fgsm.js';
import { pgd, pgdAttack } from '../../lib/attack/pgd.js';
import { evaluateRobustness, robustAccuracy } from '../../lib/attack/robust-accuracy.js';
import * as L from '../../lib/index.js';
import { standardObjective } from '../../lib/train/objectives/standard.js';
import { Trainer } from '../../lib/train/trainer.js';
import { digestOf, narrowModel, randomBatch } from '../train/tiny.js';
import '../collect-garbage.js';

let model: L.SpecModel;
let data: L.Dataset;
let batches: L.Loader;

beforeAll(async () => {
  model = narrowModel();
  data = await L.shapes10({ seed: 3, train: 256, test: 1 });
  batches = new L.Loader(data.train, { batch: 32, shuffle: true, seed: 1 });
  using optimizer = new L.SGD(model.namedParameters(), { rate: 0.1, momentum: 0.9 });
  const schedule = L.cosineSchedule({ rate: 0.1, steps: 10 * batches.steps });
  await new Trainer({
    model,
    optimizer,
    schedule,
    objective: standardObjective(),
    batches,
    epochs: 10,
  }).run();
});
afterAll(() => {
  model.dispose();
  data.dispose();
});

const evaluation = () => new L.Loader(data.train, { batch: 64 });

function meanLoss(images: L.Tensor, labels: L.Tensor<'i32'>): Promise<number> {
  model.eval();
  return L.noGrad(() => L.scope(() => L.crossEntropy(model.forward(images), labels).item()));
}

describe('attacks', () => {
  it('FGSM is PGD with one step of epsilon from the image itself', async () => {
    await L.scope(async () => {
      const { images, labels } = randomBatch(8);
      const epsilon = 8 / 255;
      const one = await fgsm(model, images, labels, { epsilon });
      const other = await pgd(model, images, labels, {
        epsilon,
        stepSize: epsilon,
        steps: 1,
        randomStart: false,
      });
      expect(await one.data()).toEqual(await other.data());
    });
  });

  it('PGD stays in the ball and in [0, 1], whatever its settings', async () => {
    const settings = fc.record({
      epsilon: fc.double({ min: 0, max: 0.5, noNaN: true }),
      stepSize: fc.double({ min: 0, max: 1, noNaN: true }),
      steps: fc.integer({ min: 1, max: 3 }),
      restarts: fc.integer({ min: 1, max: 2 }),
      seed: fc.nat(),
    });
    type Settings = typeof settings extends fc.Arbitrary<infer T> ? T : never;
    const check = (options: Settings) =>
      L.scope(async () => {
        const { images, labels, index } = randomBatch(3, options.seed);
        const [x, y] = [
          await images.data(),
          await (await pgd(model, images, labels, { ...options, index })).data(),
        ];
        const outside = x.filter((value, i) => {
          const moved = y[i]!;
          return !(Math.abs(moved - value) <= options.epsilon + 1e-6 && moved >= 0 && moved <= 1);
        });
        expect(outside).toHaveLength(0);
      });
    await fc.assert(fc.asyncProperty(settings, check), { numRuns: 15, seed: 1 });
  });

  it('in the l2 ball, too: FGSM is one step, and PGD stays in the ball and in [0, 1]', async () => {
    await L.scope(async () => {
      const { images, labels, index } = randomBatch(4);
      const x = await images.data();
      for (const epsilon of [0, 0.5, 3]) {
        const ball = { epsilon, norm: 'l2' } as const;
        const one = await (await fgsm(model, images, labels, ball)).data();
        const same = { ...ball, stepSize: epsilon, steps: 1, randomStart: false };
        expect(await (await pgd(model, images, labels, same)).data()).toEqual(one);
        const many = await (
          await pgd(model, images, labels, { ...ball, steps: 4, restarts: 2, index })
        ).data();
        for (const moved of [one, many]) {
          for (let image = 0; image < 4; image++) {
            const part = moved.subarray(3072 * image, 3072 * (image + 1));
            const distance = Math.hypot(...part.map((value, i) => value - x[3072 * image + i]!));
            expect(distance).toBeLessThanOrEqual(epsilon * (1 + 1e-5) + 1e-6);
            if (epsilon > 0) expect(distance).toBeGreaterThan(0.3 * epsilon);
          }
          expect(moved.every((value) => value >= 0 && value <= 1)).toBe(true);
        }
      }
    });
  });

  it('a configuration names norm and radius', () => {
    const attack = (config: unknown) => L.createAttack(L.attackSchema.parse(config), 0).name;
    expect(attack({ kind: 'pgd', norm: 'l2', epsilon: 2 })).toBe('PGD-20 (l2)');
    expect(attack({ kind: 'fgsm', norm: 'l2' })).toBe('FGSM (l2)');
    expect(attack({ kind: 'fgsm' })).toBe('FGSM');
    expect(() => L.attackSchema.parse({ kind: 'pgd', epsilon: 2 })).toThrow(/at most 1/);
    expect(() => L.attackSchema.parse({ kind: 'pgd', norm: 'l1' })).toThrow();
  });

  it('the loss does not fall from clean to FGSM to PGD on a trained network', async () => {
    await L.scope(async () => {
      const losses = { clean: 0, fgsm: 0, pgd: 0 };
      const epsilon = 4 / 255;
      for await (const { images, labels, index } of evaluation()) {
        losses.clean += await meanLoss(images, labels);
        losses.fgsm += await meanLoss(await fgsm(model, images, labels, { epsilon }), labels);
        const options = { epsilon, steps: 10, index };
        losses.pgd += await meanLoss(await pgd(model, images, labels, options), labels);
      }
      expect(losses.fgsm).toBeGreaterThan(losses.clean);
      expect(losses.pgd).toBeGreaterThanOrEqual(losses.fgsm);
    });
  });

  it('gives an image the same start in any batch, and another one for another seed or restart', async () => {
    await L.scope(async () => {
      const { images, labels, index } = randomBatch(6);
      const options = { epsilon: 0.1, stepSize: 0, steps: 1 };
      const all = await (await pgd(model, images, labels, { ...options, index })).data();
      const part = await pgd(model, images.slice(0, 2, 3), labels.slice(0, 2, 3), {
        ...options,
        index: index.slice(0, 2, 3),
      });
      expect(await part.data()).toEqual(all.slice(2 * 3072, 5 * 3072));
      const other = await pgd(model, images, labels, { ...options, index, seed: 1 });
      expect(await other.data()).not.toEqual(all);
      const attack = pgdAttack({ ...options, restarts: 2 });
      const second = await attack.attempt(model, { images, labels, index }, 1);
      expect(await second.data()).not.toEqual(all);
    });
  });

  it('takes the worst of its restarts for each image', async () => {
    await L.scope(async () => {
      const { images, labels, index } = randomBatch(16);
      const options = { epsilon: 2 / 255, steps: 2, index };
      const one = await meanLoss(await pgd(model, images, labels, options), labels);
      const four = await meanLoss(await pgd(model, images, labels, { ...options, restarts: 4 }), labels);
      expect(four).toBeGreaterThanOrEqual(one);
    });
  });

  it('leaves the network as it was: weights, statistics, gradients and mode of every part', async () => {
    const before = await digestOf(model);
    model.train();
    const [, frozen] = [...model.modules()].filter((module) => module instanceof L.BatchNorm2d);
    frozen!.training = false;
    await L.scope(async () => {
      const { images, labels } = randomBatch(4);
      await pgd(model, images, labels, { epsilon: 0.03, steps: 3 });
      await expect(pgd(model, images.slice(3, 0, 2), labels, { epsilon: 0.03, steps: 3 })).rejects.toThrow(
        L.ShapeError,
      );
    });
    expect(model.training).toBe(true);
    expect(frozen!.training).toBe(false);
    expect([...model.parameters()].every(({ grad }) => grad === null || grad.disposed === false)).toBe(true);
    expect(await digestOf(model)).toBe(before);
  });

  it('leaves no tensor behind but what it returns', async () => {
    const { images, labels } = L.own(randomBatch(4));
    const before = L.memory().liveTensors;
    const adversarial = await pgd(model, images, labels, { epsilon: 0.03, steps: 3, restarts: 3 });
    expect(L.memory().liveTensors).toBe(before + 1);
    for (const tensor of [adversarial, images, labels]) tensor.dispose();
  });

  it('refuses settings that cannot be', async () => {
    expect(() => pgdAttack({ epsilon: 8 })).toThrow(/8\/255/);
    expect(() => pgdAttack({ epsilon: 0.1, steps: 0 })).toThrow(L.ArgumentError);
    expect(() => pgdAttack({ epsilon: 0.1, restarts: 2, randomStart: false })).toThrow(L.ArgumentError);
    expect(() => fgsmAttack({ epsilon: Number.NaN })).toThrow(L.ArgumentError);
    expect(() => pgdAttack({ epsilon: -1, norm: 'l2' })).toThrow(L.ArgumentError);
  });
});

describe('robust accuracy', () => {
  it('falls from clean to FGSM to PGD, and with restarts', async () => {
    const epsilon = 4 / 255;
    const attacks = [
      fgsmAttack({ epsilon }),
      pgdAttack({ epsilon, steps: 10 }),
      pgdAttack({ epsilon, steps: 10, restarts: 3 }),
    ];
    const { images, clean, underAttack } = await evaluateRobustness(model, evaluation(), attacks);
    expect(images).toBe(256);
    expect(clean).toBeGreaterThan(0.2);
    expect(underAttack.FGSM).toBeLessThan(clean);
    expect(underAttack['PGD-10']).toBeLessThanOrEqual(underAttack.FGSM!);
    expect(underAttack['PGD-10x3']).toBeLessThanOrEqual(underAttack['PGD-10']!);
    const near = { epsilon: 0.5, norm: 'l2' } as const;
    const l2 = await evaluateRobustness(model, evaluation(), [fgsmAttack(near), pgdAttack(near)]);
    expect(l2.underAttack['FGSM (l2)']).toBeLessThan(clean);
    expect(l2.underAttack['PGD-10 (l2)']).toBeLessThanOrEqual(l2.underAttack['FGSM (l2)']!);
  });

  it('is the same whatever the batch size', async () => {
    const attack = pgdAttack({ epsilon: 3 / 255, steps: 5 });
    const small = await robustAccuracy(model, new L.Loader(data.train, { batch: 50 }), attack);
    const large = await robustAccuracy(model, new L.Loader(data.train, { batch: 256 }), attack);
    expect(small).toBe(large);
  });

  it('is the clean accuracy when epsilon is 0', async () => {
    const { clean, underAttack } = await evaluateRobustness(model, evaluation(), [pgdAttack({ epsilon: 0 })]);
    expect(underAttack['PGD-10']).toBe(clean);
  });

  it('stops at a signal', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(evaluateRobustness(model, evaluation(), [], { signal })).rejects.toThrow('enough');
  });
});
