import { expect, test } from 'vitest';
import { checkProblem } from './harness.js';

test('a case whose outputs are all 0 is an error', () => {
  expect(() => checkProblem('fill', 'count=5 value=0')).toThrow(/proves nothing/);
});

test('f32 differs from ref64, and a tolerance below its rounding shows it', () => {
  expect(() => checkProblem('unary_forward', 'count=999 kind=exp', { tolerance: 1e-10 })).toThrow(
    /ref64 says/,
  );
});
