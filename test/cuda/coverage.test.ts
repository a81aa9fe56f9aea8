/** Every kernel runs on the device: each has implementations, and the last takes every problem. */
import { expect, test } from 'vitest';
import { readCases } from '../../lib/bench/bench-case.js';
import { addon } from '../../lib/native-addon.js';

const cases = await readCases('ci');

test('the problem set has every kernel', () => {
  const listed = new Set(cases.map(({ kernel }) => kernel));
  expect(addon.kernels().filter((kernel) => !listed.has(kernel))).toEqual([]);
});

test.each(addon.kernels())('%s: the last implementation takes every problem', (kernel) => {
  for (const { problem } of cases.filter((one) => one.kernel === kernel)) {
    const last = addon.kernelImplementations(kernel, problem).at(-1);
    expect(last, `implementations of ${kernel}`).toBeDefined();
    expect(last!.isa).toBe('cuda');
    expect(last!.refusal, `${last!.name}: ${problem}`).toBe('');
  }
});
