import { test } from 'vitest';
import { expectValues, testKernel } from './harness.js';

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
