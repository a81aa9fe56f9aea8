/**
 * shapes10: a data set that lapidary draws itself, natively. 32 x 32 RGB pictures of ten solid shapes, shaded, textured,
 * amid clutter, partly hidden; every picture is a pure function of seed and index, equal in every bit on every processor.
 */

import { drawShapes10 } from '../../ops/data.js';
import type { Dataset } from '../dataset.js';
import { type DrawnOptions, drawnDataset } from './drawn-dataset.js';

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

/** Training images: 20,000 by default; test images: 4,000. */
export type Shapes10Options = DrawnOptions;

/**
 * Draws the training images; the test images are drawn when they are read.
 *
 * @throws ArgumentError when a number is out of its range
 */
export function shapes10(options: Shapes10Options = {}): Promise<Dataset> {
  const sizes = { train: 20_000, test: 4_000 };
  return drawnDataset('shapes10', drawShapes10, { classes, normalization, sizes }, options);
}
