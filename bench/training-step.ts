/** The training step of ResNet-20 in lapidary: forward in train mode, cross-entropy, backward, SGD with momentum. */

import { performance } from 'node:perf_hooks';
import type { LabelledImages } from '../lib/attack/attack.js';
import type { HostTensor } from '../lib/io/host-tensor.js';
import { complexity } from '../lib/nn/complexity.js';
import { buildModel, type SpecModel } from '../lib/nn/models/index.js';
import { rand, tensor } from '../lib/ops/create.js';
import { crossEntropy } from '../lib/ops/cross-entropy.js';
import { SGD } from '../lib/optim/sgd.js';
import { own, scope } from '../lib/scope.js';
import type { Tensor } from '../lib/tensor.js';

export const rate = 0.01;
export const momentum = 0.9;

const seed = 1;
const classes = 10;
const image = [32, 32, 3];
const normalization = { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] };

/** So many steps took `ms` together; the loss is the last step's. */
export interface Run {
  readonly ms: number;
  readonly loss: number;
}

/** A model, its optimiser and a batch of its own. */
export class TrainingStep {
  readonly #model: SpecModel;
  readonly #optimizer: SGD;
  readonly #images: Tensor;
  readonly #labels: Tensor<'i32'>;

  constructor(batch: number) {
    this.#model = buildModel('resnet20', { classes, normalization, seed });
    this.#optimizer = new SGD(this.#model.namedParameters(), { rate, momentum });
    this.#images = own(rand([batch, ...image], { seed, stream: 1000 }));
    this.#labels = own(tensor(Int32Array.from({ length: batch }, (_, index) => (7 * index) % classes)));
  }

  /**
   * Floating-point operations of a step: three convolutions' worth for each layer (forward, and the gradients of input
   * and weights), but no gradient of the images.
   */
  get flops(): number {
    const { macs, layers } = complexity(this.#model, image);
    const first = layers.find(({ name }) => name === 'conv1')!;
    this.#model.train();
    return 2 * this.#images.shape[0]! * (3 * macs - first.macs);
  }

  /** Weights, buffers, images and labels, for the peer to start from. */
  async state(): Promise<Map<string, HostTensor>> {
    const state = await this.#model.hostState();
    const { shape } = this.#images;
    state.set('images', { dtype: 'f32', shape: [...shape], data: await this.#images.data() });
    state.set('labels', { dtype: 'i32', shape: [shape[0]!], data: await this.#labels.data() });
    return state;
  }

  /** Steps on the one batch, or on those that `batches` gives. */
  async run(steps: number, batches?: AsyncIterator<LabelledImages>): Promise<Run> {
    const start = performance.now();
    let loss: Tensor | null = null;
    for (let step = 0; step < steps; step++) {
      const next = await batches?.next();
      if (next?.done === true) throw new RangeError(`Expected ${steps} batches, got ${step}.`);
      const { images, labels } = next?.value ?? { images: this.#images, labels: this.#labels };
      loss?.dispose();
      loss = own(this.#step(images, labels));
    }
    const value = await loss!.item();
    const ms = performance.now() - start;
    loss!.dispose();
    return { ms, loss: value };
  }

  #step(images: Tensor, labels: Tensor<'i32'>): Tensor {
    return scope(() => {
      this.#optimizer.zeroGrad();
      const loss = crossEntropy(this.#model.forward(images), labels);
      loss.backward();
      this.#optimizer.step();
      return loss;
    });
  }
}
