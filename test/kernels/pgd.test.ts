import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  acceptedImplementations,
  expectBatchInvariant,
  expectValues,
  philox,
  runValues,
  setStepBlock,
  testKernel,
  uniform,
} from './harness.js';

const step = 3;
beforeAll(() => setStepBlock(-1, step));
afterAll(() => setStepBlock(-1, 0));

for (const features of [1, 13, 64, 3072, 9001, 12292]) {
  testKernel('pgd_start', [`samples=5 features=${features} epsilon=0.1 seed=9 site=3 low=-0.8 high=0.9`]);
  const rest = 'low=-0.8 high=0.9';
  testKernel('pgd_step', [`samples=5 features=${features} step=0.1 epsilon=0.05 ${rest}`]);
  testKernel('pgd_start', [`samples=5 features=${features} epsilon=2 seed=9 site=3 norm=l2 ${rest}`]);
  // Both with and without a projection that shortens.
  testKernel('pgd_step', [`samples=5 features=${features} step=0.7 epsilon=0.5 norm=l2 ${rest}`]);
  testKernel('pgd_step', [`samples=5 features=${features} step=0.7 epsilon=99 norm=l2 ${rest}`]);
}
testKernel('pgd_step', ['samples=70001 step=0.01 epsilon=0.3']);
// The squares of such gradients are 0 in f32.
testKernel('pgd_step', ['samples=3 features=100 step=0.5 epsilon=1 low=-2 high=2 norm=l2'], {
  fill: { gradient: (random) => 1e-30 * (random() - 0.5) },
});

test('the noise of a sample is named by (seed, site, sample, step, element)', () => {
  const problem = 'samples=2 features=7 epsilon=0.5 seed=4 site=2 low=-1 high=1';
  const samples = [70000, 2];
  const inputs = [Array.from({ length: 14 }, () => 0), samples, null];
  for (const implementation of acceptedImplementations('pgd_start', problem)) {
    const y = runValues('pgd_start', problem, implementation, inputs)[2]!;
    for (let element = 0; element < 14; element++) {
      const within = element % 7;
      const high = (2n << 32n) | BigInt(samples[Math.floor(element / 7)]!);
      const block = philox(4n, high, (BigInt(step) << 32n) | BigInt(within >> 2));
      expect(Math.abs(y[element]! - 0.5 * (2 * uniform(block[within & 3]!) - 1))).toBeLessThan(1e-7);
    }
  }
});

test('a start does not depend on its batch', () => {
  const rest = 'features=37 epsilon=0.1 seed=1 site=1';
  expectBatchInvariant('pgd_start', `samples=1 ${rest}`, `samples=9 ${rest}`);
  expectBatchInvariant('pgd_start', `samples=1 ${rest} norm=l2`, `samples=9 ${rest} norm=l2`);
  const step = 'features=37 epsilon=0.1 step=0.3 norm=l2';
  expectBatchInvariant('pgd_step', `samples=1 ${step}`, `samples=9 ${step}`);
  const long = 'features=9001 epsilon=0.1 norm=l2';
  expectBatchInvariant('pgd_start', `samples=1 ${long}`, `samples=3 ${long}`);
  expectBatchInvariant('pgd_step', `samples=1 ${long} step=0.3`, `samples=3 ${long} step=0.3`);
});

test('a step follows the sign, stays in the ball and in the box; NaN and 0 do not move', () => {
  const gradient = [1, -1, 0, Number.NaN, 1, -1];
  const x = [0.5, 0.5, 0.5, 0.5, 1, 0];
  const problem = 'samples=1 features=6 step=0.25 epsilon=0.125';
  expectValues('pgd_step', problem, [x, gradient, x, null], 'y', [0.625, 0.375, 0.5, 0.5, 1, 0]);
});

test('an l2 step is along the gradient of each sample; gradients of 0 and NaN do not move', () => {
  const gradient = [3, 4, 0, 0, Number.NaN, 1, -6e-38, 8e-38];
  const x = [0.5, 0.5, 0.25, 1, 0.5, 0.5, 0.5, 0.5];
  const from = [0.5, 0.5, 0.5, 1, 0.5, 0.75, 0.5, 0.5];
  const problem = 'samples=4 features=2 step=0.25 epsilon=10 norm=l2';
  for (const implementation of acceptedImplementations('pgd_step', problem)) {
    const y = runValues('pgd_step', problem, implementation, [from, gradient, x, null])[3]!;
    for (const [i, wanted] of [0.65, 0.7, 0.5, 1, 0.5, 0.75, 0.35, 0.7].entries())
      expect(y[i], implementation).toBeCloseTo(wanted, 6);
  }
  // Projected onto the ball first, then clamped to the box.
  const projected = 'samples=2 features=2 step=1 epsilon=0.5 norm=l2';
  for (const implementation of acceptedImplementations('pgd_step', projected)) {
    const inputs = [[0.5, 0.5, 0.9, 0.5], [3, 4, 3, 4], [0.5, 0.5, 0.9, 0.5], null];
    const y = runValues('pgd_step', projected, implementation, inputs)[3]!;
    for (const [i, wanted] of [0.8, 0.9, 1, 0.9].entries())
      expect(y[i], implementation).toBeCloseTo(wanted, 6);
  }
});

test('an l2 start is uniform in the ball: directions cancel, radii follow r^d', () => {
  const samples = 4000;
  const features = 3;
  const problem = `samples=${samples} features=${features} epsilon=0.5 seed=4 norm=l2 low=-1 high=1`;
  const zeros = Array.from({ length: samples * features }, () => 0);
  const index = Array.from({ length: samples }, (_, i) => i);
  for (const implementation of acceptedImplementations('pgd_start', problem)) {
    const y = runValues('pgd_start', problem, implementation, [zeros, index, null])[2]!;
    const radii = index.map((i) => Math.hypot(...y.subarray(features * i, features * (i + 1))) / 0.5);
    expect(Math.max(...radii)).toBeLessThanOrEqual(1 + 1e-6);
    for (const share of [0.2, 0.5, 0.9]) {
      const within = radii.filter((radius) => radius ** features <= share).length / samples;
      expect(Math.abs(within - share), implementation).toBeLessThan(0.03);
    }
    for (let axis = 0; axis < features; axis++) {
      const mean = index.reduce((sum, i) => sum + y[features * i + axis]!, 0) / samples;
      expect(Math.abs(mean), implementation).toBeLessThan(0.015);
    }
  }
});
