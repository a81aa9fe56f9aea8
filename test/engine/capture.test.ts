import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { addon } from '../../lib/native-addon.js';
import { narrow, Training } from './training.js';
import '../collect-garbage.js';

const batch = 8;
const size = 16;
const steps = 6;

/** A training whose batches are augmented on the device, with what changes from step to step set from outside. */
class AugmentedTraining {
  readonly model = L.modelFromSpec(narrow, 1);
  readonly optimizer = new L.SGD(this.model.namedParameters(), { rate: 0.1, momentum: 0.9, decay: 1e-4 });
  readonly #images: L.Tensor<'u8'>;
  readonly #labels: L.Tensor<'i32'>;
  readonly #index = L.tensor(new Int32Array(batch));
  readonly #target = L.tensor(new Int32Array(batch));

  constructor() {
    const pixels = Uint8Array.from({ length: 4 * batch * size * size * 3 }, (_, i) => (i * 7919) % 251);
    this.#images = L.tensor(pixels, [4 * batch, size, size, 3]);
    this.#labels = L.tensor(Int32Array.from({ length: 4 * batch }, (_, i) => (7 * i) % 10));
  }

  /** Writes the inputs of a step: they lie in tensors made before, and in the step block. */
  prepare(step: number): void {
    L.device().stepBlock.manualStep(step, 3 + Math.floor(step / 2));
    this.optimizer.rate = 0.1 / (1 + step);
    this.#index.write(Int32Array.from({ length: batch }, (_, i) => (5 * i + 3 * step) % (4 * batch)));
    L.scope(() => L.assign(this.#target, L.gather(this.#labels, this.#index)));
  }

  step(): L.Tensor {
    return L.scope(() => {
      this.model.zeroGrad();
      const x = L.augment(this.#images, this.#index, { pad: 2, flip: true, cutout: 4, seed: 5 });
      const y = L.dropout(this.model.forward(x), { rate: 0.1, seed: 2, site: 9 });
      const loss = L.crossEntropy(y, this.#target);
      loss.backward();
      L.clipGradNorm(this.model.parameters(), 1);
      this.optimizer.step();
      return loss;
    });
  }

  async state(): Promise<number[][]> {
    const tensors = [
      ...(await this.model.hostState()).values(),
      ...(await this.optimizer.state()).tensors.values(),
    ];
    return tensors.map(({ data }) => [...data]);
  }

  dispose(): void {
    for (const each of [this.#images, this.#labels, this.#index, this.#target]) each.dispose();
    this.optimizer.dispose();
    this.model.dispose();
  }
}

async function eager(): Promise<{ losses: number[]; state: number[][] }> {
  const training = new AugmentedTraining();
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    training.prepare(step);
    const loss = training.step();
    losses.push(await loss.item());
    loss.dispose();
  }
  const state = await training.state();
  training.dispose();
  return { losses, state };
}

async function replayed(): Promise<{ losses: number[]; state: number[][] }> {
  const training = new AugmentedTraining();
  const losses: number[] = [];
  training.prepare(0);
  using step = L.capture(() => training.step());
  losses.push(await step.outputs.item());
  for (let number = 1; number < steps; number++) {
    training.prepare(number);
    step.replay();
    losses.push(await step.outputs.item());
  }
  const state = await training.state();
  training.dispose();
  return { losses, state };
}

describe('a captured training step', () => {
  const threads = L.device().threads;
  afterEach(() => L.device().setThreads(threads));

  it('replayed gives the bits of steps called one by one, with any number of threads', async () => {
    const wanted = await eager();
    expect(new Set(wanted.losses).size).toBe(steps);
    for (const count of [1, 2, 3]) {
      L.device().setThreads(count);
      expect(await replayed()).toEqual(wanted);
    }
  });

  it('counts the steps of Adam', async () => {
    const train = async (step: (once: () => L.Tensor) => () => L.Tensor) => {
      const model = L.modelFromSpec(narrow, 1);
      const optimizer = new L.AdamW(model.namedParameters(), { rate: 0.01 });
      const x = L.rand([batch, size, size, 3], { seed: 4 });
      const labels = L.tensor(Int32Array.from({ length: batch }, (_, i) => i));
      const next = step(() =>
        L.scope(() => {
          model.zeroGrad();
          const loss = L.crossEntropy(model.forward(x), labels);
          loss.backward();
          optimizer.step();
          return loss;
        }),
      );
      const losses: number[] = [];
      for (let count = 0; count < 4; count++) losses.push(await next().item());
      const counted = optimizer.steps;
      for (const each of [optimizer, model, x, labels]) each.dispose();
      return { losses, counted };
    };
    let captured: L.Capture<L.Tensor> | undefined;
    const replaying = await train((once) => () => {
      if (captured === undefined) captured = L.capture(once);
      else captured.replay();
      return captured.outputs;
    });
    captured!.dispose();
    expect(replaying).toEqual(await train((once) => once));
    expect(replaying.counted).toBe(4);
  });

  it('is not disturbed by work between replays, nor disturbs it', async () => {
    const alone = new Training(narrow, batch, size, 1);
    const other = new Training(narrow, batch, size, 2);
    const wanted = [await alone.run(6), await other.run(6)];
    alone.dispose();
    other.dispose();
    const captured = new Training(narrow, batch, size, 1);
    const between = new Training(narrow, batch, size, 2);
    using step = L.capture(() => captured.step());
    let last = await between.run(1);
    for (let round = 1; round < 6; round++) {
      step.replay();
      const result = await between.run(1);
      last = result;
    }
    expect([await step.outputs.item(), last]).toEqual(wanted);
    // And called again after the replays, it goes on from where they ended.
    const seventh = captured.step();
    const again = new Training(narrow, batch, size, 1);
    expect(await seventh.item()).toBe(await again.run(7));
    seventh.dispose();
    again.dispose();
    captured.dispose();
    between.dispose();
  });

  it('takes no memory in replays, and gives all of it back', async () => {
    const training = new Training(narrow, batch, size, 1);
    await training.run(2);
    training.model.zeroGrad();
    await L.device().synchronize();
    const before = L.memory();
    const step = L.capture(() => training.step());
    await L.device().synchronize();
    const captured = L.memory();
    expect(captured.active - before.active).toBe(step.bytes);
    expect(step.tasks).toBeGreaterThan(50);
    for (let replay = 0; replay < 30; replay++) step.replay();
    await L.device().synchronize();
    expect(L.memory()).toEqual(captured);
    training.model.zeroGrad();
    step.dispose();
    step.dispose();
    expect(step.outputs.disposed).toBe(true);
    expect(() => step.replay()).toThrow(L.DisposedError);
    expect(L.memory().active).toBe(before.active);
    expect(L.memory().liveTensors).toBe(before.liveTensors);
    training.dispose();
  });

  it('adds to a gradient that was there before', async () => {
    const w = L.tensor([1, 2], undefined, { requiresGrad: true });
    const x = L.tensor([3, 4]);
    L.scope(() => w.mul(x).sum().backward());
    using step = L.capture(() => w.mul(x).sum().backward());
    x.write(Float32Array.of(10, 20));
    step.replay();
    expect([...(await w.grad!.data())]).toEqual([16, 28]);
    w.dispose();
    x.dispose();
  });

  it('leaves a tensor alone that becomes a gradient inside', async () => {
    const w = L.tensor([1, 2], undefined, { requiresGrad: true });
    const start = L.tensor([5, 5]);
    using step = L.capture(() => {
      w.grad = start;
      w.mul(3).sum().backward();
    });
    step.replay();
    expect([...(await w.grad!.data())]).toEqual([8, 8]);
    expect([...(await start.data())]).toEqual([5, 5]);
    w.dispose();
    start.dispose();
  });

  it('keeps what it uses, also when that is disposed', async () => {
    const x = L.tensor([1, 2]);
    using step = L.capture(() => x.mul(2));
    x.dispose();
    const others = Array.from({ length: 20 }, () => L.full([2], 9));
    step.replay();
    expect([...(await step.outputs.data())]).toEqual([2, 4]);
    for (const other of others) other.dispose();
  });
});

describe('a captured attack', () => {
  it('follows the weights: filters are packed anew in each replay', async () => {
    const model = L.modelFromSpec(narrow, 1).eval();
    const x = L.rand([batch, size, size, 3], { seed: 3 });
    const labels = L.tensor(Int32Array.from({ length: batch }, (_, i) => i));
    const index = L.tensor(Int32Array.from({ length: batch }, (_, i) => i));
    const box = { epsilon: 8 / 255 };
    const attack = (): L.Tensor =>
      L.scope(() => {
        let adversarial = L.pgdStart(x, index, { ...box, seed: 1 });
        for (let step = 0; step < 3; step++) {
          adversarial.requiresGrad = true;
          const [gradient] = L.grad(L.crossEntropy(model.forward(adversarial), labels), [adversarial]);
          adversarial = L.pgdStep(adversarial, gradient, x, { ...box, step: 2 / 255 });
        }
        return adversarial;
      });
    const warm = attack();
    using step = L.capture(attack);
    expect(await step.outputs.data()).toEqual(await warm.data());
    warm.dispose();
    for (let round = 1; round < 4; round++) {
      L.device().stepBlock.manualStep(round);
      L.scope(() => {
        for (const parameter of model.parameters()) L.assign(parameter.detach(), parameter.detach().mul(0.9));
      });
      step.replay();
      const wanted = attack();
      expect(await step.outputs.data()).toEqual(await wanted.data());
      wanted.dispose();
    }
    for (const each of [x, labels, index]) each.dispose();
    model.dispose();
  });
});

describe('eachReplay', () => {
  it('runs at its place of each replay', async () => {
    const { stepBlock } = L.device();
    const rateSlot = stepBlock.allocateSlot();
    const w = L.tensor([100], undefined, { requiresGrad: true });
    const gradient = L.tensor([1]);
    const options = { rateSlot, momentum: 0, decay: 0, nesterov: false };
    let count = 0;
    const half = (): void => {
      L.eachReplay(() => stepBlock.set(rateSlot, ++count));
      L.sgd([w], [gradient], [], options);
    };
    const twice = (): void => {
      half();
      half(); // the same slot: it must change between the two passes
    };
    using step = L.capture(twice);
    step.replay();
    expect(count).toBe(4);
    expect(await w.item()).toBe(100 - 1 - 2 - 3 - 4);
    half();
    expect(await w.item()).toBe(100 - 15);
    stepBlock.releaseSlot(rateSlot);
    w.dispose();
    gradient.dispose();
  });
});

describe('versions and poison', () => {
  it('what a replay writes makes an earlier tape stale', () => {
    L.scope(() => {
      const w = L.tensor([1, 2], undefined, { requiresGrad: true });
      const target = w.detach();
      const one = L.ones([2]);
      using step = L.capture(() => L.assign(target, target.add(one)));
      const y = w.square().sum();
      step.replay();
      expect(() => y.backward()).toThrow(/\[unary\].*a replay.*/);
      w.square().sum().backward();
    });
  });

  it('so does what it writes to its own outputs', () => {
    L.scope(() => {
      const w = L.tensor([1, 2], undefined, { requiresGrad: true });
      using step = L.capture(() => ({ y: w.square().exp().sum() }));
      step.replay();
      expect(() => step.outputs.y.backward()).toThrow(L.StaleTensorError);
    });
  });

  it('a failing replay poisons its outputs, the next sound one heals them', async () => {
    const x = L.tensor([1, 2, 3]);
    const index = L.tensor(Int32Array.of(0, 2));
    const total = L.zeros([]);
    using step = L.capture(() => {
      const sum = L.gather(x, index).sum();
      L.assign(total, total.add(sum));
      return sum;
    });
    expect(await step.outputs.item()).toBe(4);
    index.write(Int32Array.of(0, 7));
    step.replay();
    await expect(step.outputs.item()).rejects.toThrow(L.IndexRangeError);
    await expect(L.device().synchronize()).rejects.toThrow(L.IndexRangeError);
    expect(await total.item()).toBe(4); // left as it was
    index.write(Int32Array.of(1, 2));
    step.replay();
    expect(await step.outputs.item()).toBe(5);
    expect(await total.item()).toBe(9);
    await L.device().synchronize();
    for (const each of [x, index, total]) each.dispose();
  });
});

describe('what a replay could not repeat', () => {
  let x: L.Tensor;
  let before: ReturnType<typeof L.memory>;
  beforeEach(() => {
    x = L.ones([3]);
    before = L.memory();
  });
  afterEach(() => {
    // Nothing is left of an abandoned capture, and work goes on.
    expect(L.memory().active).toBe(before.active);
    expect(L.memory().liveTensors).toBe(before.liveTensors);
    expect(x.add(1).dataSync()[2]).toBe(2);
    x.dispose();
  });

  const refused: [string, () => unknown][] = [
    ['data()', () => void x.add(1).dataSync()],
    ['item()', () => x.sum().itemSync()],
    ['write()', () => x.write(new Float32Array(3))],
    ['a tensor of an array', () => L.tensor([1, 2])],
    ['the step block', () => L.device().stepBlock.manualStep(3)],
    ['synchronize()', () => L.device().synchronizeSync()],
    ['setThreads()', () => L.device().setThreads(1)],
    ['the memory cache', () => L.emptyMemoryCache()],
    ['another capture', () => L.capture(() => x.add(1))],
    ['a promise', async () => x.add(1)],
    ['a promise of eachReplay', () => L.eachReplay(async () => {})],
  ];
  for (const [name, step] of refused) {
    it(`${name} is refused`, () => {
      expect(() => L.capture(step)).toThrow(L.CaptureError);
    });
  }

  it('a replay is refused', () => {
    const step = L.capture(() => x.add(1));
    expect(() => L.capture(() => step.replay())).toThrow(L.CaptureError);
    step.replay();
    step.dispose();
  });

  it('asynchronous reading is refused, too', async () => {
    let reading: Promise<unknown> = Promise.resolve();
    using step = L.capture(() => {
      reading = x.data();
    });
    await expect(reading).rejects.toThrow(L.CaptureError);
    expect(step.tasks).toBe(0);
  });

  it('an error inside comes out, also from eachReplay', () => {
    const boom = (): never => {
      throw new RangeError('boom');
    };
    expect(() =>
      L.capture(() => {
        x.add(1);
        boom();
      }),
    ).toThrow(RangeError);
    expect(() => L.capture(() => L.eachReplay(boom))).toThrow(RangeError);
    expect(() => L.capture(() => x.add(L.ones([2])))).toThrow(L.ShapeError);
  });

  it('numbers that are no capture are refused by the addon', () => {
    for (const id of [0, -1, 1.5, 123456, Number.NaN]) {
      expect(() => addon.replay(id, 0, 0)).toThrow();
    }
    expect(() => addon.endCapture()).toThrow();
    addon.abandonCapture();
  });
});
