import { test } from 'vitest';
import { expectBatchInvariant, expectValues, testKernel } from './harness.js';

const windows = [
  'R=3 S=3 pad_h=1 pad_w=1',
  'R=3 S=3 stride_h=2 stride_w=2 pad_h=1 pad_w=1',
  'R=2 S=2 stride_h=2 stride_w=2',
  'R=9 S=7',
  'R=2 S=3 stride_h=3 stride_w=1 pad_w=1',
  'stride_h=2 stride_w=3',
];
const problems = (kind: string) =>
  windows.flatMap((window) =>
    [1, 3, 17, 64].map((channels) => `N=2 H=9 W=7 C=${channels} ${window} kind=${kind}`),
  );

for (const kind of ['max', 'average']) {
  testKernel('pool_fprop', problems(kind));
}
testKernel(
  'pool_fprop',
  problems('average').map((problem) => `${problem} count_padding=0`),
);
testKernel('pool_dgrad', problems('average'));
testKernel(
  'pool_dgrad',
  problems('average').map((problem) => `${problem} count_padding=0`),
);
// With one channel and one tap a random index seldom lies in its window.
testKernel(
  'pool_dgrad',
  problems('max').filter((problem) => !/C=1 stride/.test(problem)),
  { fill: { index: (random) => Math.floor(63 * random()) } },
);
testKernel('pool_fprop', ['N=16 H=8 W=8 C=64 R=8 S=8 kind=average', 'N=3 H=32 W=32 C=16 R=3 S=3 kind=max']);
testKernel('pool_dgrad', ['N=16 H=8 W=8 C=64 R=8 S=8 kind=average']);

test('max pooling: the first of equals, NaN before all, and only -infinity still has a place', () => {
  const x = [1, 1, 0, Number.NaN, 5, 6, -Infinity, -Infinity];
  const problem = 'H=1 W=8 R=1 S=2 stride_w=2 kind=max';
  expectValues('pool_fprop', problem, [x, null, null], 'y', [1, Number.NaN, 6, -Infinity]);
  expectValues('pool_fprop', problem, [x, null, null], 'index', [0, 3, 5, 6]);
});

test('max pooling backward: overlapping windows add up at the position they share', () => {
  const problem = 'H=1 W=3 R=1 S=2 kind=max';
  expectValues('pool_dgrad', problem, [[2, 3], [1, 1], null], 'dx', [0, 5, 0]);
});

test('pooling of a sample does not depend on its batch', () => {
  for (const kind of ['max', 'average']) {
    const rest = `H=8 W=8 C=19 R=8 S=8 kind=${kind}`;
    expectBatchInvariant('pool_fprop', `N=1 ${rest}`, `N=33 ${rest}`);
  }
});
