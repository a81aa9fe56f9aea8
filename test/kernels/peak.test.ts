import { test } from 'vitest';
import { expectValues, onCuda, testKernel } from './harness.js';

// A contraction, so that rounding does not grow with the steps.
const fill = { factor: () => 0.75 };
testKernel('fma_chains', ['', 'count=11 steps=3', 'count=1000 steps=50', 'count=192 steps=1'], { fill });

const counts = ['', 'count=7', 'count=1000', 'count=70001'];
testKernel('stream_read', counts);
// Pieces of several blocks, that begin anywhere.
if (onCuda) testKernel('stream_read', ['count=4500001']);
testKernel('stream_triad', counts);

test('so many steps, each a product and a sum', () => {
  expectValues('fma_chains', 'count=2 steps=3', [[1, 2], [2], [1], null], 'y', [15, 23]);
  expectValues('stream_triad', 'count=2', [[1, 2], [3, 4], [10], null], 'y', [31, 42]);
});
