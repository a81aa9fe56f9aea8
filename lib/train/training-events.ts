/** What a training shows in TensorBoard besides its metrics: how weights are distributed, and what it is fed. */

import { z } from 'zod';

import type { Loader } from '../data/loader.js';
import type { TensorBoardLog } from '../io/tensorboard.js';
import type { Module } from '../nn/module.js';

export const trainingEventsSchema = z.strictObject({
  /** Whether every parameter's histogram is written after each epoch. */
  histograms: z.boolean().default(false),
  /** How many pictures of the first batch are shown, as they come out of the augmentation; 0: none. */
  pictures: z.int().min(0).default(0),
});

/** Writes the histogram of every parameter under `weights/<name>`. */
export async function recordWeights(log: TensorBoardLog, step: number, model: Module): Promise<void> {
  for (const [name, parameter] of model.namedParameters()) {
    await log.histogram(step, `weights/${name}`, await parameter.data());
  }
}

/** Writes up to `count` pictures of the first batch of epoch 0 as one, in rows, under `train/pictures`. */
export async function recordPictures(log: TensorBoardLog, batches: Loader, count: number): Promise<void> {
  for await (const { images } of batches.epoch(0)) {
    const [size, height, width, channels] = images.shape as [number, number, number, number];
    const shown = Math.min(count, size);
    const across = Math.ceil(Math.sqrt(shown));
    const down = Math.ceil(shown / across);
    const pixels = new Uint8Array(down * height * across * width * channels);
    const data = await images.data();
    for (let picture = 0; picture < shown; picture++) {
      const top = Math.floor(picture / across) * height;
      const left = (picture % across) * width;
      for (let y = 0; y < height; y++) {
        const from = (picture * height + y) * width * channels;
        const row = data.subarray(from, from + width * channels);
        pixels.set(
          row.map((value) => Math.round(255 * value)),
          ((top + y) * across * width + left) * channels,
        );
      }
    }
    await log.image(0, 'train/pictures', pixels, [down * height, across * width, channels]);
    return;
  }
}
