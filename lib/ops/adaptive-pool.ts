/** Average pooling to a given height and width: a composition. */

import { type Pair, packPair } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { concat } from './layout.js';
import { avgPool2d } from './pool.js';
import { mean } from './reduce.js';

/**
 * The mean over windows chosen so that [N, H, W, C] becomes [N, height, width, C], as PyTorch's `AdaptiveAvgPool2d`: row i
 * is the mean of the rows from floor(i H / height) to ceil((i + 1) H / height), columns alike. A smaller map is enlarged.
 *
 * @throws ArgumentError for a size below 1
 */
export function adaptiveAvgPool2d(x: Tensor, size: Pair): Tensor {
  const extents = new Int32Array(2);
  packPair('size', size, extents, 0);
  const [height, width] = extents as unknown as readonly [number, number];
  const [, h, w] = x.shape as [number, number, number, number];
  if (h === height && w === width) return x;
  if (h % height === 0 && w % width === 0) return avgPool2d(x, [h / height, w / width]);
  return meanWindows(meanWindows(x, 1, height), 2, width);
}

/** Along one axis; windows of a map are rectangles, so a mean of means is the mean. */
function meanWindows(x: Tensor, axis: number, size: number): Tensor {
  const extent = x.shape[axis]!;
  if (extent === size) return x;
  const windows = Array.from({ length: size }, (_, i) => {
    const start = Math.floor((i * extent) / size);
    const length = Math.ceil(((i + 1) * extent) / size) - start;
    const window = x.slice(axis, start, length);
    return length === 1 ? window : mean(window, axis, { keepDims: true });
  });
  return concat(windows, axis);
}
