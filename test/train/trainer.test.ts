import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import * as L from '../../lib/index.js';
import { fastObjective } from '../../lib/train/objectives/fast.js';
import { standardObjective } from '../../lib/train/objectives/standard.js';
import { tradesObjective } from '../../lib/train/objectives/trades.js';
import { isCatastrophicOverfitting } from '../../lib/train/overfitting-guard.js';
import { createOptimizer, recipeSchema } from '../../lib/train/recipe.js';
import { loadTraining, saveTraining } from '../../lib/train/saved-training.js';
import type { TrainingSnapshot } from '../../lib/train/snapshot.js';
import { Trainer, type TrainerOptions, type TrainingRecord } from '../../lib/train/trainer.js';
import { digestOf, narrowModel } from './tiny.js';
import '../collect-garbage.js';

let data: L.Dataset;
beforeAll(async () => {
  data = await L.shapes10({ seed: 3, train: 80, test: 1 });
});
afterAll(() => data.dispose());

interface Session extends Disposable {
  readonly model: L.SpecModel;
  readonly trainer: Trainer;
  readonly records: TrainingRecord[];
  readonly snapshots: TrainingSnapshot[];
}

const adversarial = { epsilon: 8 / 255, seed: 7 };
const objectives = {
  standard: () => standardObjective(),
  fast: () => fastObjective(adversarial),
  trades: () => tradesObjective({ ...adversarial, steps: 2 }),
};

/** Three epochs of five steps. */
function session(
  kind: keyof typeof objectives,
  options: Partial<TrainerOptions> = {},
  optimizerRecipe: z.input<typeof recipeSchema>['optimizer'] = { decay: 1e-3 },
): Session {
  const model = narrowModel();
  const recipe = recipeSchema.parse({ objective: { kind }, epochs: 3, optimizer: optimizerRecipe });
  const optimizer = createOptimizer(recipe, model);
  const records: TrainingRecord[] = [];
  const snapshots: TrainingSnapshot[] = [];
  const trainer = new Trainer({
    model,
    optimizer,
    schedule: L.oneCycleSchedule({ rate: 0.1, steps: 15 }),
    objective: objectives[kind](),
    batches: new L.Loader(data.train, {
      batch: 16,
      shuffle: true,
      seed: 2,
      augmentation: { pad: 2, flip: true },
    }),
    epochs: 3,
    recordEvery: 1,
    onRecord: (record) => void records.push(record),
    onSnapshot: async (snapshot) => void snapshots.push(snapshot),
    ...options,
  });
  const dispose = () => {
    optimizer.dispose();
    model.dispose();
  };
  return { model, trainer, records, snapshots, [Symbol.dispose]: dispose };
}

/** A signal that is aborted after so many steps, and the hook that counts them. */
function abortAfter(steps: number) {
  const controller = new AbortController();
  const records: TrainingRecord[] = [];
  const onRecord = (record: TrainingRecord) => {
    records.push(record);
    if (record.step === steps) controller.abort(new Error('enough'));
  };
  return { signal: controller.signal, onRecord, records };
}

describe('the trainer', () => {
  it('learns, records every step and epoch, and leaves no tensor behind', async () => {
    const live = L.memory().liveTensors;
    {
      using run = session('standard', { epochs: 12 });
      const { step } = await run.trainer.run();
      expect(step).toBe(60);
      const losses = run.records.filter(({ loss }) => loss !== undefined).map(({ loss }) => loss!);
      expect(losses).toHaveLength(60);
      const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
      expect(mean(losses.slice(-5))).toBeLessThan(mean(losses.slice(0, 5)));
      const epochs = run.records.filter(({ epoch }) => epoch !== undefined);
      expect(epochs.map(({ step, epoch }) => [step, epoch])).toEqual(
        Array.from({ length: 12 }, (_, i) => [5 * (i + 1), i + 1]),
      );
      expect(epochs.at(-1)!.trainLoss).toBeCloseTo(mean(losses.slice(-5)), 6);
    }
    expect(L.memory().liveTensors).toBe(live);
  });

  const groups = [{ match: 'fc.*', rateFactor: 3, decay: 0 }];
  it.each([
    ['standard', 7, { groups }],
    ['fast', 7, {}],
    ['trades', 10, {}],
    ['standard', 7, { kind: 'adamw', rate: 1e-3, groups }],
  ] as const)(
    '%s: stopped after about %i steps and gone on with %o, ends with the same bits',
    async (kind, stop, optimizer) => {
      using whole = session(kind, {}, optimizer);
      await whole.trainer.run();

      const { signal, onRecord, records } = abortAfter(stop);
      using first = session(kind, { signal, onRecord }, optimizer);
      await expect(first.trainer.run()).rejects.toMatchObject({ name: 'AbortedError', resumable: true });
      const saved = saveTraining(first.snapshots.at(-1)!, first.trainer.lastSound);
      // As a file would have it.
      const { snapshot, lastSound } = loadTraining(saved.tensors, JSON.parse(JSON.stringify(saved.state)));
      expect(snapshot.position.step).toBeLessThan(15);

      using second = session(kind, {}, optimizer);
      second.trainer.resume(snapshot, lastSound);
      await second.trainer.run();
      expect(await digestOf(second.model)).toBe(await digestOf(whole.model));
      const kept = records.filter(({ step }) => step <= snapshot.position.step);
      expect([...kept, ...second.records]).toEqual(whole.records);
    },
  );

  it('stops at a loss that is not finite, and the last snapshot is good', async () => {
    using run = session('standard', { schedule: (step) => (step < 6 ? 0.05 : 1e30), snapshotEvery: 1 });
    await expect(run.trainer.run()).rejects.toThrow(L.NonFiniteError);
    const last = run.snapshots.at(-1)!;
    expect(last.position.step).toBeLessThan(15);
    for (const { data } of last.tensors.values())
      expect((data as Float32Array).every(Number.isFinite)).toBe(true);
    using again = session('standard');
    again.trainer.resume(last);
    await again.trainer.run();
  });

  it('clips gradients', async () => {
    using run = session('standard', { clipNorm: 1e-9, schedule: () => 0.01, epochs: 1 });
    using free = session('standard', { schedule: () => 0.01, epochs: 1 });
    const before = await digestOf(run.model);
    await Promise.all([run.trainer.run()]);
    await free.trainer.run();
    expect(await digestOf(run.model)).not.toBe(before);
    expect(await digestOf(run.model)).not.toBe(await digestOf(free.model));
  });

  it('refuses the snapshot of another network', async () => {
    using run = session('standard', { epochs: 1 });
    await run.trainer.run();
    using other = session('standard');
    const tensors = new Map(run.snapshots[0]!.tensors);
    tensors.delete('model.conv1.weight');
    expect(() => other.trainer.resume({ ...run.snapshots[0]!, tensors })).toThrow(L.CheckpointError);
    expect(() => loadTraining(new Map(), { position: 3 })).toThrow(L.CheckpointError);
  });
});

describe('an average of the weights', () => {
  const withAverage = (options: Partial<TrainerOptions> = {}) => {
    const model = narrowModel();
    const average = new L.WeightAverage(model, { decay: 0.9, warmup: true });
    const optimizer = new L.SGD(model.namedParameters(), { rate: 0.1, momentum: 0.9 });
    const run = session('standard', { model, average, optimizer, ...options });
    const dispose = () => {
      for (const owner of [average, optimizer, model, run]) owner[Symbol.dispose]();
    };
    return { ...run, model, average, [Symbol.dispose]: dispose };
  };

  it('is what is validated and what the model has at the end; snapshots have both', async () => {
    const validated: string[] = [];
    using run: ReturnType<typeof withAverage> = withAverage({
      validate: async () => {
        validated.push(await digestOf(run.model));
        return {};
      },
    });
    await run.trainer.run();
    const last = run.snapshots.at(-1)!.tensors;
    const averaged = last.get('average.conv1.weight')!.data;
    expect(averaged).not.toEqual(last.get('model.conv1.weight')!.data);
    expect((await run.model.hostState()).get('conv1.weight')!.data).toEqual(averaged);
    expect(await digestOf(run.model)).toBe(validated.at(-1));
  });

  it('goes on from a snapshot to the same bits', async () => {
    using whole = withAverage();
    await whole.trainer.run();
    const { signal, onRecord } = abortAfter(7);
    using first = withAverage({ signal, onRecord });
    await expect(first.trainer.run()).rejects.toThrow(L.AbortedError);
    using second = withAverage();
    second.trainer.resume(first.snapshots.at(-1)!);
    await second.trainer.run();
    expect(await digestOf(second.model)).toBe(await digestOf(whole.model));
    using without = session('standard');
    await without.trainer.run();
    expect(() => second.trainer.resume(without.snapshots[0]!)).toThrow(L.CheckpointError);
  });
});

describe('catastrophic overfitting', () => {
  it('is a rise of FGSM accuracy with a collapse of PGD accuracy', () => {
    const before = { fgsm: 0.4, pgd: 0.35 };
    expect(isCatastrophicOverfitting(before, { fgsm: 0.7, pgd: 0.05 })).toBe(true);
    expect(isCatastrophicOverfitting(before, { fgsm: 0.41, pgd: 0.34 })).toBe(false);
    expect(isCatastrophicOverfitting(before, { fgsm: 0.3, pgd: 0.1 })).toBe(false);
  });

  it('takes training back to the epoch before, and on from there', async () => {
    const sound = { fgsm: 0.4, pgd: 0.35 };
    const measures = [sound, { fgsm: 0.8, pgd: 0.05 }, sound, sound];
    const returned: number[] = [];
    using run = session('fast', {
      validate: async () => measures.shift()!,
      onReturn: async (step) => void returned.push(step),
    });
    const position = await run.trainer.run();
    expect(returned).toEqual([5]);
    expect(position).toMatchObject({ step: 15, returns: 1, stoppedEarly: false });
    expect(run.snapshots.map(({ position }) => position.step)).toEqual([5, 5, 10, 15]);
    const [first, second] = run.snapshots;
    expect(second!.tensors).toEqual(first!.tensors);
    expect(run.records.find(({ returns }) => returns === 1)).toMatchObject({ step: 5, overfittedEpoch: 2 });
  });

  it('ends training at the last sound epoch when it comes again and again', async () => {
    let calls = 0;
    using run = session('fast', {
      validate: async () => (calls++ === 0 ? { fgsm: 0.4, pgd: 0.3 } : { fgsm: 0.9, pgd: 0 }),
    });
    expect(await run.trainer.run()).toMatchObject({ step: 5, returns: 3, stoppedEarly: true });
    const state = await run.model.hostState();
    expect(state.get('conv1.weight')).toEqual(run.snapshots[0]!.tensors.get('model.conv1.weight'));
  });

  it('survives a stop in the middle of the epoch that goes wrong', async () => {
    const validate = () => {
      let calls = 0;
      return async () => (calls++ === 1 ? { fgsm: 0.8, pgd: 0.05 } : { fgsm: 0.4, pgd: 0.35 });
    };
    using whole = session('fast', { validate: validate() });
    await whole.trainer.run();

    const { signal, onRecord } = abortAfter(7);
    const measured = validate();
    using first = session('fast', { validate: measured, signal, onRecord });
    await expect(first.trainer.run()).rejects.toThrow(L.AbortedError);
    const { tensors, state } = saveTraining(first.snapshots.at(-1)!, first.trainer.lastSound);
    expect(state.sound).toMatchObject({ step: 5 });
    const { snapshot, lastSound } = loadTraining(tensors, state);
    using second = session('fast', { validate: measured });
    second.trainer.resume(snapshot, lastSound);
    expect(await second.trainer.run()).toMatchObject({ returns: 1, step: 15 });
    expect(await digestOf(second.model)).toBe(await digestOf(whole.model));
  });
});
