/** A data set: images to learn from, and test images that are kept back. */

import { ArgumentError } from '../errors.js';
import type { ChannelStatistics } from '../nn/normalize.js';
import type { ImageSet } from './image-set.js';

/**
 * Test images behind a guard: they can be read once, at the end, so that nothing is chosen by them.
 */
export class HeldOutSet {
  readonly #load: () => Promise<ImageSet>;
  #reads = 0;

  constructor(load: () => Promise<ImageSet>) {
    this.#load = load;
  }

  /** How often it was read: 0 or 1. A report states it. */
  get reads(): number {
    return this.#reads;
  }

  /** The images, which the caller disposes. @throws ArgumentError at the second call */
  async readOnce(): Promise<ImageSet> {
    if (this.#reads > 0) {
      throw new ArgumentError(
        'Expected the test images to be read once, at the end, but this is the second time; ' +
          'use a validation split for every choice.',
      );
    }
    this.#reads++;
    try {
      return await this.#load();
    } catch (error) {
      this.#reads--; // nothing was seen
      throw error;
    }
  }
}

/** A labelled image data set. */
export interface Dataset {
  /** As `parseDataSpec` takes it. */
  readonly name: string;
  /** What each label means. */
  readonly classes: readonly string[];
  /** Of the pixels in [0, 1], for the model's input normalisation. */
  readonly normalization: ChannelStatistics;
  /** Throws FileSystemError naming what is missing, where `hasTrain` is false. */
  readonly train: ImageSet;
  /** False of a set that has only test images. */
  readonly hasTrain?: boolean;
  readonly test: HeldOutSet;
  /** Images that the set itself keeps apart for choices, where it does; the caller disposes them. */
  readonly readValidation?: () => Promise<ImageSet>;
  /** Gives the memory of the training images back. */
  dispose(): void;
}
