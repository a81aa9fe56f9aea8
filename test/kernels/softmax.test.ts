import { test } from 'vitest';
import { expectBatchInvariant, expectValues, testKernel } from './harness.js';

const shapes = [
  'rows=1 classes=1',
  'rows=3 classes=2',
  'rows=128 classes=10',
  'rows=31 classes=17',
  'rows=7 classes=100',
  'rows=5 classes=1000',
  'rows=2 classes=3001',
];
const wide = (random: () => number) => 20 * (random() - 0.5);

testKernel('softmax_forward', shapes, { fill: { x: wide } });
testKernel(
  'softmax_forward',
  shapes.slice(1).map((shape) => `${shape} log=1`),
  { fill: { x: wide } },
);
testKernel('softmax_backward', shapes.slice(1), { fill: { y: (random) => random() } });
testKernel(
  'softmax_backward',
  shapes.slice(1).map((shape) => `${shape} log=1`),
  {
    fill: { y: (random) => -5 * random() },
  },
);

test('softmax of large and of equal logits', () => {
  expectValues('softmax_forward', 'classes=4', [[7, 7, 7, 7], null], 'y', [0.25, 0.25, 0.25, 0.25]);
  expectValues('softmax_forward', 'classes=2', [[1e30, -1e30], null], 'y', [1, 0]);
  expectValues('softmax_forward', 'classes=3', [[0, -Infinity, 0], null], 'y', [0.5, 0, 0.5]);
  expectValues('softmax_forward', 'classes=2', [[Number.NaN, 0], null], 'y', [Number.NaN, Number.NaN]);
});

test('a row does not depend on the others', () => {
  for (const classes of [10, 1000]) {
    expectBatchInvariant('softmax_forward', `rows=1 classes=${classes}`, `rows=67 classes=${classes}`);
    expectBatchInvariant(
      'softmax_forward',
      `rows=1 classes=${classes} log=1`,
      `rows=67 classes=${classes} log=1`,
    );
  }
});
