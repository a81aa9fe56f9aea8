import { describe, test } from 'vitest';
import { type CaseOptions, expectBatchInvariant, testKernel } from './harness.js';

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
  // Groups, depthwise.
  `N=2 H=8 W=8 C=12 K=8 groups=4 ${same}`,
  `N=2 H=9 W=9 C=10 K=10 groups=10 R=5 S=5 pad_h=2 pad_w=2 stride_h=2 stride_w=2`,
  `N=1 H=9 W=9 C=8 K=16 groups=8 R=3 S=3 pad_h=2 pad_w=2 dilation_h=2 dilation_w=2`,
];

const batches = [
  `H=7 W=9 C=19 K=37 ${same}`,
  'H=5 W=5 C=16 K=16',
  `H=6 W=6 C=3 K=20 ${half}`,
  `H=6 W=5 C=3 K=16 ${same}`,
];

describe('conv2d_fprop', () => {
  testKernel('conv2d_fprop', shapes);
  testKernel('conv2d_fprop', [
    `N=2 H=9 W=9 C=16 K=24 ${same} bias=1`,
    `N=2 H=9 W=9 C=16 K=24 ${same} bias=1 relu=1 residual=1`,
    `N=2 H=9 W=9 C=5 K=32 ${same} prologue=affine residual=1 y_stride=50`,
    `N=2 H=9 W=9 C=5 K=17 ${same} prologue=affine_relu relu=1`,
    `N=2 H=9 W=9 C=16 K=16 ${half} prologue=affine_relu x_stride=19`,
    'N=2 H=8 W=8 C=70 K=16 prologue=affine_relu',
    'N=2 H=8 W=8 C=32 K=16 stride_h=2 stride_w=2 prologue=affine',
  ]);
  testKernel(
    'conv2d_fprop',
    [
      `N=9 H=8 W=8 C=16 K=16 ${same} statistics=1`,
      `N=5 H=7 W=7 C=8 K=40 ${half} statistics=1 prologue=affine_relu`,
      'N=3 H=5 W=5 C=17 K=21 statistics=1 y_stride=30',
      'N=1 H=1 W=1 C=4 K=5 bias=1',
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

  test('a sample has the same bits in every batch', () => {
    for (const rest of batches) expectBatchInvariant('conv2d_dgrad', `N=1 ${rest}`, `N=19 ${rest}`);
  });
});

describe('conv2d_wgrad', () => {
  testKernel('conv2d_wgrad', shapes);
  testKernel('conv2d_wgrad', [
    `N=7 H=9 W=9 C=16 K=24 ${same} prologue=affine`,
    `N=20 H=4 W=4 C=5 K=17 ${same} prologue=affine_relu`,
    'N=20 H=4 W=4 C=24 K=32 prologue=affine_relu',
    'N=2 H=8 W=8 C=32 K=16 stride_h=2 stride_w=2 prologue=affine_relu x_stride=33',
  ]);
});
