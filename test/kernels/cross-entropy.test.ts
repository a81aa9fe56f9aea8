import { expect, test } from 'vitest';
import {
  acceptedImplementations,
  expectBatchInvariant,
  expectIndexFault,
  onCuda,
  runCase,
  testKernel,
} from './harness.js';

const shapes = [
  'rows=1 classes=2',
  'rows=3 classes=10',
  'rows=128 classes=10',
  'rows=31 classes=17',
  'rows=5 classes=1000',
  // Several chunks of rows on the CPU; a block a row, as CUDA's last implementation has it, is too slow in software.
  onCuda ? 'rows=301 classes=11' : 'rows=3001 classes=11',
  'rows=2 classes=1500',
];
const wide = (random: () => number) => 20 * (random() - 0.5);

for (const shape of shapes) {
  const classes = Number(/classes=(\d+)/.exec(shape)![1]);
  const fill = {
    logits: wide,
    labels: (random: () => number) => Math.floor(classes * random()),
    log_sum_exp: (random: () => number) => 10 + random(),
  };
  const problems = ['', 'smoothing=0.1', 'mean=0', 'mean=0 smoothing=0.25'].map((rest) =>
    `${shape} ${rest}`.trim(),
  );
  testKernel('cross_entropy_forward', problems, { fill });
  testKernel('cross_entropy_backward', problems, { fill });
}

// Losses enough for a mean in two passes, and in whole vectors.
testKernel('cross_entropy_forward', ['rows=2052 classes=2'], {
  fill: { labels: (random) => Math.floor(2 * random()) },
});

test('a confident right answer keeps the digits of its small loss', () => {
  const fill = { logits: (_: () => number, index: number) => (index === 0 ? 12 : 0), labels: () => 0 };
  const options = { fill };
  const [, , wanted] = runCase('cross_entropy_forward', 'classes=4', 'ref64', options);
  expect(wanted![0]!).toBeGreaterThan(0);
  for (const implementation of acceptedImplementations('cross_entropy_forward', 'classes=4')) {
    const [, , got] = runCase('cross_entropy_forward', 'classes=4', implementation, options);
    expect(Math.abs(got![0]! / wanted![0]! - 1), implementation).toBeLessThan(2e-3);
  }
});

test('labels outside the classes fault with the value and the row', () => {
  const labels = (_: () => number, index: number) => (index === 70 ? 10 : 3);
  const message = /labels in 0\.\.9, got 10 at row 70/;
  for (const rest of ['', ' mean=0', ' smoothing=0.1']) {
    expectIndexFault('cross_entropy_forward', `rows=99 classes=10${rest}`, { fill: { labels } }, message);
    expectIndexFault('cross_entropy_backward', `rows=99 classes=10${rest}`, { fill: { labels } }, message);
  }
  expectIndexFault(
    'cross_entropy_forward',
    'rows=2 classes=10',
    { fill: { labels: () => -1 } },
    /got -1 at row 0/,
  );
});

test('a confident right answer keeps the digits of its small gradient', () => {
  const fill = {
    logits: (_: () => number, index: number) => (index === 0 ? 12 : 0),
    labels: () => 0,
    log_sum_exp: () => Math.fround(12 + 3 * Math.exp(-12)),
    dloss: () => 1,
  };
  const options = { fill };
  const [, , , , wanted] = runCase('cross_entropy_backward', 'classes=4', 'ref64', options);
  expect(wanted![0]!).toBeLessThan(0);
  for (const implementation of acceptedImplementations('cross_entropy_backward', 'classes=4')) {
    const [, , , , got] = runCase('cross_entropy_backward', 'classes=4', implementation, options);
    expect(Math.abs(got![0]! / wanted![0]! - 1), implementation).toBeLessThan(1e-5);
  }
});

test('the loss of a row does not depend on the others', () => {
  const few = 'rows=2 classes=10 mean=0';
  expectBatchInvariant('cross_entropy_forward', few, few.replace('rows=2', 'rows=1500'));
});
