import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import type { Objective } from '../../lib/train/objective.js';
import { distillationObjective } from '../../lib/train/objectives/distillation.js';
import { fastObjective } from '../../lib/train/objectives/fast.js';
import { martObjective } from '../../lib/train/objectives/mart.js';
import { pgdAtObjective } from '../../lib/train/objectives/pgd-at.js';
import { createObjective, objectiveSchema } from '../../lib/train/objectives/registry.js';
import { standardObjective } from '../../lib/train/objectives/standard.js';
import { tradesObjective } from '../../lib/train/objectives/trades.js';
import { temporaryFolder } from '../temporary-folder.js';
import { largestDifference, narrowModel, narrowSpec, randomBatch } from './tiny.js';
import '../collect-garbage.js';

const models: L.SpecModel[] = [];
let model: L.SpecModel;
beforeEach(() => {
  model = narrowModel().train();
  models.push(model);
});
afterAll(() => {
  for (const used of models) used.dispose();
});

/** Loss, gradients and running statistics after one evaluation. */
async function outcome(objective: Objective, of = model, returns = 0) {
  return L.scope(async () => {
    of.zeroGrad();
    const { loss, logits } = await objective.evaluate(of, randomBatch(8), { step: 3, returns });
    loss.backward();
    const gradients = await Promise.all([...of.parameters()].map(({ grad }) => grad!.data()));
    const statistics = await Promise.all([...of.namedBuffers()].map(([, buffer]) => buffer.data()));
    expect(logits.shape).toEqual([8, 10]);
    return { loss: await loss.item(), gradients, statistics };
  });
}

function fresh(): L.SpecModel {
  const other = narrowModel().train();
  models.push(other);
  return other;
}

describe('objectives', () => {
  it('TRADES with beta 0 is the cross-entropy: loss, gradients and statistics', async () => {
    const trades = await outcome(tradesObjective({ beta: 0, epsilon: 8 / 255, seed: 1 }));
    expect(trades).toEqual(await outcome(standardObjective(), fresh()));
  });

  it('fast with epsilon 0 is the cross-entropy: the attack moves no running statistics', async () => {
    const fast = await outcome(fastObjective({ epsilon: 0, seed: 1 }));
    const plain = await outcome(standardObjective(), fresh());
    expect(fast.loss).toBeCloseTo(plain.loss, 5);
    for (const [i, values] of fast.statistics.entries()) {
      expect(largestDifference(values as Float32Array, plain.statistics[i] as Float32Array)).toBeLessThan(
        1e-5,
      );
    }
  });

  it('fast trains on harder images than standard, and on easier ones after returns', async () => {
    const fast = fastObjective({ epsilon: 16 / 255, seed: 1 });
    const { loss } = await outcome(fast);
    expect(loss).toBeGreaterThan((await outcome(standardObjective(), fresh())).loss);
    expect((await outcome(fast, fresh(), 8)).loss).toBeLessThan(loss);
  });

  it('TRADES adds beta times the mean KL divergence', async () => {
    const at = async (beta: number) =>
      (await outcome(tradesObjective({ beta, epsilon: 8 / 255, steps: 2, seed: 1 }), fresh())).loss;
    const [none, one, six] = [await at(0), await at(1), await at(6)];
    expect(one).toBeGreaterThan(none);
    expect(six - none).toBeCloseTo(6 * (one - none), 3);
  });

  it('PGD-AT with epsilon 0 is the cross-entropy, and with more a harder one', async () => {
    const plain = await outcome(standardObjective(), fresh());
    expect(await outcome(pgdAtObjective({ epsilon: 0, seed: 1 }), fresh())).toEqual(plain);
    const harder = await outcome(pgdAtObjective({ epsilon: 16 / 255, steps: 3, seed: 1 }), fresh());
    expect(harder.loss).toBeGreaterThan(plain.loss);
  });

  it('PGD-AT attacks in the l_2 ball too', async () => {
    const inBall = (norm: 'linf' | 'l2') =>
      outcome(pgdAtObjective({ epsilon: 0.5, norm, steps: 2, seed: 1 }), fresh());
    const [l2, linf] = [await inBall('l2'), await inBall('linf')];
    expect(l2.loss).toBeGreaterThan((await outcome(standardObjective(), fresh())).loss);
    expect(linf.loss).toBeGreaterThan(l2.loss);
  });

  it('adds the weighted loss of an auxiliary head', async () => {
    const at = async (auxiliaryWeight: number) => {
      const network = fresh();
      if (!L.isTapped(network)) throw new Error('no tap');
      const whole = new L.WithAuxiliaryHead(network, { classes: 10, seed: 2 }).train();
      const { loss } = await L.scope(async () => {
        const value = await standardObjective({ auxiliaryWeight }).evaluate(whole, randomBatch(8), {
          step: 0,
          returns: 0,
        });
        return { loss: await value.loss.item() };
      });
      whole.auxiliary_head.dispose();
      return loss;
    };
    const [none, part, one] = [await at(0), await at(0.4), await at(1)];
    expect(none).toBeCloseTo((await outcome(standardObjective(), fresh())).loss, 5);
    expect(one - none).toBeGreaterThan(1);
    expect(part - none).toBeCloseTo(0.4 * (one - none), 4);
  });

  it('MART grows with beta by its second term', async () => {
    const at = async (beta: number) =>
      (await outcome(martObjective({ beta, epsilon: 8 / 255, steps: 2, seed: 1 }), fresh())).loss;
    const [none, one, five] = [await at(0), await at(1), await at(5)];
    expect(one).toBeGreaterThan(none);
    expect(five - none).toBeCloseTo(5 * (one - none), 4);
  });

  it('distillation goes from the labels to the teacher as its weight goes from 0 to 1', async () => {
    const teacher = () => L.modelFromSpec(narrowSpec, 99);
    const labels = distillationObjective({ teacher: teacher(), weight: 0 });
    const plain = await outcome(standardObjective(), fresh());
    expect((await outcome(labels, fresh())).loss).toBeCloseTo(plain.loss, 6);
    // A student in evaluation mode that equals its teacher has nothing to learn.
    using same = L.modelFromSpec(narrowSpec, 99).eval();
    const soft = distillationObjective({ teacher: teacher(), weight: 1 });
    expect((await outcome(soft, same)).loss).toBeCloseTo(0, 6);
    expect((await outcome(soft, fresh())).loss).toBeGreaterThan(0.01);
    for (const objective of [labels, soft]) objective.dispose?.();
  });

  it('a teacher of other classes is refused, and one from a file is used and given back', async () => {
    const wide = L.modelFromSpec({ ...narrowSpec, classes: 11 }, 1);
    const misfit = distillationObjective({ teacher: wide });
    await expect(outcome(misfit)).rejects.toThrow(L.ShapeError);
    misfit.dispose?.();
    using taught = L.modelFromSpec(narrowSpec, 3);
    const path = join(temporaryFolder(), 'teacher.safetensors');
    await L.saveModel(path, taught);
    model.zeroGrad();
    const live = L.memory().liveTensors;
    const config = objectiveSchema.parse({ kind: 'distillation', teacher: path });
    const objective = await createObjective(config, 0);
    expect((await outcome(objective)).loss).toBeGreaterThan(0);
    objective.dispose?.();
    model.zeroGrad();
    expect(L.memory().liveTensors).toBe(live);
    const missing = objectiveSchema.parse({ kind: 'distillation', teacher: `${path}.gone` });
    await expect(createObjective(missing, 0)).rejects.toThrow(L.FileSystemError);
  });

  it('smooths labels', async () => {
    const smooth = await outcome(standardObjective({ smoothing: 0.2 }));
    expect(smooth.loss).not.toBe((await outcome(standardObjective(), fresh())).loss);
  });

  it.each(['standard', 'fast', 'pgd-at', 'trades', 'mart'] as const)(
    '%s comes from the registry by its defaults, leaves no tensor, and keeps the mode',
    async (kind) => {
      const objective = await createObjective(objectiveSchema.parse({ kind }), 0);
      expect(objective.name).toBe(kind);
      await outcome(objective);
      model.zeroGrad();
      const live = L.memory().liveTensors;
      await outcome(objective);
      model.zeroGrad();
      expect(L.memory().liveTensors).toBe(live);
      expect([...model.modules()].every(({ training }) => training)).toBe(true);
    },
  );

  it('gives the same bits for the same step, and other noise for another', async () => {
    const objective = fastObjective({ epsilon: 8 / 255, seed: 1 });
    L.device().stepBlock.manualStep(4);
    const first = await outcome(objective, fresh());
    expect(await outcome(objective, fresh())).toEqual(first);
    L.device().stepBlock.manualStep(5);
    expect((await outcome(objective, fresh())).loss).not.toBe(first.loss);
  });

  it('refuses settings that cannot be', () => {
    expect(() => fastObjective({ epsilon: 8, seed: 0 })).toThrow(L.ArgumentError);
    expect(() => tradesObjective({ epsilon: 0.03, beta: -1, seed: 0 })).toThrow(L.ArgumentError);
    expect(() => tradesObjective({ epsilon: 0.03, steps: 0, seed: 0 })).toThrow(L.ArgumentError);
    expect(() => martObjective({ epsilon: 0.03, beta: Number.NaN, seed: 0 })).toThrow(L.ArgumentError);
    expect(() => distillationObjective({ teacher: model, temperature: 0 })).toThrow(L.ArgumentError);
    expect(() => L.oneHot(L.tensor(Int32Array.of(1)), 0)).toThrow(L.ArgumentError);
  });
});
