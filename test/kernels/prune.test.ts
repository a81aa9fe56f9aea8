import { expect, test } from 'vitest';
import {
  acceptedImplementations,
  type CaseOptions,
  checkProblem,
  expectValues,
  runValues,
  testKernel,
} from './harness.js';

for (const kind of ['l1', 'l2']) {
  testKernel('channel_scores', [
    `kind=${kind}`,
    `channels=7 weights=3 kind=${kind}`,
    `channels=64 weights=576 kind=${kind}`,
    `channels=3 weights=20011 kind=${kind}`,
  ]);
}

test('the scores are the norms of the filters', () => {
  const filter = [3, -4, 0, 0, -5, 12];
  expectValues('channel_scores', 'channels=3 weights=2', [filter, null], 'score', [7, 0, 17]);
  expectValues('channel_scores', 'channels=3 weights=2 kind=l2', [filter, null], 'score', [5, 0, 13]);
});

// Few distinct magnitudes: most thresholds have ties, on both sides of 0 and across pieces and tensors.
const coarse: CaseOptions = { fill: { weight: (random) => Math.floor(9 * random()) - 4 } };
const selections = [
  'counts=1x17x3 pruned=11',
  'counts=40000x1x64x16385x5 pruned=31000',
  'counts=16384x16384 pruned=16384',
  'counts=5x40001 pruned=40006',
];
testKernel('magnitude_threshold', selections);
testKernel('magnitude_threshold', selections, coarse);
const thresholds: CaseOptions['fill'] = { threshold: () => 0.5, ties: () => 0 };
testKernel('prune_mask', selections, { fill: thresholds });
testKernel('prune_mask', selections, { fill: { ...coarse.fill, threshold: () => 2, ties: () => 1000 } });

test('one piece of more tensors than one CUDA launch takes', () => {
  const counts = Array.from({ length: 320 }, (_, tensor) => [1, 4, 7][tensor % 3]).join('x');
  for (const pruned of [3, 700, 1200]) {
    checkProblem('magnitude_threshold', `counts=${counts} pruned=${pruned}`, coarse);
    const ties = { ...coarse.fill, threshold: () => 2, ties: () => pruned / 4 };
    checkProblem('prune_mask', `counts=${counts} pruned=${pruned}`, { fill: ties });
  }
});

test('the threshold is the magnitude of the k-th, and the first of equals go', () => {
  const weights = [3, -1, 2, 2, -2, 0, 2];
  const select = (pruned: number, output: string, wanted: number[]) =>
    expectValues(
      'magnitude_threshold',
      `counts=4x3 pruned=${pruned}`,
      [weights.slice(0, 4), weights.slice(4), null, null],
      output,
      wanted,
    );
  for (const [pruned, threshold, ties] of [
    [0, 0, 0],
    [1, 0, 1],
    [2, 1, 1],
    [4, 2, 2],
    [6, 2, 4],
    [7, 3, 1],
  ] as const) {
    select(pruned, 'threshold', [threshold]);
    select(pruned, 'ties', [ties]);
  }
  const problem = 'counts=7 pruned=4';
  expectValues('prune_mask', problem, [weights, [2], [2], null], 'mask', [1, 0, 0, 0, 1, 0, 1]);
  expectValues('prune_mask', problem, [weights, [2], [2], null], 'weight', [3, 0, 0, 0, -2, 0, 2]);
});

test('infinity is the largest magnitude; NaN is refused, naming its place', () => {
  const problem = 'counts=2x2 pruned=3';
  expectValues('magnitude_threshold', problem, [[-Infinity, 1], [2, 3], null, null], 'threshold', [3]);
  for (const implementation of ['ref64', ...acceptedImplementations('magnitude_threshold', problem)]) {
    expect(() =>
      runValues('magnitude_threshold', problem, implementation, [[1, 1], [2, Number.NaN], null, null]),
    ).toThrow(/NaN.*element 1 of tensor 1/);
  }
});
