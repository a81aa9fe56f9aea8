/** Labelled images that live on the device. */

import { createHash } from 'node:crypto';

import { ShapeError } from '../errors.js';
import { own } from '../scope.js';
import type { Tensor } from '../tensor.js';

/** Images u8 [size, H, W, C] on the device, and their labels on both sides. No scope releases them; `dispose()` does. */
export class ImageSet {
  readonly images: Tensor<'u8'>;
  /** [size]. */
  readonly labels: Tensor<'i32'>;
  readonly hostLabels: Int32Array;
  /** Of the images and labels: two sets with equal digests are equal. */
  readonly sha256: string;

  constructor(images: Tensor<'u8'>, labels: Tensor<'i32'>, hostLabels: Int32Array, sha256: string) {
    if (images.rank !== 4 || images.shape[0] !== hostLabels.length || labels.size !== hostLabels.length) {
      throw new ShapeError(
        `Expected images [N, H, W, C] and N labels, got [${images.shape.join(', ')}] and ${hostLabels.length}.`,
      );
    }
    this.images = own(images);
    this.labels = own(labels);
    this.hostLabels = hostLabels;
    this.sha256 = sha256;
  }

  /** The number of images. */
  get size(): number {
    return this.hostLabels.length;
  }

  /** [H, W, C] of one image. */
  get imageShape(): readonly [height: number, width: number, channels: number] {
    const [, height, width, channels] = this.images.shape;
    return [height!, width!, channels!];
  }

  dispose(): void {
    this.images.dispose();
    this.labels.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

const hashedAtOnce = 4 << 20;

/** The SHA-256 of byte arrays one after the other, with the event loop free in between. */
export async function sha256Of(parts: Iterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for (const part of parts) {
    for (let start = 0; start < part.length; start += hashedAtOnce) {
      hash.update(part.subarray(start, start + hashedAtOnce));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return hash.digest('hex');
}
