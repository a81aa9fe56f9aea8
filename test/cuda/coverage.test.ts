/** Every kernel runs on the device: each problem has an implementation that takes it. */
import { expect, test } from 'vitest';
import { readCases } from '../../lib/bench/bench-case.js';
import { addon } from '../../lib/native-addon.js';

const cases = await readCases('ci');

test('the problem set has every kernel', () => {
  const listed = new Set(cases.map(({ kernel }) => kernel));
  expect(addon.kernels().filter((kernel) => !listed.has(kernel))).toEqual([]);
});

test.each(addon.kernels())('%s: every problem is taken', (kernel) => {
  for (const { problem } of cases.filter((one) => one.kernel === kernel)) {
    const all = addon.kernelImplementations(kernel, problem);
    expect(all.every(({ isa }) => isa === 'cuda')).toBe(true);
    const refusals = all.map(({ name, refusal }) => `${name}: ${refusal}`);
    expect(all.some(({ refusal }) => refusal === '') || refusals, `${kernel} ${problem}`).toBe(true);
  }
});
