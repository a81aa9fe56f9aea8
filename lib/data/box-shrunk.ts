/** Data sets with smaller images: each pixel the mean of a square of pixels, as the images of ImageNet16 were made. */

import { ArgumentError } from '../errors.js';
import { tensor } from '../ops/create.js';
import { type Dataset, HeldOutSet } from './dataset.js';
import { ImageSet, sha256Of } from './image-set.js';

/**
 * The same set with images of `size` x `size`: means of squares, rounded half up. Whole numbers only, so the bytes are the same on
 * every processor; the digest is of the smaller images. Takes the set over.
 *
 * @throws ArgumentError when the images are not square, or their side is no multiple of `size`
 */
export async function boxShrunk(dataset: Dataset, size: number): Promise<Dataset> {
  const { train } = dataset;
  try {
    const shrunk = await shrunkSet(train, size);
    return {
      ...dataset,
      name: `${dataset.name}${dataset.name.includes('?') ? '&' : '?'}size=${size}`,
      train: shrunk,
      test: new HeldOutSet(async () => {
        using full = await dataset.test.readOnce();
        return shrunkSet(full, size);
      }),
      dispose: () => shrunk.dispose(),
    };
  } finally {
    dataset.dispose();
  }
}

async function shrunkSet({ images, hostLabels, imageShape, size: count }: ImageSet, size: number) {
  const [height, width, channels] = imageShape;
  if (height !== width || size < 1 || height % size !== 0) {
    throw new ArgumentError(
      `Expected a size that divides images of ${height} x ${width} into equal squares, got ${size}; take ${height / 2} or ${height / 4}.`,
    );
  }
  const pixels = boxMeans(await images.data(), { count, side: height, channels, size });
  const sha256 = await sha256Of([pixels, new Uint8Array(hostLabels.slice().buffer)]);
  return new ImageSet(tensor(pixels, [count, size, size, channels]), tensor(hostLabels), hostLabels, sha256);
}

/** Of images [count, side, side, channels] those of [count, size, size, channels]. */
function boxMeans(
  pixels: Uint8Array,
  { count, side, channels, size }: { count: number; side: number; channels: number; size: number },
): Uint8Array {
  const box = side / size;
  const sums = new Uint32Array(count * size * size * channels);
  for (let row = 0; row < count * side; row++) {
    // Rows of all images are one below the other.
    const into = Math.floor(row / box) * size * channels;
    const from = row * side * channels;
    for (let place = 0; place < side * channels; place++) {
      const column = Math.floor(place / (box * channels));
      sums[into + column * channels + (place % channels)]! += pixels[from + place]!;
    }
  }
  const area = box * box;
  return Uint8Array.from(sums, (sum) => Math.floor((2 * sum + area) / (2 * area)));
}
