/** Batches: augmentation of u8 images that live on the device, and the images the package draws itself. */

import { handleOf } from '../resource.js';
import { wholeNumber } from '../shape.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const augmentOp = new Op('augment', 'train pad flip cutout', 'seed', 'images index');
const drawShapes10Op = new Op('drawShapes10', 'count', 'seed first', '');
const drawScenesOp = new Op('drawScenes', 'count', 'seed first', '');

/** Random changes of a training image, in this order: crop, flip, cutout. */
export interface Augmentation {
  /** Random crop from the image with so many zeros on each side, in pixels. Default 0: none. */
  readonly pad?: number;
  /** Mirror horizontally with probability 1/2. Default false. */
  readonly flip?: boolean;
  /** Side of a square set to 0, in pixels, centred anywhere. Default 0: none. */
  readonly cutout?: number;
}

/**
 * The images that `index` [N] names, of `images` u8 [images, H, W, C], as f32 [N, H, W, C] in [0, 1].
 *
 * With an augmentation, the view of an image depends on seed, the epoch of `device().stepBlock` and its index only.
 *
 * @throws ShapeError, ArgumentError; an index outside the images rejects the awaited result with IndexRangeError
 */
export function augment(
  images: Tensor<'u8'>,
  index: Tensor<'i32'>,
  options?: Augmentation & { readonly seed: number },
): Tensor {
  const { ints, scalars, inputs } = augmentOp;
  inputs[0] = handleOf(images);
  inputs[1] = handleOf(index);
  ints[0] = options === undefined ? 0 : 1;
  ints[1] = wholeNumber('pad', options?.pad ?? 0);
  ints[2] = options?.flip === true ? 1 : 0;
  ints[3] = wholeNumber('cutout', options?.cutout ?? 0);
  scalars[0] = options?.seed ?? 0;
  return wrap(augmentOp.run(), 'f32');
}

/** Which pictures of a drawn set. */
export interface DrawOptions {
  readonly seed: number;
  /** The index of the first. Default 0. */
  readonly first?: number;
}

/** Pictures u8 [count, H, W, 3] and their labels [count]. */
export interface DrawnImages {
  readonly images: Tensor<'u8'>;
  readonly labels: Tensor<'i32'>;
}

/** Draws images `first` to `first + count - 1` of the set that `seed` names: u8 [count, 32, 32, 3] and labels [count]. */
export function drawShapes10(count: number, options: DrawOptions): DrawnImages {
  return draw(drawShapes10Op, count, options);
}

/** Draws images `first` to `first + count - 1` of the set that `seed` names: u8 [count, 256, 256, 3] and labels [count]. */
export function drawScenes(count: number, options: DrawOptions): DrawnImages {
  return draw(drawScenesOp, count, options);
}

function draw(op: Op, count: number, { seed, first = 0 }: DrawOptions): DrawnImages {
  const { ints, scalars } = op;
  ints[0] = wholeNumber('count', count);
  scalars[0] = seed;
  scalars[1] = first;
  const [images, labels] = op.runAll();
  return { images: wrap(images!, 'u8'), labels: wrap(labels!, 'i32') };
}
