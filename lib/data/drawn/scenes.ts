/**
 * scenes: a data set that lapidary draws itself, natively. 256 x 256 RGB landscapes whose parts belong together; every
 * picture is a pure function of seed and index, equal in every bit on every processor.
 */

import { drawScenes } from '../../ops/data.js';
import type { Dataset } from '../dataset.js';
import { type DrawnOptions, drawnDataset } from './drawn-dataset.js';

const grounds = ['lake', 'road', 'fields', 'meadow'] as const;
const hours = ['by day', 'at dusk', 'at night'] as const;
const classes = grounds.flatMap((ground) => hours.map((hour) => `${ground} ${hour}`));
const normalization = { mean: [0.346, 0.326, 0.338], std: [0.24, 0.211, 0.236] } as const;

/**
 * Draws the training images (2,000 by default: 393 MB); the test images (400) are drawn when they are read.
 *
 * The label is what lies below the horizon and the time of day: 3 * ground + hour, twelve classes. Season, weather,
 * mountains and trees vary within each class.
 *
 * @throws ArgumentError when a number is out of its range
 * @throws OutOfMemoryError when the images do not fit into the device's memory
 */
export function scenes(options: DrawnOptions = {}): Promise<Dataset> {
  const sizes = { train: 2_000, test: 400 };
  return drawnDataset('scenes', drawScenes, { classes, normalization, sizes }, options);
}
