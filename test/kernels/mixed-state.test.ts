import { describe, expect, test } from 'vitest';
import { acceptedImplementations, type CaseOptions, runValues, testKernel } from './harness.js';

// Batch variances that no normalisation blows up.
const variances: CaseOptions = { fill: { variance: (random) => 0.5 + random() } };

const repeated = (count: number, value: number) => Array(count).fill(value).join('x');
const every = 'taps=3x5x3x5 dilations=1x1x2x2';
const first = [
  `N=1 H=1 W=1 C=7 taps=3 dilations=1`,
  `N=2 H=5 W=7 C=3 ${every}`,
  `N=2 H=8 W=8 C=16 ${every}`,
  `N=3 H=9 W=6 C=20 ${every}`,
  `N=17 H=3 W=4 C=5 taps=3x5 dilations=1x2`,
  `N=1 H=18 W=21 C=33 taps=5 dilations=2`,
  `N=1 H=1 W=1 C=4 stride=2 ${every}`,
  `N=2 H=7 W=9 C=6 stride=2 ${every}`,
  `N=2 H=8 W=6 C=4 stride=2 taps=1x3x5x3x5 dilations=1x1x1x2x2`,
  `N=2 H=10 W=12 C=34 stride=2 taps=3x1 dilations=2x1`,
  `N=1 H=9 W=10 C=68 ${every}`,
];
// More branches than one launch of CUDA takes: 26 and 52 paths.
const manyBranches = [
  `N=1 H=5 W=4 C=3 taps=${repeated(26, 3)} dilations=${repeated(26, 2)}`,
  `N=1 H=6 W=4 C=2 stride=2 taps=${repeated(26, 1)} dilations=${repeated(26, 1)} normed=1`,
];
const second = [
  'N=2 H=5 W=7 C=3 taps=3x5 dilations=1x1 normed=1 eps=0.001',
  'N=18 H=4 W=4 C=16 taps=5x3 dilations=1x1 normed=1',
];

describe('separable convolutions', () => {
  testKernel(
    'separable_fprop',
    [...first, ...second, ...manyBranches, `${first[1]} statistics=0`],
    variances,
  );
  const backward = [...first, ...second, ...manyBranches];
  testKernel('separable_backward', backward, variances);
  testKernel('separable_backward', [`${first[2]} dfilters=0`, `${first[8]} dx=0`], variances);
  testKernel(
    'separable_backward',
    [`${first[3]} accumulate=1`, `${first[8]} accumulate=1 dfilters=0`],
    variances,
  );
  testKernel(
    'separable_backward',
    [`${second[0]} training=0`, `${second[1]} dx=0`, `${second[0]} dfilters=0`],
    variances,
  );
});

describe('pools of a state', () => {
  const sizes = ['N=1 H=1 W=1 C=1', 'N=2 H=5 W=7 C=3', 'N=18 H=4 W=4 C=16', 'N=3 H=8 W=6 C=37'];
  const strided = sizes.flatMap((size) => [size, `${size} stride=2`]);
  testKernel('state_pools', [
    ...strided,
    `${sizes[1]} max=0`,
    `${sizes[1]} average=0 stride=2`,
    `${sizes[3]} statistics=0`,
  ]);
  // Any tap inside the image.
  const taps: CaseOptions = { fill: { max_tap: () => 4 } };
  testKernel(
    'state_pools_dgrad',
    [
      ...strided.map((size) => `${size} edges=3 max=0x2 average=1x2`),
      ...sizes.map((size) => `${size} edges=2 max=1 average=0 identity=0x1`),
      `${sizes[1]} max=0`,
      `${sizes[1]} average=0 stride=2 accumulate=1`,
      `${sizes[3]} edges=2 identity=1x0 accumulate=1`,
      // More terms than one launch of CUDA takes.
      `${sizes[1]} edges=130 max=${Array.from({ length: 130 }, (_, edge) => edge).join('x')} average=7`,
    ],
    taps,
  );

  test('the first of equal maxima has the place of its window, padding is no maximum and counts in no average', () => {
    const problem = 'N=1 H=2 W=3 C=1';
    for (const implementation of acceptedImplementations('state_pools', problem)) {
      const [, max, tap, , , average] = runValues('state_pools', problem, implementation, [
        [-3, -1, -1, -2, -1, -4],
      ]);
      expect([...max!]).toEqual([-1, -1, -1, -1, -1, -1]);
      expect([...tap!]).toEqual([5, 4, 3, 2, 1, 0]);
      expect([...average!].map((value) => value * 12)).toEqual([-21, -24, -21, -21, -24, -21]);
    }
  });
});

describe('sums of an edge', () => {
  const cases = [
    'rows=1 channels=1 weights=2 places=1 normed=1',
    'rows=37 channels=3 weights=8 places=1x2x3x4x5x6x7 normed=1x1x0x1x1x1x1',
    'rows=4500 channels=16 weights=3 places=2x0 normed=0x1 eps=0.01',
    'rows=300 channels=130 weights=3 places=0x1x2 normed=1x1x1 training=0',
    `rows=21 channels=12 weights=4 places=${repeated(10, 3)} normed=${repeated(10, 1)}`,
  ];
  testKernel(
    'mixed_sum',
    [...cases, `${cases[1]} addend=1`, 'rows=5 channels=3 addend=1 weights=1'],
    variances,
  );
  testKernel('mixed_reduce', cases, { ...variances, tolerance: 2e-5 });
  testKernel('branch_gradient', ['rows=1 channels=1', 'rows=41 channels=3', 'rows=5000 channels=16']);
  testKernel('running_statistics', ['channels=3 norms=1', 'rows=9 channels=17 norms=3 momentum=0.3']);
});
