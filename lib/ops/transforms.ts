/**
 * Picture transforms with given parameters: torchvision's on float tensors, over batches u8 or f32 [N, H, W, C] in
 * [0, 1] (u8 is divided by 255). Results are f32; no gradient flows. docs/augmentation.md has the formulas.
 */

import { ArgumentError } from '../errors.js';
import { handleOf } from '../resource.js';
import type { Pair } from '../shape.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';
import { tensor } from './create.js';

const transformImagesOp = new Op('transformImages', '...steps', '', 'images index? parameters');
const drawTransformsOp = new Op('drawTransforms', 'height width view ...steps', 'seed site', 'index ranges');

/** Numbers of the kinds of transforms, by their names in configurations. */
export const transformKinds = transformImagesOp.kinds(
  'resize',
  'resized-crop',
  'crop',
  'flip',
  'color-jitter',
  'grayscale',
  'gaussian-blur',
  'solarize',
  'cutout',
  'erase',
  'affine',
);
export type TransformKind = keyof typeof transformKinds;

/** Numbers a transform takes in a packed chain: its kind and four options (native/data/transforms.h). */
export const stepInts = 5;
/** Its probability and what its parameters are drawn from. */
export const stepRanges = 12;
/** Whether it is applied, and its parameters. */
export const stepParameters = 8;

/** Numbers of the ways to resample, as the addon has them. */
export const interpolations = { nearest: 0, bilinear: 1, bicubic: 2 } as const;

/** Pictures of bytes, or of values in [0, 1]: [N, H, W, C]. */
export type Images = Tensor<'u8' | 'f32'>;

/**
 * Applies a packed chain.
 *
 * @param index [N] of the pictures to take; null: all of them in order
 * @param parameters f32 [N, steps, 8], or [1, steps, 8] for all
 * @throws ShapeError, ArgumentError, DTypeError; an index or parameters that cannot be reject the awaited result
 */
export function transformImages(
  images: Images,
  index: Tensor<'i32'> | null,
  steps: Int32Array,
  parameters: Tensor,
): Tensor {
  const { scalars, inputs } = transformImagesOp;
  inputs[0] = handleOf(images);
  inputs[1] = index === null ? 0 : handleOf(index);
  inputs[2] = handleOf(parameters);
  return wrap(transformImagesOp.run(steps, scalars, inputs), 'f32');
}

/** What the random parameters of views are a function of, besides the epoch of `device().stepBlock` and the index. */
export interface ViewOptions {
  /** A whole number from 0 to 2^53 - 1. */
  readonly seed: number;
  /** The number of the view of each picture, below 65536. Default 0. */
  readonly view?: number;
  /** Keeps uses of one seed apart; below 32768. Default 0. */
  readonly site?: number;
}

/** Draws the parameters [N, steps, 8] of a packed chain for the pictures `index` [N] of `height` x `width`. */
export function drawTransforms(
  [height, width]: readonly [height: number, width: number],
  index: Tensor<'i32'>,
  steps: Int32Array,
  ranges: Tensor,
  { seed, view = 0, site = 0 }: ViewOptions,
): Tensor {
  const { scalars, inputs } = drawTransformsOp;
  inputs[0] = handleOf(index);
  inputs[1] = handleOf(ranges);
  scalars[0] = seed;
  scalars[1] = site;
  return wrap(drawTransformsOp.run(Int32Array.of(height, width, view, ...steps), scalars, inputs), 'f32');
}

// ---- One transform with given parameters

const whole = (...values: readonly number[]): boolean => values.every(Number.isInteger);
const finite = (...values: readonly number[]): boolean => values.every((value) => Math.abs(value) <= 1e6);

function expectArgument(good: boolean, wanted: string, got: unknown): void {
  if (!good) throw new ArgumentError(`Expected ${wanted}, got ${JSON.stringify(got)}.`);
}

function apply(
  kind: TransformKind,
  images: Images,
  options: readonly number[],
  parameters: readonly number[],
): Tensor {
  const row = new Float32Array(stepParameters);
  row.set([1, ...parameters]);
  const steps = new Int32Array(stepInts);
  steps.set([transformKinds[kind], ...options]);
  using packed = tensor(row, [1, 1, stepParameters]);
  return transformImages(images, null, steps, packed);
}

const pairOf = (pair: Pair): readonly [number, number] =>
  typeof pair === 'number' ? [pair, pair] : [pair[0], pair[1]];

/** A rectangle of pixels. */
export interface PixelBox {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

const boxOf = ({ top, left, height, width }: PixelBox): [number, number, number, number] => [
  top,
  left,
  height,
  width,
];

export interface ResampleOptions {
  /** Default bilinear. Bicubic is Keys' with a = -0.5 when antialiased, else -0.75. */
  readonly interpolation?: 'bilinear' | 'bicubic';
  /** Widens the filter where a picture shrinks. Default true, as torchvision's. */
  readonly antialias?: boolean;
}

function resamplingOf(
  size: Pair,
  { interpolation = 'bilinear', antialias = true }: ResampleOptions,
): number[] {
  const [height, width] = pairOf(size);
  expectArgument(whole(height, width), 'a size of whole pixels', size);
  return [height, width, interpolations[interpolation], antialias ? 1 : 0];
}

/** Resamples to [height, width]; one number is both. @throws ArgumentError for a size below 1 */
export function resize(images: Images, size: Pair, options: ResampleOptions = {}): Tensor {
  return apply('resize', images, resamplingOf(size, options), []);
}

/** Resamples a box, which must lie in the picture, to `size`. @throws ArgumentError */
export function resizedCrop(
  images: Images,
  box: PixelBox,
  size: Pair,
  options: ResampleOptions = {},
): Tensor {
  const [, height = 0, width = 0] = images.shape;
  const { top, left } = box;
  const inside =
    whole(...boxOf(box)) &&
    Math.min(top, left) >= 0 &&
    Math.min(box.height, box.width) >= 1 &&
    top + box.height <= height &&
    left + box.width <= width;
  expectArgument(inside, `a box inside of ${height} x ${width} pixels (crop() goes beyond)`, box);
  return apply('resized-crop', images, resamplingOf(size, options), boxOf(box));
}

/** A box, which may reach beyond the picture: there is 0. With a negative `top` and `left` it pads. @throws ArgumentError */
export function crop(images: Images, box: PixelBox): Tensor {
  expectArgument(
    whole(...boxOf(box)) && Math.max(Math.abs(box.top), Math.abs(box.left)) <= 32768,
    'a box of whole pixels, at most 32768 away',
    box,
  );
  return apply('crop', images, [box.height, box.width], [box.top, box.left]);
}

/** Mirrors left and right. */
export function flip(images: Images): Tensor {
  return apply('flip', images, [], []);
}

/** The adjustments of `colorJitter`; their numbers make its order. */
export const adjustments = ['brightness', 'contrast', 'saturation', 'hue'] as const;
export type Adjustment = (typeof adjustments)[number];

export interface ColorAdjustments {
  /** clamp(f x, 0, 1). */
  readonly brightness?: number;
  /** clamp(f x + (1 - f) m, 0, 1), m the mean luma 0.2989 R + 0.587 G + 0.114 B of the picture. */
  readonly contrast?: number;
  /** clamp(f x + (1 - f) luma, 0, 1). One channel stays. */
  readonly saturation?: number;
  /** Turns of hue to add, in [-0.5, 0.5]. One channel stays. */
  readonly hue?: number;
  /** All four, in the order to take. Default: as above. */
  readonly order?: readonly Adjustment[];
}

/** Adjusts what is given, in order; pictures of 1 or 3 channels. @throws ArgumentError, ShapeError */
export function colorJitter(images: Images, options: ColorAdjustments): Tensor {
  const { order = adjustments } = options;
  expectArgument(
    order.length === 4 && adjustments.every((name) => order.includes(name)),
    'an order of all four adjustments',
    order,
  );
  let mask = 0;
  const factors = adjustments.map((name, bit) => {
    const given = options[name];
    if (given === undefined) return name === 'hue' ? 0 : 1;
    expectArgument(
      name === 'hue' ? Math.abs(given) <= 0.5 : given >= 0 && finite(given),
      name === 'hue' ? 'hue in [-0.5, 0.5]' : `${name} of at least 0`,
      given,
    );
    mask |= 1 << bit;
    return given;
  });
  const digits = order.reduce((number, name) => 10 * number + adjustments.indexOf(name), 0);
  return apply('color-jitter', images, [mask], [digits, ...factors]);
}

/** clamp(factor x, 0, 1). @throws ArgumentError for a factor below 0 */
export function adjustBrightness(images: Images, factor: number): Tensor {
  return colorJitter(images, { brightness: factor });
}

/** Blends with the mean luma of each whole picture. @throws ArgumentError for a factor below 0 */
export function adjustContrast(images: Images, factor: number): Tensor {
  return colorJitter(images, { contrast: factor });
}

/** Blends with the luma of each pixel. @throws ArgumentError for a factor below 0 */
export function adjustSaturation(images: Images, factor: number): Tensor {
  return colorJitter(images, { saturation: factor });
}

/** Adds `turns` to the hue. @throws ArgumentError outside of [-0.5, 0.5] */
export function adjustHue(images: Images, turns: number): Tensor {
  return colorJitter(images, { hue: turns });
}

/** Luma in every channel. */
export function grayscale(images: Images): Tensor {
  return apply('grayscale', images, [], []);
}

/**
 * Convolves with a Gaussian of odd [height, width], the picture mirrored at its border pixels.
 *
 * @param sigma of [height, width], in pixels; default: 0.15 kernel + 0.35, as torchvision's
 * @throws ArgumentError; ShapeError when half of the kernel is not smaller than the picture
 */
export function gaussianBlur(images: Images, kernel: Pair, sigma?: Pair): Tensor {
  const [height, width] = pairOf(kernel);
  const [down, across] = sigma === undefined ? [0.15 * height + 0.35, 0.15 * width + 0.35] : pairOf(sigma);
  expectArgument(whole(height, width), 'a kernel of whole pixels', kernel);
  expectArgument(Math.min(down, across) >= 1e-6 && finite(down, across), 'positive sigmas', sigma);
  return apply('gaussian-blur', images, [height, width], [down, across]);
}

/** 1 - x where x is at least `threshold`. @throws ArgumentError for a threshold that is not finite */
export function solarize(images: Images, threshold: number): Tensor {
  expectArgument(finite(threshold), 'a finite threshold', threshold);
  return apply('solarize', images, [], [threshold]);
}

/** Sets a box, as far as it lies in the picture, to `value`. @throws ArgumentError */
export function erase(images: Images, box: PixelBox, value = 0): Tensor {
  const numbers = boxOf(box);
  expectArgument(
    whole(...numbers) &&
      numbers.every((number) => Math.abs(number) <= 32768) &&
      Math.min(box.height, box.width) >= 0 &&
      finite(value),
    'a box of whole pixels within 32768 and a finite value',
    { ...box, value },
  );
  return apply('erase', images, [], [...numbers, value]);
}

export interface AffineTransform {
  /** Clockwise. Default 0. */
  readonly degrees?: number;
  /** Pixels to the right and down, after the rotation. Default [0, 0]. */
  readonly translate?: readonly [right: number, down: number];
  /** Default 1. */
  readonly scale?: number;
  /** Degrees along x and y. Default [0, 0]. */
  readonly shear?: readonly [x: number, y: number];
  /** Default nearest, as torchvision's. */
  readonly interpolation?: 'nearest' | 'bilinear';
}

/** Rotates, scales, shears and moves about the centre; what comes from outside is 0. @throws ArgumentError */
export function affineTransform(images: Images, options: AffineTransform): Tensor {
  const { degrees = 0, translate = [0, 0], scale = 1, shear = [0, 0], interpolation = 'nearest' } = options;
  const numbers = [degrees, ...translate, scale, ...shear];
  expectArgument(finite(...numbers) && scale >= 1e-6, 'finite numbers and a positive scale', options);
  return apply('affine', images, [interpolations[interpolation]], numbers);
}
