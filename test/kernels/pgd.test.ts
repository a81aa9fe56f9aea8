import { afterAll, beforeAll, expect, test } from 'vitest';
import { addon } from '../../lib/native-addon.js';
import {
  acceptedImplementations,
  expectBatchInvariant,
  expectValues,
  philox,
  runValues,
  testKernel,
  uniform,
} from './harness.js';

const step = 3;
beforeAll(() => addon.setStepBlock(-1, step));
afterAll(() => addon.setStepBlock(-1, 0));

for (const features of [1, 13, 64, 3072]) {
  testKernel('pgd_start', [`samples=5 features=${features} epsilon=0.1 seed=9 site=3 low=-0.8 high=0.9`]);
  testKernel('pgd_step', [`count=${5 * features} step=0.1 epsilon=0.05 low=-0.8 high=0.9`]);
}
testKernel('pgd_step', ['count=70001 step=0.01 epsilon=0.3']);

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
});

test('a step follows the sign, stays in the ball and in the box; NaN and 0 do not move', () => {
  const gradient = [1, -1, 0, Number.NaN, 1, -1];
  const x = [0.5, 0.5, 0.5, 0.5, 1, 0];
  const problem = 'count=6 step=0.25 epsilon=0.125';
  expectValues('pgd_step', problem, [x, gradient, x, null], 'y', [0.625, 0.375, 0.5, 0.5, 1, 0]);
});
