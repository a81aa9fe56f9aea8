import { test } from 'vitest';
import { expectValues, type Fill, testKernel } from './harness.js';

const counts = [1, 13, 1024, 40001];
const wide: Fill = (random) => 8 * (2 * random() - 1);
const positive: Fill = (random) => 0.1 + 3 * random();
const awayFromZero: Fill = (random) => (0.2 + random()) * (random() < 0.5 ? -1 : 1);
const inputs: Record<string, Fill> = {
  relu: wide,
  relu6: wide,
  sigmoid: wide,
  tanh: wide,
  exp: wide,
  log: positive,
  sqrt: positive,
  square: wide,
  abs: wide,
  negate: wide,
  sign: wide,
  reciprocal: awayFromZero,
  affine: wide,
  clamp: wide,
  step: (random) => 2 * random() - 0.5,
  silu: wide,
  hard_swish: (random) => 5 * (2 * random() - 1),
  hard_sigmoid: (random) => 5 * (2 * random() - 1),
  elu: wide,
  leaky_relu: wide,
  gelu: wide,
  gelu_tanh: wide,
};
const withoutGradient = ['sign', 'step'];

for (const [kind, fill] of Object.entries(inputs)) {
  const problems = counts.map((count) => `count=${count} kind=${kind} p0=-0.75 p1=1.5`);
  // One element alone may be 0, or lie where the tolerance of the largest is too strict (gelu).
  const several = ['relu', 'relu6', 'step', 'gelu'].includes(kind);
  testKernel('unary_forward', several ? problems.slice(1) : problems, { fill: { x: fill } });
  if (withoutGradient.includes(kind)) continue;
  const few = kind.startsWith('relu') || kind === 'clamp' ? problems.slice(1) : problems;
  testKernel('unary_backward', few, { fill: { saved: fill } });
}
// Small arguments, where tanh = 1 - 2 / (e^2x + 1) and e^x - 1 have no digits left.
testKernel('unary_forward', ['count=999 kind=tanh', 'count=999 kind=elu p0=1'], {
  fill: { x: (random) => 1e-4 * (random() - 0.5) },
});
// Far below 0, where 1 + erf(x) in f32 is 0.
const farBelow: Fill = (random) => -5 - 3 * random();
testKernel('unary_forward', ['count=999 kind=silu'], { fill: { x: farBelow } });
testKernel('unary_forward', ['count=999 kind=gelu'], { fill: { x: farBelow }, tolerance: 2e-4 });

const broadcasts = [
  'dims=1 a_strides=1 b_strides=1',
  'dims=71x13 a_strides=13x1 b_strides=13x1',
  'dims=71x13 a_strides=13x1 b_strides=0x1',
  'dims=71x13 a_strides=0x1 b_strides=13x1',
  'dims=1201x16 a_strides=16x1 b_strides=0x1',
  'dims=71x13 a_strides=13x1 b_strides=1x0',
  'dims=71x13 a_strides=0x0 b_strides=1x71',
  'dims=3x5x7x11 a_strides=385x77x11x1 b_strides=11x0x0x1',
  'dims=2x1x3x1x4x2 a_strides=24x0x8x8x2x1 b_strides=0x5x0x0x1x0',
  'dims=40001 a_strides=1 b_strides=0',
  // Whole vectors along the last axis: a bias along the middle, a scale along the last two, rows apart.
  'dims=7x6x20 a_strides=120x20x1 b_strides=0x1x0',
  'dims=7x6x20 a_strides=0x20x1 b_strides=1x0x0',
  'dims=70x20 a_strides=24x1 b_strides=0x1',
];
for (const kind of ['add', 'subtract', 'multiply', 'divide', 'maximum', 'minimum', 'equal', 'greater']) {
  // Few distinct values, so that some are equal; none is 0.
  const step: Fill = (random) => (Math.floor(4 * random()) + 1) / 2;
  testKernel(
    'binary',
    broadcasts.map((broadcast) => `kind=${kind} ${broadcast}`).slice(kind === 'subtract' ? 1 : 0),
    {
      fill:
        kind === 'equal' || kind === 'greater'
          ? {
              a: (random, index) => (index === 0 ? 2 : step(random, index)),
              b: (random, index) => (index === 0 ? (kind === 'equal' ? 2 : 1) : step(random, index)),
            }
          : { b: awayFromZero },
    },
  );
}

const nan = Number.NaN;
const special = [nan, Infinity, -Infinity, 0, -1, 7];

test('unary kinds at NaN, infinities and kinks are those of PyTorch', () => {
  const forward = (kind: string, wanted: number[], extra = '') =>
    expectValues('unary_forward', `count=6 kind=${kind} ${extra}`, [special, null], 'y', wanted);
  forward('relu', [nan, Infinity, 0, 0, 0, 7]);
  forward('relu6', [nan, 6, 0, 0, 0, 6]);
  forward('clamp', [nan, 2, -0.5, 0, -0.5, 2], 'p0=-0.5 p1=2');
  forward('abs', [nan, Infinity, Infinity, 0, 1, 7]);
  forward('sign', [0, 1, -1, 0, -1, 1]);
  forward('step', [0, 1, 0, 0, 0, 1]);
  forward('square', [nan, Infinity, Infinity, 0, 1, 49]);
  const edges = (kind: string, inputs: number[], wanted: number[]) =>
    expectValues('unary_forward', `count=${inputs.length} kind=${kind}`, [inputs, null], 'y', wanted);
  edges('exp', [nan, Infinity, -Infinity, 0], [nan, Infinity, 0, 1]);
  edges('sigmoid', [nan, Infinity, -Infinity, 0], [nan, 1, 0, 0.5]);
  edges('tanh', [nan, Infinity, -Infinity, 0], [nan, 1, -1, 0]);
  for (const kind of ['silu', 'hard_swish', 'gelu', 'gelu_tanh', 'elu', 'leaky_relu']) {
    edges(kind, [nan, Infinity, 0], [nan, Infinity, 0]);
  }
  edges('hard_sigmoid', [nan, Infinity, -Infinity, -3, 0, 3], [nan, 1, 0, 0, 0.5, 1]);
  edges('log', [nan, Infinity, 0, 1, -1], [nan, Infinity, -Infinity, 0, nan]);
  edges('sqrt', [nan, Infinity, 0, 4, -1], [nan, Infinity, 0, 2, nan]);

  const backward = (kind: string, saved: number[], wanted: number[], extra = '') =>
    expectValues(
      'unary_backward',
      `count=${saved.length} kind=${kind} ${extra}`,
      [saved, saved.map(() => 3), null],
      'dx',
      wanted,
    );
  backward('relu', [-1, 0, 1], [0, 0, 3]);
  backward('relu6', [0, 3, 6, 7], [0, 3, 0, 0]);
  backward('clamp', [0, 1, 2, 3, -1], [3, 3, 3, 0, 0], 'p0=0 p1=2');
  backward('abs', [-2, 0, 2], [-3, 0, 3]);
  backward('hard_swish', [-4, -3, 0, 3, 4], [0, 0, 1.5, 3, 3]);
  backward('hard_sigmoid', [-4, -3, 0, 3, 4], [0, 0, 0.5, 0, 0]);
  backward('elu', [0, 1], [1.5, 3], 'p0=0.5');
  backward('leaky_relu', [-2, 0, 1], [0.75, 0.75, 3], 'p0=0.25');
});

test('maximum and minimum propagate NaN from either side', () => {
  const a = [nan, 1, 2, nan];
  const b = [1, nan, 3, nan];
  const dense = 'dims=4 a_strides=1 b_strides=1';
  expectValues('binary', `kind=maximum ${dense}`, [a, b, null], 'y', [nan, nan, 3, nan]);
  expectValues('binary', `kind=minimum ${dense}`, [a, b, null], 'y', [nan, nan, 2, nan]);
  expectValues('binary', `kind=equal ${dense}`, [a, b, null], 'y', [0, 0, 0, 0]);
});
