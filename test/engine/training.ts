/** A small network and its training, the same bits wherever they run. */
import { createHash } from 'node:crypto';
import * as L from '../../lib/index.js';

const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };

/** ResNet-8 of a quarter of the width. */
export const narrow: L.ResNetCifarSpec = {
  model: 'resnet-cifar',
  classes: 10,
  stem: 4,
  stages: [4, 8, 16].map((width) => ({ width, inner: [width] })),
  normalization,
};

export const resnet8 = (): L.ResNetCifarSpec => L.resNetCifarSpec(8, { classes: 10, normalization });
export const resnet20 = (): L.ResNetCifarSpec => L.resNetCifarSpec(20, { classes: 10, normalization });

/** A model with its optimiser and one batch that it learns by heart. */
export class Training {
  readonly model: L.SpecModel;
  readonly optimizer: L.SGD;
  readonly #x: L.Tensor;
  readonly #labels: L.Tensor<'i32'>;

  constructor(spec: L.ResNetCifarSpec, batch: number, size = 32, seed = 1) {
    this.model = L.modelFromSpec(spec, seed);
    this.optimizer = new L.SGD(this.model.namedParameters(), { rate: 0.05, momentum: 0.9, decay: 1e-4 });
    this.#x = L.rand([batch, size, size, 3], { seed });
    this.#labels = L.tensor(Int32Array.from({ length: batch }, (_, index) => (7 * index) % spec.classes));
  }

  /** Enqueues a step and returns its loss, which the caller's scope owns. */
  step(): L.Tensor {
    return L.scope(() => {
      this.model.zeroGrad();
      const loss = L.crossEntropy(this.model.forward(this.#x), this.#labels);
      loss.backward();
      this.optimizer.step();
      return loss;
    });
  }

  /** Trains with at most two steps in flight; returns the last loss. */
  async run(steps: number): Promise<number> {
    let last = Number.NaN;
    let inFlight: Promise<number> | null = null;
    for (let step = 0; step < steps; step++) {
      const loss = this.step();
      const value = loss.item();
      loss.dispose();
      if (inFlight !== null) await inFlight;
      inFlight = value;
    }
    if (inFlight !== null) last = await inFlight;
    return last;
  }

  /** A digest of every bit of the model's state. */
  async digest(): Promise<string> {
    const hash = createHash('sha256');
    for (const [name, { data }] of await this.model.hostState()) hash.update(name).update(data);
    return hash.digest('hex');
  }

  dispose(): void {
    this.optimizer.dispose();
    this.model.dispose();
    this.#x.dispose();
    this.#labels.dispose();
  }
}

/** Loss and digest after so many steps from the start. */
export async function trained(steps: number, seed = 1): Promise<{ loss: number; digest: string }> {
  const training = new Training(narrow, 8, 16, seed);
  const loss = await training.run(steps);
  const digest = await training.digest();
  training.dispose();
  return { loss, digest };
}

/** Enqueues work that takes the stream some tens of milliseconds a round, so that what follows stays queued. */
export function occupyStream(rounds = 1): void {
  L.scope(() => {
    L.noGrad(() => {
      let x: L.Tensor = L.full([512, 512], 1 / 512);
      const weight = L.full([512, 512], 1 / 512);
      for (let round = 0; round < 20 * rounds; round++) x = x.matmul(weight);
    });
  });
}
