/** Which training images the weights of a search learn from, which the architecture, and their batches. */

import { type Batch, Loader } from '../data/loader.js';
import { permutation } from '../data/philox.js';
import type { TrainingData } from '../train/data-recipe.js';
import type { PhaseConfig, SearchConfig } from './config.js';
import { DRAWING_PARTS } from './pass.js';

/** The training images of a search, split between weights and architecture by the seed. */
export class SearchImages {
  readonly weights: Int32Array;
  readonly architecture: Int32Array;
  readonly #config: Pick<SearchConfig, 'augmentation' | 'seed'>;
  readonly #data: TrainingData;

  constructor(config: Pick<SearchConfig, 'augmentation' | 'seed' | 'split'>, data: TrainingData) {
    this.#config = config;
    this.#data = data;
    const order = permutation(data.train.length, config.seed, DRAWING_PARTS.split * 2 ** 40);
    const cut = Math.round(config.split * data.train.length);
    const images = (places: Int32Array) => places.toSorted().map((place) => data.train[place]!);
    this.architecture = images(order.subarray(0, cut));
    this.weights = images(order.subarray(cut));
  }

  /** What the weights learn from in a stage. */
  ofWeights({ weightImages }: Pick<PhaseConfig, 'weightImages'>): Int32Array {
    return weightImages === 'all' ? this.#data.train : this.weights;
  }

  /** Of a stage: orders and augmentations of their own. @throws ArgumentError when a batch has more images than there are */
  loaders(phase: Pick<PhaseConfig, 'batch' | 'weightImages'>): {
    readonly weights: Loader;
    readonly architecture: Loader;
  } {
    const { augmentation, seed } = this.#config;
    const loader = (indices: Int32Array, part: number) =>
      new Loader(this.#data.dataset.train, {
        batch: phase.batch,
        indices,
        shuffle: true,
        dropLast: true,
        augmentation,
        seed: seed + part * 2 ** 40,
      });
    return {
      weights: loader(this.ofWeights(phase), DRAWING_PARTS.trainOrder),
      architecture: loader(this.architecture, DRAWING_PARTS.searchOrder),
    };
  }
}

/** As many batches as are asked for: epochs of a loader one after the other, for a set that is smaller than another. */
export class CyclingBatches {
  readonly #batches: AsyncGenerator<Batch>;

  /** The batches that belong to an epoch of `steps` of another loader, from number `from` on. */
  constructor(loader: Loader, epoch: number, steps: number, from: number) {
    this.#batches = cycle(loader, epoch * steps + from);
  }

  async next(): Promise<Batch> {
    const { value } = await this.#batches.next();
    return value;
  }

  async close(): Promise<void> {
    await this.#batches.return(undefined);
  }
}

/** Batch number `first` of the loader's epochs in a row, and all after it. */
async function* cycle(loader: Loader, first: number): AsyncGenerator<Batch> {
  for (let epoch = Math.floor(first / loader.steps), from = first % loader.steps; ; epoch++, from = 0) {
    yield* loader.epoch(epoch, { from });
  }
}
