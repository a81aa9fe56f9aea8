/** Batches of a data set, prepared on the device one ahead of the one in use. */

import { device } from '../device.js';
import { AbortedError, ArgumentError } from '../errors.js';
import { tensor } from '../ops/create.js';
import { type Augmentation, augment } from '../ops/data.js';
import { noGrad, own } from '../scope.js';
import type { StopSignal } from '../signals.js';
import type { Tensor } from '../tensor.js';
import { type AugmentationConfig, type TransformChain, transformChain } from './augmentation.js';
import type { ImageSet } from './image-set.js';
import { permutation } from './philox.js';

/** One batch. Its tensors are the loader's: they live until the next batch is asked for; `clone()` what stays longer. */
export interface Batch {
  /** [N, H, W, C] in [0, 1]: the first view. */
  readonly images: Tensor;
  /** All views of the images, as many as the loader was asked for. */
  readonly views: readonly Tensor[];
  /** [N]. */
  readonly labels: Tensor<'i32'>;
  /** [N]: the place of each image in its set. */
  readonly index: Tensor<'i32'>;
  readonly size: number;
  readonly epoch: number;
  /** The number of the batch within its epoch. */
  readonly step: number;
}

export interface LoaderOptions {
  /** Images a batch. */
  readonly batch: number;
  /** The images to use. Default: all. */
  readonly indices?: Int32Array;
  /** A new order every epoch. Default false. */
  readonly shuffle?: boolean;
  /** Leave the last batch out when it is smaller. Default false. */
  readonly dropLast?: boolean;
  /** Random changes of the images, new every epoch. Default: none. */
  readonly augmentation?: AugmentationConfig;
  /** Views of each image, each changed for itself; more than one needs a chain of transforms. Default 1. */
  readonly views?: number;
  /** Of order and augmentation: both are pure functions of seed and epoch. Default 0. */
  readonly seed?: number;
}

/** Where to begin and when to stop. */
export interface EpochOptions {
  /** The first batch; the ones before are as if they had been used. Default 0. */
  readonly from?: number;
  /** Stops with `AbortedError` before the next batch. */
  readonly signal?: StopSignal;
}

/**
 * Iterates over batches, in order or shuffled. While one is in use, the next is prepared on the device; there are never
 * more than two.
 */
export class Loader implements AsyncIterable<Batch> {
  readonly set: ImageSet;
  readonly batch: number;
  /** Batches an epoch. */
  readonly steps: number;
  readonly #indices: Int32Array;
  readonly #options: LoaderOptions;
  readonly #chain: TransformChain | null;

  /** @throws ArgumentError when the batch size is below 1, no batch would come out, or the augmentation is wrong */
  constructor(set: ImageSet, options: LoaderOptions) {
    const { batch, dropLast = false, augmentation, views = 1 } = options;
    this.set = set;
    this.batch = batch;
    this.#options = options;
    this.#indices = options.indices ?? Int32Array.from({ length: set.size }, (_, index) => index);
    this.steps = (dropLast ? Math.floor : Math.ceil)(this.#indices.length / batch);
    if (!Number.isInteger(batch) || batch < 1 || this.steps < 1) {
      throw new ArgumentError(`Expected batches of 1 to ${this.#indices.length} images, got ${batch}.`);
    }
    this.#chain = augmentation === undefined ? null : transformChain(augmentation);
    if (!Number.isInteger(views) || views < 1 || views > 65536 || (views > 1 && this.#chain === null)) {
      throw new ArgumentError(
        `Expected 1 view, or up to 65536 of a chain of transforms, got ${views}; give augmentation: { transforms } or a preset.`,
      );
    }
    const outside = this.#indices.find((index) => index < 0 || index >= set.size);
    if (outside !== undefined)
      throw new ArgumentError(`Expected indices of ${set.size} images, got ${outside}.`);
  }

  /** Images an epoch. */
  get size(): number {
    return Math.min(this.#indices.length, this.steps * this.batch);
  }

  /** The images of an epoch in their order. */
  order(epoch: number): Int32Array {
    if (this.#options.shuffle !== true) return this.#indices;
    return permutation(this.#indices.length, this.#options.seed ?? 0, epoch).map(
      (place) => this.#indices[place]!,
    );
  }

  /** The batches of an epoch. @throws AbortedError when the signal says so */
  async *epoch(
    epoch: number,
    { from = 0, signal }: EpochOptions = {},
  ): AsyncGenerator<Batch, void, undefined> {
    const order = this.order(epoch);
    let current: Batch | null = null;
    let next: Batch | null = null;
    try {
      for (let step = from; step < this.steps; step++) {
        await device().ready();
        if (signal?.aborted) throw aborted(signal, epoch, step);
        current = next ?? this.#prepare(order, epoch, step);
        next = step + 1 < this.steps ? this.#prepare(order, epoch, step + 1) : null;
        yield current;
        release(current);
        current = null;
      }
    } finally {
      release(current);
      release(next);
    }
  }

  /** Epoch 0, as for an evaluation. */
  [Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    return this.epoch(0);
  }

  #prepare(order: Int32Array, epoch: number, step: number): Batch {
    const chosen = order.subarray(step * this.batch, Math.min((step + 1) * this.batch, order.length));
    const { augmentation, seed = 0, views: count = 1 } = this.#options;
    const chain = this.#chain;
    return noGrad(() => {
      const index = own(tensor(chosen));
      const labels = own(tensor(chosen.map((place) => this.set.hostLabels[place]!)));
      // In stream order, so the epoch holds for this batch whatever is set for other work.
      if (augmentation !== undefined) device().stepBlock.setEpoch(epoch);
      const views =
        chain === null
          ? [
              own(
                augment(this.set.images, index, augmentation && { ...(augmentation as Augmentation), seed }),
              ),
            ]
          : Array.from({ length: count }, (_, view) =>
              own(chain.view(this.set.images, index, { seed, view })),
            );
      return { images: views[0]!, views, labels, index, size: chosen.length, epoch, step };
    });
  }
}

function release(batch: Batch | null): void {
  for (const view of batch?.views ?? []) view.dispose();
  batch?.labels.dispose();
  batch?.index.dispose();
}

function aborted(signal: StopSignal, epoch: number, step: number): AbortedError {
  return new AbortedError(`Loading was stopped before batch ${step} of epoch ${epoch}.`, {
    cause: signal.reason,
  });
}
