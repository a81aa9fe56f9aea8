import { test } from 'vitest';
import { expectBatchInvariant, expectValues, testKernel } from './harness.js';

// Channels below, at and beyond a vector, odd and even, and beyond the longest repeated period.
const shapes = [
  'rows=1 channels=1',
  'rows=2 channels=3',
  'rows=7 channels=10',
  'rows=97 channels=16',
  'rows=501 channels=17',
  'rows=1024 channels=64',
  'rows=33 channels=131',
  'rows=12 channels=260',
  'rows=5003 channels=16',
  'rows=2999 channels=33',
];
const each = (...suffixes: string[]) =>
  shapes.flatMap((shape) => suffixes.map((suffix) => `${shape} ${suffix}`.trim()));

const positive = { invstd: (random: () => number) => 0.5 + random() };

testKernel('batch_norm_statistics', shapes.slice(1));
testKernel('batch_norm_statistics', ['rows=20011 channels=5', 'rows=4000 channels=64'], {
  // Far from zero the variance must not drown in the mean.
  fill: { x: (random) => 100 + random() },
});
testKernel('batch_norm_statistics', ['rows=9001 channels=3', 'rows=3000 channels=132'], {
  fill: { x: (random) => 1000 + random() },
});
// More normalisations than one launch of CUDA's takes.
testKernel('running_statistics', ['rows=10 channels=3 norms=150 momentum=0.3'], {
  fill: { variance: (random) => random(), running_variance: (random) => random() },
});
testKernel(
  'batch_norm_fold',
  [
    'rows=100 channels=7',
    'rows=100 channels=7 affine=0',
    'rows=3 channels=13 update=1 momentum=0.3 eps=0.001',
    'rows=1 channels=2 update=1',
  ],
  { fill: { variance: (random) => random(), running_variance: (random) => random() } },
);
testKernel(
  'normalize',
  each(
    '',
    'relu=1',
    'addend=plain relu=1',
    'addend=affine relu=1',
    'affine=0 addend=plain',
    'a_relu=1 addend=affine b_relu=1',
  ),
  { fill: { a_shift: (random) => random() } },
);
testKernel('batch_norm_reduce', each('', 'mask=input').slice(2), { fill: positive });
testKernel('batch_norm_dgrad', each('', 'mask=input', 'training=0', 'mask=input training=0').slice(4), {
  fill: positive,
});

test('batch_norm_statistics: one row has its own mean and no variance', () => {
  expectValues('batch_norm_statistics', 'channels=2', [[3, -4], null, null], 'mean', [3, -4]);
  expectValues('batch_norm_statistics', 'channels=2', [[3, -4], null, null], 'variance', [0, 0]);
});

test('normalize: ReLU lets NaN through, and the sum of two operands is theirs', () => {
  const inputs = [[Number.NaN, -1, 2], [1, 1, 1], [0, 0, 0], [1, 0.5, -5], null, null, null];
  expectValues('normalize', 'channels=3 addend=plain relu=1', inputs, 'y', [Number.NaN, 0, 0]);
});

test('batch_norm_dgrad: where the activation was cut no gradient flows', () => {
  const [cut, none] = [[-1, 1], null];
  const byInput = [[5, 7], cut, [1, 1], [0, 0], none, none, none, none, none];
  expectValues('batch_norm_dgrad', 'channels=2 mask=input training=0', byInput, 'dx', [0, 7]);
});

test('normalize: a sample does not depend on its batch', () => {
  const suffix = 'channels=17 addend=affine relu=1';
  expectBatchInvariant('normalize', `rows=37 ${suffix}`, `rows=4001 ${suffix}`, {});
});
