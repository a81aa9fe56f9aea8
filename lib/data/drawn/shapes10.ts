/**
 * shapes10: a data set that lapidary draws itself, natively. 32 x 32 RGB pictures of ten solid shapes, shaded, textured,
 * amid clutter, partly hidden; every picture is a pure function of seed and index, equal in every bit on every processor.
 */

import { ArgumentError } from '../../errors.js';
import { drawShapes10 } from '../../ops/data.js';
import { own } from '../../scope.js';
import { type Dataset, HeldOutSet } from '../dataset.js';
import { ImageSet, sha256Of } from '../image-set.js';

const classes = [
  'ball',
  'box',
  'pyramid',
  'star',
  'ring',
  'cross',
  'crescent',
  'heart',
  'arrow',
  'dumbbell',
] as const;
const normalization = { mean: [0.373, 0.373, 0.373], std: [0.188, 0.188, 0.188] } as const;

/** Test pictures are drawn from here on, however many training pictures there are. */
const firstTestIndex = 1_000_000_000;

export interface Shapes10Options {
  /** A whole number from 0 to 2^53 - 1. Default 0. */
  readonly seed?: number;
  /** Training images. Default 20,000. */
  readonly train?: number;
  /** Test images. Default 4,000. */
  readonly test?: number;
}

/**
 * Draws the training images; the test images are drawn when they are read.
 *
 * @throws ArgumentError when a number is out of its range
 */
export async function shapes10(options: Shapes10Options = {}): Promise<Dataset> {
  const { seed = 0, train: trainCount = 20_000, test: testCount = 4_000 } = options;
  for (const count of [trainCount, testCount]) {
    if (!Number.isInteger(count) || count < 1 || count > 10_000_000) {
      throw new ArgumentError(`Expected 1 to 10,000,000 images to draw, got ${count}.`);
    }
  }
  const train = await draw(seed, 0, trainCount);
  const test = new HeldOutSet(() => draw(seed, firstTestIndex, testCount));
  return { name: `shapes10:${seed}`, classes, normalization, train, test, dispose: () => train.dispose() };
}

async function draw(seed: number, first: number, count: number): Promise<ImageSet> {
  const { images, labels } = own(drawShapes10(count, { seed, first }));
  const [pixels, hostLabels] = await Promise.all([images.data(), labels.data()]);
  return new ImageSet(
    images,
    labels,
    hostLabels,
    await sha256Of([pixels, new Uint8Array(hostLabels.buffer)]),
  );
}
