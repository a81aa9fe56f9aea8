/** What is in a data set: counts, statistics, digests, duplicates. */

import { createHash } from 'node:crypto';

import type { ChannelStatistics } from '../nn/normalize.js';
import { slice } from '../ops/layout.js';
import { noGrad, scope } from '../scope.js';
import { ChannelMoments } from './channel-moments.js';
import type { Dataset } from './dataset.js';
import type { ImageSet } from './image-set.js';

/** One part of a data set. */
export interface PartSummary extends ChannelStatistics {
  readonly images: number;
  /** By label. */
  readonly perClass: readonly number[];
  /** [H, W, C]. */
  readonly imageShape: readonly [height: number, width: number, channels: number];
  readonly sha256: string;
  /** Images that equal an earlier one of the part in every byte. */
  readonly duplicates: number;
}

export interface DatasetSummary {
  readonly name: string;
  readonly classes: readonly string[];
  readonly parts: Readonly<Partial<Record<'train' | 'validation' | 'test', PartSummary>>>;
  /** Test images that equal a training image in every byte. */
  readonly testInTrain: number;
}

const imagesAtOnce = 1024;

/**
 * Looks at every image of a data set, its test images too: for a person who wants to know the data, not for a run.
 *
 * A set that has only test images is summarised by those.
 */
export async function summarizeDataset(dataset: Dataset): Promise<DatasetSummary> {
  const parts: Partial<Record<'train' | 'validation' | 'test', PartSummary>> = {};
  const inTrain = new Set<string>();
  const train = trainOf(dataset);
  if (train !== undefined) parts.train = await summarizePart(train, dataset.classes.length, inTrain);
  const validation = await dataset.readValidation?.();
  if (validation !== undefined) {
    parts.validation = await summarizePart(validation, dataset.classes.length, new Set());
    validation.dispose();
  }
  using test = await dataset.test.readOnce();
  let testInTrain = 0;
  parts.test = await summarizePart(test, dataset.classes.length, new Set(), (digest) => {
    if (inTrain.has(digest)) testInTrain++;
  });
  return { name: dataset.name, classes: dataset.classes, parts, testInTrain };
}

/** A set that has only test images throws where its training images would be. */
function trainOf(dataset: Dataset): ImageSet | undefined {
  return dataset.hasTrain === false ? undefined : dataset.train;
}

async function summarizePart(
  set: ImageSet,
  classes: number,
  digests: Set<string>,
  onImage: (digest: string) => void = () => {},
): Promise<PartSummary> {
  const [height, width, channels] = set.imageShape;
  const imageBytes = height * width * channels;
  const moments = new ChannelMoments(channels);
  let duplicates = 0;
  for (let start = 0; start < set.size; start += imagesAtOnce) {
    const count = Math.min(imagesAtOnce, set.size - start);
    const pixels = await scope(() => noGrad(() => slice(set.images, 0, start, count).data()));
    moments.add(pixels);
    for (let place = 0; place < count; place++) {
      const image = pixels.subarray(place * imageBytes, (place + 1) * imageBytes);
      const digest = createHash('sha256').update(image).digest('base64');
      if (digests.has(digest)) duplicates++;
      digests.add(digest);
      onImage(digest);
    }
  }
  const perClass = new Array<number>(classes).fill(0);
  for (const label of set.hostLabels) perClass[label]!++;
  const { sha256, size: images, imageShape } = set;
  return { images, perClass, imageShape, sha256, duplicates, ...moments.statistics() };
}
