/** Which images to train, validate and test on, as a configuration says it. */

import { join } from 'node:path';
import { z } from 'zod';

import { type DataSpec, openDataset, parseDataSpec } from '../data/data-spec.js';
import type { Dataset } from '../data/dataset.js';
import type { ImageSet } from '../data/image-set.js';
import { Loader } from '../data/loader.js';
import { permutation } from '../data/philox.js';
import { makeSplit, readSplit, type Split, writeSplit } from '../data/split.js';
import { emptyMemoryCache } from '../device.js';
import { ArgumentError, DataChangedError } from '../errors.js';
import type { RunFolder } from '../io/run-folder.js';
import { type DataDigests, recordData } from './run-data.js';

export const dataSchema = z.strictObject({
  /** As `parseDataSpec` takes it: `shapes10:SEED`, `cifar10:FOLDER`, `folder:FOLDER?size=64` and so on. */
  source: z.string().default('shapes10'),
  /** Images to train on, apart from validation; by default all (of a set that is drawn, as many as DRAWN_TRAIN says). */
  train: z.int().min(1).optional(),
  /** Training images kept back for every choice that is made on the way. */
  validation: z.int().min(1).default(1000),
  /** Test images, read once at the end; by default all. */
  test: z.int().min(1).optional(),
});

export type DataRecipe = z.infer<typeof dataSchema>;

/** An open data set with its split. */
export interface TrainingData {
  readonly dataset: Dataset;
  /** Images of `dataset.train` to learn from. */
  readonly train: Int32Array;
  /** Images of `dataset.train` to choose by. */
  readonly validation: Int32Array;
  /** [H, W, C]. */
  readonly imageShape: readonly [height: number, width: number, channels: number];
  /** Reads the test images, once. The caller disposes the set. */
  readTest(): Promise<{ set: ImageSet; indices: Int32Array }>;
}

/** Training images of a set that is drawn. */
const DRAWN_TRAIN: Partial<Record<DataSpec['kind'], number>> = { shapes10: 15_000, scenes: 2_000 };
const SPLIT_FILE = 'split.json';
/** Streams of the subsets, apart from the orders of epochs, which count from 0. */
const TRAIN_SUBSET = 2 ** 40;
const TEST_SUBSET = 2 ** 40 + 1;

/**
 * Opens the data of a run. The split and the digests of the images are stored in the run folder; a resumed run takes the
 * split from there, and must find the images it began with.
 *
 * @param seed of the split, and of subsets where fewer images are asked for than there are
 * @throws ArgumentError when more images are asked for than there are; FileFormatError for a wrong file
 * @throws DataChangedError when a resumed run began with other images, here or when the test images are read
 */
export async function openTrainingData(
  recipe: DataRecipe,
  seed: number,
  run?: RunFolder,
): Promise<TrainingData> {
  const drawn = DRAWN_TRAIN[parseDataSpec(recipe.source).kind];
  const sizes = drawn === undefined ? {} : { train: (recipe.train ?? drawn) + recipe.validation };
  const dataset = await openDataset(
    recipe.source,
    recipe.test === undefined ? sizes : { ...sizes, test: recipe.test },
  );
  // What reading took besides the images is not needed again.
  emptyMemoryCache();
  try {
    const { size, imageShape, sha256: trainSha256 } = dataset.train;
    const split = await openSplit(size, recipe.validation, seed, run);
    const digests: DataDigests = {
      source: recipe.source,
      images: size,
      trainSha256,
      splitSha256: split.sha256,
    };
    if (run !== undefined) await recordData(run, digests);
    const train = subset('training', split.train, recipe.train, seed, TRAIN_SUBSET);
    const readTest = async () => {
      const set = await dataset.test.readOnce();
      if (run !== undefined) await recordData(run, { ...digests, testSha256: set.sha256 });
      const all = Int32Array.from({ length: set.size }, (_, index) => index);
      return { set, indices: subset('test', all, recipe.test, seed, TEST_SUBSET) };
    };
    return { dataset, train, validation: split.validation, imageShape, readTest };
  } catch (error) {
    dataset.dispose();
    throw error;
  }
}

/** Batches for an evaluation: images as they are, in order. */
export function evaluationBatches(set: ImageSet, indices: Int32Array, batch = 250): Loader {
  return new Loader(set, { batch: Math.min(batch, indices.length), indices });
}

async function openSplit(size: number, validation: number, seed: number, run?: RunFolder): Promise<Split> {
  if (run === undefined) return makeSplit(size, validation, seed);
  const path = join(run.path, SPLIT_FILE);
  if (run.resumed) {
    const stored = await readSplit(path).catch(() => undefined);
    if (stored !== undefined && stored.size !== size) {
      throw new DataChangedError(
        `The run in ${run.path} began with ${stored.size} training images, and now there are ${size}. ` +
          'Put the data set back as it was, or start a new run with another --out.',
      );
    }
    if (stored?.validation.length === validation) return stored;
  }
  const split = makeSplit(size, validation, seed);
  await writeSplit(path, split);
  return split;
}

function subset(
  what: string,
  indices: Int32Array,
  count: number | undefined,
  seed: number,
  stream: number,
): Int32Array {
  if (count === undefined || count === indices.length) return indices;
  if (count > indices.length) {
    throw new ArgumentError(
      `Expected at most ${indices.length} ${what} images, as there are no more, got ${count}.`,
    );
  }
  const chosen = permutation(indices.length, seed, stream).subarray(0, count).toSorted();
  return chosen.map((place) => indices[place]!);
}
