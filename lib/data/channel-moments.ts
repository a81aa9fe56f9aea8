/** Mean and deviation of pixels by channel, exactly: sums of bytes are whole numbers. */

import type { ChannelStatistics } from '../nn/normalize.js';

/** Deviations are at least this, as images are divided by them: of pixels that are all equal too. */
const leastDeviation = 1 / 255;

/** Counts the bytes of images [N, H, W, C] by channel and value. */
export class ChannelMoments {
  readonly #channels: number;
  readonly #counts: Float64Array;

  constructor(channels: number) {
    this.#channels = channels;
    this.#counts = new Float64Array(256 * channels);
  }

  /** Adds whole pixels. */
  add(pixels: Uint8Array): void {
    const channels = this.#channels;
    for (let channel = 0; channel < channels; channel++) {
      const counts = new Uint32Array(256);
      for (let place = channel; place < pixels.length; place += channels) counts[pixels[place]!]!++;
      for (const [value, count] of counts.entries()) this.#counts[256 * channel + value]! += count;
    }
  }

  /** Of the pixels in [0, 1]. */
  statistics(): ChannelStatistics {
    const mean: number[] = [];
    const std: number[] = [];
    for (let channel = 0; channel < this.#channels; channel++) {
      const counts = this.#counts.subarray(256 * channel, 256 * (channel + 1));
      const total = counts.reduce((sum, count) => sum + count, 0);
      const first = counts.reduce((sum, count, value) => sum + count * value, 0) / total;
      const second = counts.reduce((sum, count, value) => sum + count * (value - first) ** 2, 0) / total;
      mean.push(first / 255);
      std.push(Math.max(Math.sqrt(second) / 255, leastDeviation));
    }
    return { mean, std };
  }
}
