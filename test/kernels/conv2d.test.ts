import { describe, expect, test } from 'vitest';
import {
  acceptedImplementations,
  type CaseOptions,
  expectBatchInvariant,
  onCuda,
  runCase,
  testKernel,
} from './harness.js';

const positive = (random: () => number): number => random();

/** Means of values around zero cancel; positive inputs keep them as large as the values they are means of. */
const statistics: CaseOptions = { fill: { x: positive, filter: positive } };

const same = 'R=3 S=3 pad_h=1 pad_w=1';
const half = `${same} stride_h=2 stride_w=2`;

const shapes = [
  // ResNet-20 in small.
  `N=3 H=16 W=16 C=3 K=16 ${same}`,
  `N=2 H=16 W=16 C=16 K=16 ${same}`,
  `N=5 H=8 W=8 C=32 K=32 ${same}`,
  `N=2 H=16 W=16 C=16 K=32 ${half}`,
  'N=2 H=16 W=16 C=16 K=32 stride_h=2 stride_w=2',
  // Tails of lanes and of tiles, single pixels, single channels.
  'N=1 H=1 W=1 C=1 K=1',
  'N=3 H=1 W=1 C=17 K=33',
  `N=2 H=7 W=5 C=13 K=19 ${same}`,
  `N=1 H=9 W=11 C=5 K=10 R=2 S=4 pad_h=1 pad_w=2`,
  'N=4 H=7 W=7 C=24 K=70',
  `N=17 H=2 W=2 C=40 K=48 ${same}`,
  // Strides that skip pixels, dilation, padding wider than the kernel, a kernel as large as the image.
  'N=2 H=11 W=13 C=8 K=16 R=3 S=3 stride_h=3 stride_w=2 pad_h=1 pad_w=1',
  'N=1 H=13 W=10 C=6 K=7 R=1 S=3 stride_h=5 stride_w=3',
  'N=2 H=12 W=12 C=16 K=16 R=3 S=3 pad_h=2 pad_w=2 dilation_h=2 dilation_w=2',
  'N=1 H=14 W=14 C=4 K=20 R=5 S=3 stride_h=2 pad_h=4 pad_w=3 dilation_h=2 dilation_w=3',
  'N=2 H=3 W=4 C=8 K=8 R=3 S=3 pad_h=6 pad_w=5',
  'N=2 H=5 W=6 C=9 K=12 R=5 S=6',
  // The stem of an ImageNet network, in small: dgrad shares vectors among pixels.
  'N=2 H=23 W=22 C=3 K=16 R=7 S=7 stride_h=2 stride_w=2 pad_h=3 pad_w=3',
  // Many channels: pixels are spread in scratch, and few chunks are split over panels.
  `N=1 H=4 W=4 C=256 K=96 ${same}`,
  // Pixel strides of a concatenation.
  `N=2 H=6 W=6 C=16 K=16 ${same} x_stride=40 y_stride=21`,
  'N=3 H=5 W=4 C=20 K=18 x_stride=23 y_stride=32',
  // Large enough for bands of rows.
  `N=1 H=66 W=70 C=20 K=8 ${same}`,
];

const atrous = (taps: number, dilation: number): string => {
  const pad = (dilation * (taps - 1)) / 2;
  return `R=${taps} S=${taps} pad_h=${pad} pad_w=${pad} dilation_h=${dilation} dilation_w=${dilation}`;
};

const depthwise = [
  // Whole vectors and tails of channels; one channel a vector too many.
  `N=3 H=8 W=8 C=16 K=16 groups=16 ${same}`,
  `N=2 H=7 W=7 C=36 K=36 groups=36 ${same}`,
  `N=2 H=6 W=5 C=17 K=17 groups=17 ${half}`,
  `N=2 H=9 W=9 C=3 K=3 groups=3 ${same}`,
  // Filters of 5 and 7, even and flat ones, strides, dilation; DARTS' and MobileNetV2's.
  'N=2 H=9 W=9 C=10 K=10 groups=10 R=5 S=5 pad_h=2 pad_w=2 stride_h=2 stride_w=2',
  'N=1 H=12 W=11 C=24 K=24 groups=24 R=7 S=7 pad_h=3 pad_w=3',
  'N=1 H=11 W=12 C=8 K=8 groups=8 R=2 S=4 pad_h=1 pad_w=2 stride_w=3',
  'N=2 H=7 W=8 C=16 K=16 groups=16 R=1 S=7 pad_w=3 stride_h=2',
  `N=2 H=10 W=10 C=16 K=16 groups=16 ${atrous(5, 2)}`,
  `N=2 H=11 W=9 C=20 K=20 groups=20 ${atrous(3, 2)} stride_h=2 stride_w=2`,
  'N=1 H=13 W=13 C=5 K=5 groups=5 R=3 S=3 pad_h=3 pad_w=1 stride_h=3 stride_w=2 dilation_h=3 dilation_w=2',
  // Single pixels; more padding than image; a filter as large as the image; no padding.
  'N=5 H=1 W=1 C=19 K=19 groups=19',
  'N=3 H=1 W=2 C=32 K=32 groups=32 R=3 S=3 pad_h=1 pad_w=1',
  'N=2 H=3 W=2 C=8 K=8 groups=8 R=3 S=3 pad_h=6 pad_w=5',
  'N=3 H=7 W=7 C=33 K=33 groups=33 R=7 S=7',
  // Several filters a channel, pixel strides, bands of rows, many images.
  `N=1 H=9 W=9 C=8 K=16 groups=8 ${atrous(3, 2)}`,
  `N=2 H=5 W=6 C=7 K=35 groups=7 ${same}`,
  `N=2 H=5 W=6 C=3 K=60 groups=3 ${same}`,
  `N=2 H=6 W=6 C=20 K=20 groups=20 ${same} x_stride=40 y_stride=21`,
  `N=1 H=70 W=66 C=20 K=20 groups=20 ${half}`,
  `N=1 H=68 W=61 C=4 K=4 groups=4 ${same}`,
  `N=40 H=3 W=3 C=9 K=9 groups=9 ${same}`,
  // Rows of several tiles, strided and dilated ones of 3 and 5 columns.
  `N=1 H=5 W=31 C=18 K=18 groups=18 ${same}`,
  'N=1 H=9 W=33 C=16 K=16 groups=16 R=5 S=5 pad_h=2 pad_w=2 stride_h=2 stride_w=2',
  `N=1 H=9 W=30 C=16 K=16 groups=16 ${atrous(5, 2)}`,
];

const grouped = [
  // 1, 2, 4, 8, 16, 32 channels a group, as in ResNeXt.
  `N=2 H=8 W=8 C=12 K=8 groups=4 ${same}`,
  `N=2 H=7 W=7 C=64 K=64 groups=32 ${same}`,
  `N=2 H=7 W=6 C=64 K=64 groups=16 ${half}`,
  `N=2 H=6 W=6 C=64 K=64 groups=8 ${same}`,
  `N=1 H=6 W=6 C=64 K=64 groups=4 ${half}`,
  `N=1 H=5 W=5 C=64 K=64 groups=2 ${same}`,
  // Groups that do not divide a vector; more and fewer filters than channels; pointwise.
  `N=2 H=7 W=8 C=30 K=30 groups=10 ${same}`,
  `N=2 H=5 W=5 C=35 K=25 groups=5 ${same}`,
  `N=2 H=5 W=5 C=80 K=10 groups=5 ${same}`,
  `N=2 H=5 W=5 C=10 K=95 groups=5 ${same}`,
  `N=2 H=4 W=5 C=74 K=46 groups=2 ${same}`,
  'N=3 H=6 W=5 C=48 K=24 groups=12',
  'N=3 H=6 W=7 C=24 K=40 groups=4 stride_h=2 stride_w=2',
  // Dilation, pixel strides, bands of rows, few outputs of many inputs.
  `N=1 H=10 W=9 C=24 K=24 groups=6 ${atrous(3, 3)}`,
  `N=1 H=9 W=9 C=40 K=80 groups=2 ${atrous(3, 2)} stride_h=2`,
  `N=2 H=6 W=6 C=12 K=18 groups=3 ${same} x_stride=17 y_stride=31`,
  `N=1 H=67 W=40 C=12 K=12 groups=3 ${same}`,
  `N=1 H=4 W=4 C=80 K=6 groups=2 ${same}`,
  // Groups that fill a vector or half of one, with more and fewer channels on the other side: rows of several tiles, strides,
  // dilation, other filters, pointwise, pixel strides, bands of rows.
  `N=2 H=6 W=35 C=32 K=32 groups=4 ${same}`,
  `N=1 H=9 W=19 C=48 K=24 groups=3 ${half}`,
  `N=1 H=7 W=8 C=32 K=64 groups=4 ${atrous(3, 2)}`,
  `N=2 H=7 W=9 C=16 K=16 groups=2 R=2 S=5 pad_h=1 pad_w=2 stride_w=3`,
  'N=3 H=6 W=5 C=24 K=24 groups=3 stride_h=2',
  `N=3 H=9 W=9 C=64 K=64 groups=4 ${half} x_stride=70 y_stride=67`,
  `N=1 H=68 W=66 C=16 K=16 groups=2 ${same}`,
  // Taps so far apart that no tile of a GPU's shared memory holds what they meet.
  'N=2 H=130 W=131 C=4 K=6 groups=2 R=3 S=3 dilation_h=64 dilation_w=64',
  'N=1 H=131 W=130 C=3 K=3 groups=3 R=3 S=3 stride_w=2 dilation_h=65 dilation_w=64',
];
shapes.push(...depthwise, ...grouped);

/** Winograd's tiles are 2x2 and 4x4 outputs. */
const tiled = [
  // No, one and two pixels of padding, not the same both ways; outputs of 1 to 9 pixels, so every tail of a tile.
  'N=2 H=3 W=3 C=16 K=16 R=3 S=3',
  'N=3 H=1 W=1 C=16 K=32 R=3 S=3 pad_h=1 pad_w=1',
  'N=2 H=1 W=1 C=9 K=9 R=3 S=3 pad_h=2 pad_w=2',
  'N=2 H=2 W=5 C=7 K=13 R=3 S=3 pad_h=2 pad_w=1',
  'N=2 H=6 W=4 C=13 K=7 R=3 S=3 pad_w=2',
  'N=1 H=11 W=8 C=24 K=24 R=3 S=3 pad_h=2',
  // Channels: a lane too many and too few, several panels with a tail, few of one side; a prime number of tiles.
  `N=1 H=13 W=17 C=33 K=31 ${same}`,
  `N=3 H=7 W=7 C=15 K=100 ${same}`,
  `N=2 H=8 W=8 C=64 K=64 ${same}`,
  `N=11 H=5 W=3 C=48 K=8 ${same}`,
  `N=1 H=9 W=9 C=8 K=130 ${same}`,
  // Blocks of several chunks, pixel strides, channels that would lie a power of two apart.
  `N=13 H=30 W=27 C=16 K=16 ${same}`,
  `N=2 H=9 W=10 C=20 K=17 ${same} x_stride=24 y_stride=29`,
  `N=1 H=5 W=6 C=256 K=40 ${same}`,
  // Strict: F(2x2) is left.
  `N=2 H=9 W=9 C=24 K=40 ${same} strict=1`,
  // A filter that is transformed panel by panel: F(4x4) alone, and both.
  `N=69 H=1 W=1 C=250 K=132 ${same}`,
  `N=33 H=1 W=5 C=270 K=260 ${same}`,
];
shapes.push(...tiled);

const batches = [
  'H=6 W=5 C=40 K=37 scale=1 bias=1 relu=1',
  `H=7 W=9 C=19 K=37 ${same}`,
  'H=5 W=5 C=16 K=16',
  `H=6 W=6 C=3 K=20 ${half}`,
  `H=6 W=5 C=3 K=16 ${same}`,
  `H=9 W=6 C=16 K=24 ${same}`,
  `H=4 W=4 C=40 K=70 ${same} strict=1`,
  `H=6 W=5 C=20 K=20 groups=20 ${same}`,
  `H=7 W=6 C=16 K=24 groups=4 ${half}`,
  `H=5 W=5 C=250 K=132 ${same}`, // the filter is kept, or transformed panel by panel
  `H=7 W=6 C=16 K=16 groups=2 ${same}`,
];

/** CUDA's widest tiles are for problems that fill a device. */
const wide = 'N=27 H=32 W=32';

describe('conv2d_fprop', () => {
  testKernel('conv2d_fprop', shapes);
  if (onCuda) {
    testKernel('conv2d_fprop', [`${wide} C=20 K=128 bias=1 relu=1 residual=1 prologue=affine`]);
    testKernel('conv2d_fprop', [`${wide} C=17 K=113 statistics=1`], statistics);
  }
  testKernel('conv2d_fprop', [
    `N=2 H=9 W=9 C=16 K=24 ${same} bias=1`,
    `N=2 H=9 W=9 C=16 K=24 ${same} bias=1 relu=1 residual=1`,
    `N=2 H=9 W=9 C=16 K=40 ${same} scale=1`,
    'N=3 H=5 W=7 C=40 K=50 scale=1 bias=1 relu6=1',
    `N=2 H=9 W=9 C=24 K=24 groups=24 ${same} scale=1 bias=1 relu6=1`,
    `N=2 H=9 W=9 C=16 K=20 ${same} bias=1 relu6=1 residual=1`,
    `N=2 H=9 W=9 C=16 K=37 ${half} scale=1 bias=1 relu=1 residual=1`,
    'N=3 H=5 W=7 C=40 K=50 scale=1 bias=1 relu=1 residual=1 y_stride=60',
    'N=3 H=5 W=7 C=40 K=50 scale=1 bias=1 prologue=affine_relu',
    `N=2 H=9 W=9 C=24 K=24 groups=24 ${same} scale=1 bias=1 relu=1`,
    `N=2 H=9 W=9 C=24 K=36 groups=6 ${half} scale=1 bias=1 residual=1`,
    `N=2 H=9 W=9 C=5 K=32 ${same} prologue=affine residual=1 y_stride=50`,
    `N=2 H=9 W=9 C=5 K=17 ${same} prologue=affine_relu relu=1`,
    `N=2 H=9 W=9 C=16 K=16 ${half} prologue=affine_relu x_stride=19`,
    'N=2 H=8 W=8 C=70 K=16 prologue=affine_relu',
    'N=2 H=8 W=8 C=32 K=16 stride_h=2 stride_w=2 prologue=affine',
    `N=3 H=7 W=10 C=24 K=40 ${same} bias=1 relu=1 residual=1 prologue=affine_relu`,
    `N=2 H=5 W=9 C=19 K=33 R=3 S=3 pad_h=2 pad_w=0 residual=1 prologue=affine x_stride=22 y_stride=35`,
    `N=2 H=1 W=1 C=16 K=16 ${same} bias=1 prologue=affine_relu`,
    `N=1 H=6 W=6 C=8 K=16 ${same} relu=1 prologue=affine strict=1`,
    `N=2 H=9 W=9 C=24 K=24 groups=24 ${same} bias=1`,
    `N=2 H=9 W=9 C=21 K=21 groups=21 ${half} bias=1 relu=1 residual=1 prologue=affine_relu`,
    `N=2 H=9 W=9 C=32 K=32 groups=32 ${atrous(5, 2)} prologue=affine residual=1 y_stride=50`,
    `N=2 H=8 W=8 C=9 K=27 groups=9 ${same} prologue=affine_relu x_stride=13`,
    `N=2 H=9 W=9 C=24 K=24 groups=6 ${same} bias=1 relu=1 residual=1 prologue=affine`,
    `N=2 H=7 W=7 C=30 K=20 groups=5 ${half} bias=1 prologue=affine_relu`,
    `N=2 H=7 W=7 C=90 K=20 groups=10 ${same} prologue=affine_relu relu=1`,
    `N=2 H=7 W=7 C=64 K=96 groups=2 ${same} bias=1 residual=1 prologue=affine_relu`,
    `N=35 H=1 W=5 C=250 K=132 ${same} scale=1 bias=1 relu=1 residual=1 prologue=affine_relu`,
    `N=2 H=7 W=18 C=32 K=32 groups=4 ${same} scale=1 bias=1 relu=1 residual=1 prologue=affine_relu`,
    `N=2 H=8 W=7 C=48 K=48 groups=3 ${half} bias=1 relu6=1 prologue=affine y_stride=52`,
  ]);
  testKernel(
    'conv2d_fprop',
    [
      `N=9 H=8 W=8 C=16 K=16 ${same} statistics=1`,
      `N=5 H=7 W=7 C=8 K=40 ${half} statistics=1 prologue=affine_relu`,
      `N=5 H=7 W=7 C=8 K=40 ${same} statistics=1 prologue=affine_relu`,
      `N=2 H=33 W=30 C=16 K=24 ${same} statistics=1 prologue=affine y_stride=30`,
      `N=1 H=1 W=1 C=12 K=70 ${same} statistics=1`,
      'N=3 H=5 W=5 C=17 K=21 statistics=1 y_stride=30',
      'N=1 H=1 W=1 C=4 K=5 bias=1',
      `N=3 H=9 W=9 C=20 K=20 groups=20 ${same} statistics=1 prologue=affine_relu`,
      `N=1 H=40 W=60 C=8 K=16 groups=8 ${half} statistics=1 y_stride=19`,
      `N=5 H=6 W=6 C=24 K=24 groups=6 ${same} statistics=1`,
      `N=3 H=6 W=6 C=48 K=70 groups=2 ${same} statistics=1 prologue=affine`,
      // Panel by panel: two groups of chunks of tiles.
      `N=260 H=1 W=1 C=260 K=113 ${same} statistics=1 prologue=affine`,
      `N=5 H=6 W=19 C=40 K=40 groups=5 ${same} statistics=1`,
      `N=3 H=6 W=6 C=64 K=64 groups=4 ${same} statistics=1 prologue=affine_relu`,
    ],
    statistics,
  );

  // The sum of an output element has one order, so evaluation does not depend on the batch.
  test('a sample has the same bits in every batch', () => {
    for (const rest of batches) expectBatchInvariant('conv2d_fprop', `N=1 ${rest}`, `N=19 ${rest}`);
  });
});

describe('conv2d_dgrad', () => {
  testKernel('conv2d_dgrad', shapes);
  if (onCuda) testKernel('conv2d_dgrad', [`${wide} C=128 K=20 addend=1`, `${wide} C=125 K=18`]);
  // Beyond 6 as well, where ReLU6 is shut.
  testKernel(
    'conv2d_dgrad',
    [
      // Winograd: whole tiles and tails, tails of channels, pixel strides.
      `N=2 H=9 W=10 C=16 K=24 ${same} addend=1 mask=relu`,
      `N=2 H=8 W=8 C=40 K=16 ${same} addend=1`,
      `N=3 H=7 W=5 C=37 K=9 ${same} mask=relu6`,
      `N=2 H=6 W=6 C=16 K=16 ${same} addend=1 mask=relu x_stride=40 y_stride=21`,
      `N=1 H=6 W=6 C=16 K=16 ${same} addend=1 mask=relu strict=1`,
      // Phases, some without taps; one pixel; several panels; a vector of several pixels; groups.
      `N=2 H=9 W=9 C=16 K=37 ${half} addend=1 mask=relu6`,
      'N=2 H=8 W=9 C=40 K=16 stride_h=2 stride_w=2 addend=1 mask=relu',
      'N=3 H=5 W=7 C=70 K=40 addend=1 mask=relu x_stride=75',
      'N=3 H=1 W=1 C=17 K=33 mask=relu',
      `N=2 H=6 W=9 C=3 K=16 ${same} addend=1 mask=relu`,
      `N=2 H=9 W=9 C=5 K=20 R=5 S=3 pad_h=4 pad_w=3 stride_h=2 dilation_h=2 addend=1 mask=relu`,
      `N=2 H=9 W=9 C=36 K=36 groups=36 ${half} addend=1 mask=relu`,
      `N=2 H=7 W=6 C=32 K=32 groups=32 ${atrous(5, 2)} addend=1 mask=relu6 x_stride=37`,
      `N=2 H=7 W=7 C=30 K=20 groups=5 ${same} addend=1 mask=relu`,
      `N=2 H=7 W=6 C=64 K=96 groups=2 ${same} addend=1 mask=relu`,
      // Groups that fill a vector or half of one; a filter that is transformed panel by panel.
      `N=2 H=7 W=18 C=32 K=32 groups=4 ${same} addend=1 mask=relu`,
      `N=2 H=7 W=9 C=64 K=64 groups=4 ${half} addend=1 mask=relu6 x_stride=70`,
      `N=33 H=1 W=5 C=250 K=132 ${same} addend=1 mask=relu`,
    ],
    { fill: { rectified: (random) => 9 * random() - 2 } },
  );

  test('the mask is shut at 0, at 6 for ReLU6, and open to NaN', () => {
    const rectified = Float32Array.of(-1, 0, 0.5, 6, Number.NaN, Number.POSITIVE_INFINITY);
    const fill = {
      dy: () => 1,
      filter: () => 1,
      addend: () => 1,
      rectified: (_: () => number, index: number) => rectified[index]!,
    };
    for (const [mask, wanted] of [
      ['relu', [0, 0, 2, 2, 2, 2]],
      ['relu6', [0, 0, 2, 0, 2, 0]],
    ] as const) {
      const problem = `N=6 addend=1 mask=${mask}`;
      for (const implementation of ['ref64', ...acceptedImplementations('conv2d_dgrad', problem)]) {
        const dx = runCase('conv2d_dgrad', problem, implementation, { fill }).at(-1)!;
        expect([...dx], implementation).toEqual(wanted);
      }
    }
  });

  test('a sample has the same bits in every batch', () => {
    for (const rest of batches) expectBatchInvariant('conv2d_dgrad', `N=1 ${rest}`, `N=19 ${rest}`);
  });
});

/** Large enough that wgrad takes Winograd. */
const tiledWgrad = [
  // Parts of the tiles: tails of tiles and of lanes, one and two pixels of padding or none, pixel strides.
  `N=12 H=13 W=9 C=24 K=24 ${same}`,
  `N=9 H=12 W=11 C=33 K=31 ${same} prologue=affine`,
  'N=30 H=10 W=9 C=13 K=9 R=3 S=3 pad_h=2 prologue=affine_relu',
  `N=17 H=13 W=9 C=24 K=20 ${same} prologue=affine_relu x_stride=29 y_stride=40`,
  `N=3 H=24 W=23 C=16 K=48 ${same} strict=1`,
  // Slabs of one dU: few tiles, tails of slabs and panels, several chunks.
  `N=4 H=8 W=8 C=64 K=64 ${same} prologue=affine_relu`,
  `N=5 H=7 W=6 C=72 K=40 ${same} strict=1`,
  `N=280 H=3 W=3 C=208 K=7 ${same} prologue=affine`,
];

// What the CPU chooses.
if (!onCuda) {
  describe('Winograd', () => {
    const first = (kernel: string, problem: string): string =>
      acceptedImplementations(kernel, problem)[0]!.replace(/.*:/, '');

    test.each(['conv2d_fprop', 'conv2d_dgrad', 'conv2d_wgrad'])(
      'is what %s chooses for dense 3x3 filters',
      (kernel) => {
        const problem = `N=4 H=16 W=16 C=32 K=32 ${same}`;
        expect(first(kernel, problem)).toBe('winograd_f4x3');
        expect(first(kernel, `${problem} strict=1`)).toBe('winograd_f2x3');
        for (const other of ['stride_h=2', 'dilation_w=2', 'groups=2', 'pad_h=3', 'C=3 K=3', 'S=1'])
          expect(first(kernel, `${problem} ${other}`), other).not.toMatch(/winograd/);
      },
    );

    test.each(tiledWgrad)('is what conv2d_wgrad chooses for %s', (problem) => {
      const accepted = acceptedImplementations('conv2d_wgrad', problem);
      for (const ref of accepted.filter((name) => name.endsWith(':ref')))
        expect(
          accepted.some((name) => name.startsWith(ref.replace('ref', 'winograd'))),
          ref,
        ).toBe(true);
    });
  });
}

describe('conv2d_wgrad', () => {
  testKernel('conv2d_wgrad', shapes);
  testKernel('conv2d_wgrad', tiledWgrad);
  testKernel('conv2d_wgrad', [
    `N=7 H=9 W=9 C=16 K=24 ${same} prologue=affine`,
    `N=20 H=4 W=4 C=5 K=17 ${same} prologue=affine_relu`,
    'N=20 H=4 W=4 C=24 K=32 prologue=affine_relu',
    'N=2 H=8 W=8 C=32 K=16 stride_h=2 stride_w=2 prologue=affine_relu x_stride=33',
    `N=7 H=9 W=9 C=20 K=20 groups=20 ${same} prologue=affine_relu`,
    `N=3 H=9 W=9 C=7 K=14 groups=7 ${half} prologue=affine`,
    `N=20 H=5 W=5 C=32 K=32 groups=8 ${same} prologue=affine_relu`,
    `N=2 H=5 W=5 C=90 K=20 groups=10 ${same} prologue=affine`,
    `N=3 H=5 W=5 C=64 K=96 groups=2 ${same} prologue=affine_relu`,
    `N=20 H=5 W=5 C=32 K=32 groups=4 ${same} prologue=affine_relu`,
    `N=3 H=9 W=7 C=48 K=48 groups=3 ${half} prologue=affine x_stride=50`,
  ]);
});
