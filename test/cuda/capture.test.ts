// A recorded step is a CUDA graph: it must give the bits of the step itself.
import { expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { narrow } from '../engine/training.js';

const batch = 4;

/** A training step with everything that changes from step to step: rates, Philox steps, inputs. */
class Steps {
  readonly model = L.modelFromSpec(narrow, 1);
  readonly optimizer = new L.SGD(this.model.namedParameters(), { rate: 0.1, momentum: 0.9, decay: 1e-4 });
  readonly x = L.rand([batch, 16, 16, 3], { seed: 1 });
  readonly labels = L.tensor(new Int32Array(batch));

  prepare(step: number): void {
    L.device().stepBlock.manualStep(step);
    this.optimizer.rate = 0.1 / (1 + step);
    this.labels.write(Int32Array.from({ length: batch }, (_, index) => (3 * index + step) % 10));
  }

  run(): L.Tensor {
    return L.scope(() => {
      this.model.zeroGrad();
      const logits = L.dropout(this.model.forward(this.x), { rate: 0.2, seed: 2, site: 3 });
      const loss = L.crossEntropy(logits, this.labels);
      loss.backward();
      this.optimizer.step();
      return loss;
    });
  }

  async bits(): Promise<Buffer[]> {
    const state = [
      ...(await this.model.hostState()).values(),
      ...(await this.optimizer.state()).tensors.values(),
    ];
    return state.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  }

  dispose(): void {
    this.optimizer.dispose();
    this.model.dispose();
    this.x.dispose();
    this.labels.dispose();
  }
}

async function train(recorded: boolean): Promise<{ losses: number[]; bits: Buffer[] }> {
  const steps = new Steps();
  const losses: number[] = [];
  steps.prepare(0);
  const capture = recorded ? L.capture(() => steps.run()) : undefined;
  const read = async (loss: L.Tensor): Promise<void> => {
    losses.push(await loss.item());
  };
  if (capture === undefined) await L.scope(() => read(steps.run()));
  else await read(capture.outputs);
  for (let step = 1; step < 4; step++) {
    steps.prepare(step);
    if (capture === undefined) await L.scope(() => read(steps.run()));
    else {
      capture.replay();
      await read(capture.outputs);
    }
  }
  const bits = await steps.bits();
  capture?.dispose();
  steps.dispose();
  return { losses, bits };
}

it('replays have the bits of the steps', async () => {
  L.useDevice('cuda');
  const eager = await train(false);
  const replayed = await train(true);
  expect(replayed.losses).toEqual(eager.losses);
  expect(eager.losses.every(Number.isFinite)).toBe(true);
  expect(new Set(eager.losses).size).toBe(4);
  expect(replayed.bits.every((bits, index) => bits.equals(eager.bits[index]!))).toBe(true);
});

it('records work of its own device alone', async () => {
  L.useDevice('cuda');
  const elsewhere = L.ones([4], { device: 'cpu' });
  const target = L.zeros([4], { device: 'cpu' });
  expect(() => L.capture(() => elsewhere.add(1))).toThrow(L.CaptureError);
  expect(() => L.capture(() => L.assign(target, elsewhere))).toThrow(L.CaptureError);
  const recorded = L.capture(() => L.full([2], 7, { device: 'cuda' }));
  recorded.replay();
  expect([...(await recorded.outputs.data())]).toEqual([7, 7]);
  recorded.dispose();
  elsewhere.dispose();
  target.dispose();
});

it('a fault in a replay is reported, and the next replay writes its results afresh', async () => {
  L.useDevice('cuda');
  const logits = L.rand([2, 4], { seed: 1 });
  const labels = L.tensor(Int32Array.of(1, 2));
  const recorded = L.capture(() => L.crossEntropy(logits, labels).mul(2));
  const good = await recorded.outputs.item();
  recorded.replay();
  expect(await recorded.outputs.item()).toBe(good);
  labels.write(Int32Array.of(1, 9));
  recorded.replay();
  await expect(recorded.outputs.item()).rejects.toThrow(L.IndexRangeError);
  await expect(L.device().synchronize()).rejects.toThrow(/9/);
  labels.write(Int32Array.of(1, 2));
  recorded.replay();
  expect(await recorded.outputs.item()).toBe(good);
  await L.device().synchronize();
  recorded.dispose();
  logits.dispose();
  labels.dispose();
});
