/** What the data sets have in common that the package draws itself. */

import { ArgumentError } from '../../errors.js';
import type { DrawnImages, DrawOptions } from '../../ops/data.js';
import { own } from '../../scope.js';
import { type Dataset, HeldOutSet } from '../dataset.js';
import { ImageSet, sha256Of } from '../image-set.js';

/** Test pictures are drawn from here on, however many training pictures there are. */
const firstTestIndex = 1_000_000_000;

export interface DrawnOptions {
  /** A whole number from 0 to 2^53 - 1. Default 0. */
  readonly seed?: number;
  /** Training images. */
  readonly train?: number;
  /** Test images. */
  readonly test?: number;
}

interface Description {
  readonly classes: readonly string[];
  readonly normalization: Dataset['normalization'];
  readonly sizes: { readonly train: number; readonly test: number };
}

type Draw = (count: number, options: DrawOptions) => DrawnImages;

/** Draws the training images; the test images are drawn when they are read. @throws ArgumentError */
export async function drawnDataset(
  kind: string,
  draw: Draw,
  { classes, normalization, sizes }: Description,
  { seed = 0, train: trainCount = sizes.train, test: testCount = sizes.test }: DrawnOptions,
): Promise<Dataset> {
  for (const count of [trainCount, testCount]) {
    if (!Number.isInteger(count) || count < 1 || count > 10_000_000) {
      throw new ArgumentError(`Expected 1 to 10,000,000 images to draw, got ${count}.`);
    }
  }
  const train = await drawnSet(draw(trainCount, { seed, first: 0 }));
  const test = new HeldOutSet(() => drawnSet(draw(testCount, { seed, first: firstTestIndex })));
  return { name: `${kind}:${seed}`, classes, normalization, train, test, dispose: () => train.dispose() };
}

async function drawnSet(drawn: DrawnImages): Promise<ImageSet> {
  const { images, labels } = own(drawn);
  const [pixels, hostLabels] = await Promise.all([images.data(), labels.data()]);
  return new ImageSet(
    images,
    labels,
    hostLabels,
    await sha256Of([pixels, new Uint8Array(hostLabels.buffer)]),
  );
}
