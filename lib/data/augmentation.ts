/** Random chains of picture transforms, as a configuration says them: docs/augmentation.md. */

import { z } from 'zod';

import { ArgumentError } from '../errors.js';
import { tensor } from '../ops/create.js';
import type { Augmentation } from '../ops/data.js';
import {
  type Adjustment,
  adjustments,
  drawTransforms,
  type Images,
  interpolations,
  stepInts,
  stepParameters,
  stepRanges,
  transformImages,
  transformKinds,
  type ViewOptions,
} from '../ops/transforms.js';
import type { Tensor } from '../tensor.js';

const side = z.int().min(1).max(32768);
/** Pixels a side, or [height, width]. */
const size = z.union([side, z.tuple([side, side])]);
const probability = z.number().min(0).max(1);
const range = (low: number, high: number) =>
  z
    .tuple([z.number().min(low).max(high), z.number().min(low).max(high)])
    .refine(([from, to]) => from <= to, { error: 'expected [low, high] with low at most high' });
/** One number s for [-s, s], or [low, high]. */
const spread = (most: number) => z.union([z.number().min(0).max(most), range(-most, most)]).default(0);
/** One number s for factors in [max(0, 1 - s), 1 + s], or [low, high]. 0: no such adjustment. */
const jitter = z.union([z.number().min(0).max(1000), range(0, 1000)]).default(0);
const odd = z
  .int()
  .min(1)
  .max(32767)
  .refine((value) => value % 2 === 1, { error: 'expected an odd number' });
const resampling = {
  size,
  interpolation: z.enum(['bilinear', 'bicubic']).default('bilinear'),
  antialias: z.boolean().default(true),
};
const smallest = 1e-6;

/** One transform with the ranges of its random parameters; defaults are torchvision's. */
export const transformSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('resize'), ...resampling }),
  z.strictObject({
    kind: z.literal('resized-crop'),
    ...resampling,
    /** Share of the area. */
    scale: range(smallest, 1).default([0.08, 1]),
    /** Width to height, log-uniform. */
    ratio: range(smallest, 1e6).default([3 / 4, 4 / 3]),
  }),
  z.strictObject({
    kind: z.literal('crop'),
    size,
    /** Zeros around the picture, in pixels. */
    pad: z.int().min(0).max(32768).default(0),
  }),
  z.strictObject({ kind: z.literal('center-crop'), size }),
  z.strictObject({ kind: z.literal('flip'), probability: probability.default(0.5) }),
  z.strictObject({
    kind: z.literal('color-jitter'),
    probability: probability.default(1),
    brightness: jitter,
    contrast: jitter,
    saturation: jitter,
    hue: spread(0.5),
  }),
  z.strictObject({ kind: z.literal('grayscale'), probability: probability.default(0.1) }),
  z.strictObject({
    kind: z.literal('gaussian-blur'),
    probability: probability.default(1),
    /** Odd pixels a side, or [height, width]. */
    kernel: z.union([odd, z.tuple([odd, odd])]),
    sigma: range(smallest, 1e6).default([0.1, 2]),
  }),
  z.strictObject({
    kind: z.literal('solarize'),
    probability: probability.default(0.5),
    threshold: z.number().min(-1000).max(1000).default(0.5),
  }),
  z.strictObject({
    kind: z.literal('cutout'),
    probability: probability.default(1),
    /** Pixels of the square, which is centred anywhere and cut at the border. */
    side,
  }),
  z.strictObject({
    kind: z.literal('erase'),
    probability: probability.default(0.5),
    scale: range(smallest, 1).default([0.02, 0.33]),
    /** Height to width, log-uniform. */
    ratio: range(smallest, 1e6).default([0.3, 3.3]),
    value: z.number().min(-1000).max(1000).default(0),
  }),
  z.strictObject({
    kind: z.literal('affine'),
    probability: probability.default(1),
    degrees: spread(360),
    /** Most shares of width and height to move by. */
    translate: z.tuple([probability, probability]).default([0, 0]),
    scale: range(smallest, 1000).default([1, 1]),
    /** Degrees. */
    shearX: spread(89),
    shearY: spread(89),
    interpolation: z.enum(['nearest', 'bilinear']).default('nearest'),
  }),
]);

/** One transform as it is written, with defaults left out. */
export type TransformInput = z.input<typeof transformSchema>;
/** One transform with everything said. */
export type Transform = z.output<typeof transformSchema>;

/** Recipes of self-supervised learning by name; `size` is the side of the views. */
export const augmentationPresets = {
  /** SimSiam on CIFAR (Chen and He, arXiv 2011.10566, as NASiam's code has it): no blur. */
  'simsiam-cifar': (size: number) => contrastive(size, [0.2, 1]),
  /** SimCLR (Chen et al., arXiv 2002.05709) at strength 0.5 and MoCo on CIFAR, as NASiam's code has them: no blur. */
  'simclr-cifar': (size: number) => contrastive(size, [0.08, 1]),
  /**
   * MoCo v2 (Chen et al., arXiv 2003.04297), for SimSiam and SimCLR on ImageNet too. The kernel of the blur is ours to
   * choose: a tenth of the side, made odd, as SimCLR says; MoCo's code blurs with Pillow, which has none.
   */
  'moco-v2': (size: number) =>
    contrastive(size, [0.2, 1], {
      kind: 'gaussian-blur',
      probability: 0.5,
      kernel: 2 * Math.floor(size / 20) + 1,
      sigma: [0.1, 2],
    }),
} as const satisfies Record<string, (size: number) => TransformInput[]>;

function contrastive(size: number, scale: [number, number], ...blur: TransformInput[]): TransformInput[] {
  return [
    { kind: 'resized-crop', size, scale },
    { kind: 'color-jitter', probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
    { kind: 'grayscale', probability: 0.2 },
    ...blur,
    { kind: 'flip', probability: 0.5 },
  ];
}

export type AugmentationPreset = keyof typeof augmentationPresets;
const presetNames = Object.keys(augmentationPresets) as [AugmentationPreset, ...AugmentationPreset[]];

/** How a recipe says what happens to its images: crop, flip and cutout; a chain of transforms; or a preset. */
export const augmentationSchema = z.union([
  z.strictObject({
    /** Pixels of random crop. */
    pad: z.int().min(0).default(4),
    flip: z.boolean().default(true),
    /** Side of the square that is blanked, in pixels. */
    cutout: z.int().min(0).default(0),
  }),
  z.strictObject({ transforms: z.array(transformSchema).min(1).max(64) }),
  z.strictObject({ preset: z.enum(presetNames), size: side }),
]);

/** As a recipe or a loader takes it. Of crop, flip and cutout, what is left out is not done. */
export type AugmentationConfig =
  | Augmentation
  | { readonly transforms: readonly TransformInput[] }
  | { readonly preset: AugmentationPreset; readonly size: number };

/** The chain that a configuration names; null for crop, flip and cutout. @throws ArgumentError */
export function transformChain(config: AugmentationConfig): TransformChain | null {
  if ('transforms' in config) return new TransformChain(config.transforms);
  if ('preset' in config) return new TransformChain(augmentationPresets[config.preset](config.size));
  return null;
}

/** What was drawn for one transform of one view: torchvision's names, pixels, degrees and turns. */
export type DrawnTransform =
  | { readonly kind: 'resize' | 'flip' | 'grayscale'; readonly applied: boolean }
  | {
      readonly kind: 'resized-crop';
      readonly applied: boolean;
      readonly top: number;
      readonly left: number;
      readonly height: number;
      readonly width: number;
    }
  | { readonly kind: 'crop'; readonly applied: boolean; readonly top: number; readonly left: number }
  | {
      readonly kind: 'color-jitter';
      readonly applied: boolean;
      /** Of all four; those that the transform has not are passed over. */
      readonly order: readonly Adjustment[];
      readonly brightness: number;
      readonly contrast: number;
      readonly saturation: number;
      readonly hue: number;
    }
  | { readonly kind: 'gaussian-blur'; readonly applied: boolean; readonly sigma: readonly [number, number] }
  | { readonly kind: 'solarize'; readonly applied: boolean; readonly threshold: number }
  | {
      readonly kind: 'cutout' | 'erase';
      readonly applied: boolean;
      readonly top: number;
      readonly left: number;
      readonly height: number;
      readonly width: number;
      readonly value: number;
    }
  | {
      readonly kind: 'affine';
      readonly applied: boolean;
      readonly degrees: number;
      readonly translate: readonly [number, number];
      readonly scale: number;
      readonly shear: readonly [number, number];
    };

/**
 * A chain of random transforms, checked and packed for the device. A view of a picture is a pure function of the chain,
 * seed, site, the epoch of `device().stepBlock`, the picture's index and the number of the view; not of the batch.
 */
export class TransformChain {
  readonly transforms: readonly Transform[];
  readonly #steps: Int32Array;
  readonly #ranges: Float32Array;

  /** @throws ArgumentError that says which transform is wrong and why */
  constructor(transforms: readonly TransformInput[]) {
    const checked = z.array(transformSchema).min(1).max(64).safeParse(transforms);
    if (!checked.success)
      throw new ArgumentError(`Expected transforms of a chain: ${z.prettifyError(checked.error)}.`);
    this.transforms = checked.data;
    const packed = checked.data.map(pack);
    this.#steps = new Int32Array(stepInts * packed.length);
    this.#ranges = new Float32Array(stepRanges * packed.length);
    for (const [position, { options, ranges }] of packed.entries()) {
      this.#steps.set(options, stepInts * position);
      this.#ranges.set(ranges, stepRanges * position);
    }
  }

  /**
   * One view f32 [N, H', W', C] of each of the pictures `index` [N] of `images`.
   *
   * @throws ShapeError, ArgumentError when the chain does not fit the pictures; an index outside of them rejects the
   *   awaited result with IndexRangeError
   */
  view(images: Images, index: Tensor<'i32'>, options: ViewOptions): Tensor {
    const [, height = 0, width = 0] = images.shape;
    using parameters = this.#draw([height, width], index, options);
    return transformImages(images, index, this.#steps, parameters);
  }

  /** What `view` does to the pictures `index` of `height` x `width`: by picture, then by transform. */
  async drawn(
    imageSize: readonly [height: number, width: number],
    index: Tensor<'i32'>,
    options: ViewOptions,
  ): Promise<DrawnTransform[][]> {
    using parameters = this.#draw(imageSize, index, options);
    const values = await parameters.data();
    const perPicture = stepParameters * this.transforms.length;
    return Array.from({ length: index.size }, (_, picture) =>
      this.transforms.map(({ kind }, position) => {
        const at = perPicture * picture + stepParameters * position;
        return unpack(kind, [...values.subarray(at, at + stepParameters)]);
      }),
    );
  }

  #draw(imageSize: readonly [number, number], index: Tensor<'i32'>, options: ViewOptions): Tensor {
    using ranges = tensor(this.#ranges, [this.transforms.length, stepRanges]);
    return drawTransforms(imageSize, index, this.#steps, ranges, options);
  }
}

interface Packed {
  readonly options: readonly number[];
  readonly ranges: readonly number[];
}

const pairOf = (value: number | readonly [number, number]): readonly [number, number] =>
  typeof value === 'number' ? [value, value] : value;
const spreadOf = (value: number | readonly [number, number]): readonly [number, number] =>
  typeof value === 'number' ? [-value, value] : value;
const jitterOf = (value: number | readonly [number, number]): readonly [number, number] =>
  typeof value === 'number' ? [Math.max(0, 1 - value), 1 + value] : value;

/** Options and ranges in the order of native/data/transforms.h. */
function pack(transform: Transform): Packed {
  switch (transform.kind) {
    case 'resize':
      return { options: [transformKinds.resize, ...resamplingOf(transform)], ranges: [1] };
    case 'resized-crop':
      return {
        options: [transformKinds['resized-crop'], ...resamplingOf(transform)],
        ranges: [1, ...transform.scale, ...transform.ratio],
      };
    case 'crop':
      return { options: [transformKinds.crop, ...pairOf(transform.size), transform.pad, 1], ranges: [1] };
    case 'center-crop':
      return { options: [transformKinds.crop, ...pairOf(transform.size), 0, 0], ranges: [1] };
    case 'flip':
      return { options: [transformKinds.flip], ranges: [transform.probability] };
    case 'color-jitter': {
      const { probability, brightness, contrast, saturation, hue } = transform;
      const factors = [brightness, contrast, saturation].map(jitterOf);
      const shifts = spreadOf(hue);
      const neutral = [1, 1, 1, 0];
      const mask = [...factors, shifts].reduce(
        (bits, [low, high], bit) =>
          low === neutral[bit] && high === neutral[bit] ? bits : bits | (1 << bit),
        0,
      );
      return {
        options: [transformKinds['color-jitter'], mask],
        ranges: [probability, ...factors.flat(), ...shifts],
      };
    }
    case 'grayscale':
      return { options: [transformKinds.grayscale], ranges: [transform.probability] };
    case 'gaussian-blur':
      return {
        options: [transformKinds['gaussian-blur'], ...pairOf(transform.kernel)],
        ranges: [transform.probability, ...transform.sigma],
      };
    case 'solarize':
      return { options: [transformKinds.solarize], ranges: [transform.probability, transform.threshold] };
    case 'cutout':
      return { options: [transformKinds.cutout], ranges: [transform.probability, transform.side] };
    case 'erase': {
      const { probability, scale, ratio, value } = transform;
      return { options: [transformKinds.erase], ranges: [probability, ...scale, ...ratio, value] };
    }
    case 'affine': {
      const { probability, degrees, translate, scale, shearX, shearY, interpolation } = transform;
      return {
        options: [transformKinds.affine, interpolations[interpolation]],
        ranges: [
          probability,
          ...spreadOf(degrees),
          ...translate,
          ...scale,
          ...spreadOf(shearX),
          ...spreadOf(shearY),
        ],
      };
    }
  }
}

function resamplingOf({
  size,
  interpolation,
  antialias,
}: Extract<Transform, { kind: 'resize' | 'resized-crop' }>): readonly number[] {
  return [...pairOf(size), interpolations[interpolation], antialias ? 1 : 0];
}

function unpack(kind: Transform['kind'], row: readonly number[]): DrawnTransform {
  const applied = row[0] === 1;
  const [a, b, c, d, e, f] = row.slice(1) as [number, number, number, number, number, number];
  switch (kind) {
    case 'resize':
    case 'flip':
    case 'grayscale':
      return { kind, applied };
    case 'resized-crop':
      return { kind, applied, top: a, left: b, height: c, width: d };
    case 'crop':
    case 'center-crop':
      return { kind: 'crop', applied, top: a, left: b };
    case 'color-jitter': {
      const order = [1000, 100, 10, 1].map((unit) => adjustments[Math.floor(a / unit) % 10]!);
      return { kind, applied, order, brightness: b, contrast: c, saturation: d, hue: e };
    }
    case 'gaussian-blur':
      return { kind, applied, sigma: [a, b] };
    case 'solarize':
      return { kind, applied, threshold: a };
    case 'cutout':
    case 'erase':
      return { kind, applied, top: a, left: b, height: c, width: d, value: e };
    case 'affine':
      return { kind, applied, degrees: a, translate: [b, c], scale: d, shear: [e, f] };
  }
}
