import { test } from 'vitest';
import { expectIndexFault, expectValues, testKernel } from './harness.js';

const shapes = [
  'outer=1 extent=10 inner=1 picks=1',
  'outer=2 extent=10 inner=7 picks=23',
  'outer=1 extent=10 inner=700 picks=129',
  'outer=301 extent=11 inner=1 picks=5',
  // More picks than a block has threads; repeats far apart, and indices that nobody picks.
  'outer=2 extent=10 inner=8 picks=700',
  'outer=3 extent=900 inner=3 picks=515',
];
testKernel('gather_forward', [...shapes, ...shapes.map((shape) => `${shape} bytes=1`)]);
testKernel('gather_backward', shapes);

test('repeated picks read one row and add into one row', () => {
  const problem = 'extent=3 inner=2 picks=4';
  const index = [2, 0, 2, 2];
  expectValues('gather_forward', problem, [[1, 2, 3, 4, 5, 6], index, null], 'y', [5, 6, 1, 2, 5, 6, 5, 6]);
  expectValues(
    'gather_backward',
    problem,
    [[1, 1, 2, 2, 4, 4, 8, 8], index, null],
    'dx',
    [2, 2, 0, 0, 13, 13],
  );
});

test('the first index outside faults with its value and position', () => {
  const bad = (value: number) => ({
    fill: { index: (_: () => number, position: number) => (position === 4 ? value : position > 11 ? -7 : 0) },
  });
  for (const kernel of ['gather_forward', 'gather_backward']) {
    expectIndexFault(kernel, shapes[1]!, bad(10), /indices in 0\.\.9, got 10 at position 4/);
    expectIndexFault(kernel, shapes[1]!, bad(-1), /got -1 at position 4/);
    expectIndexFault(kernel, shapes[1]!, bad(2147483647), /got 2147483647 at position 4/);
  }
});
