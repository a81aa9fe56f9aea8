import { test } from 'vitest';
import { expectBatchInvariant, expectValues, testKernel } from './harness.js';

const shapes = [
  'outer=3 extent=2 inner=1',
  'outer=5 extent=10 inner=1',
  'outer=2 extent=1009 inner=1',
  'outer=1 extent=200003 inner=1',
  'outer=3 extent=6004 inner=1',
  'outer=3 extent=64 inner=64',
  'outer=2 extent=5003 inner=17',
  'outer=2 extent=37 inner=301',
  'outer=101 extent=3 inner=3',
  'outer=1 extent=70001 inner=2',
  'outer=1 extent=4097 inner=100',
];
for (const kind of ['sum', 'mean', 'max', 'min', 'argmax']) {
  testKernel(
    'reduce_forward',
    shapes.map((shape) => `${shape} kind=${kind}`),
  );
}
testKernel('reduce_forward', ['kind=sum', 'kind=max']);

// Few distinct values make ties; y is what the reduction of such an x mostly is.
const ties = { x: (random: () => number) => Math.floor(3 * random()), y: () => 2 };
testKernel(
  'reduce_extreme_backward',
  shapes.filter((shape) => !shape.includes('200003')).map((shape) => `${shape} kind=max`),
  { fill: ties },
);

const nan = Number.NaN;

test('extremes: the first of equals, NaN wins', () => {
  const x = [1, 3, 3, 2, nan, 9, -1, -5, -5];
  const inputs = [x, null, null];
  expectValues('reduce_forward', 'outer=3 extent=3 kind=argmax', inputs, 'index', [1, 1, 0]);
  expectValues('reduce_forward', 'outer=3 extent=3 kind=max', inputs, 'y', [3, nan, -1]);
  expectValues('reduce_forward', 'outer=3 extent=3 kind=min', inputs, 'y', [1, nan, -5]);
  // The same table read along its columns.
  expectValues('reduce_forward', 'extent=3 inner=3 kind=argmax', inputs, 'index', [1, 1, 1]);
  expectValues('reduce_forward', 'extent=3 inner=3 kind=max', inputs, 'y', [2, nan, 9]);
});

test('the first of equals over the borders of chunks', () => {
  const x = Array.from({ length: 100_000 }, (_, index) => (index === 40_000 || index === 90_000 ? 1 : 0));
  expectValues('reduce_forward', 'extent=100000 kind=argmax', [x, null, null], 'index', [40_000]);
});

test('the first NaN over the borders of chunks', () => {
  const x = Array.from({ length: 100_000 }, (_, index) => (index === 40_002 || index === 90_000 ? nan : 1));
  for (const shape of ['extent=100000', 'extent=50000 inner=2']) {
    const wanted = shape.includes('inner') ? [20_001, 0] : [40_002];
    expectValues('reduce_forward', `${shape} kind=argmax`, [x, null, null], 'index', wanted);
    expectValues(
      'reduce_forward',
      `${shape} kind=min`,
      [x, null, null],
      'y',
      wanted.map((at) => (at ? nan : 1)),
    );
  }
});

test('backward of an extreme divides among the ties', () => {
  const inputs = [[2, 5, 5, nan, 1, nan], [5, nan], [6, 4], null];
  expectValues('reduce_extreme_backward', 'outer=2 extent=3 kind=max', inputs, 'dx', [0, 3, 3, 2, 0, 2]);
});

test('a result does not depend on how many there are', () => {
  for (const kind of ['sum', 'mean', 'max', 'argmax']) {
    for (const shape of ['extent=1009', 'extent=64 inner=17', 'extent=20011 inner=1']) {
      const few = `outer=1 ${shape} kind=${kind}`;
      expectBatchInvariant('reduce_forward', few, few.replace('outer=1', 'outer=7'));
    }
  }
});
