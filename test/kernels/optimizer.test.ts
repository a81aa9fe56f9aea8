import { afterAll, beforeAll, expect, test } from 'vitest';
import { addon } from '../../lib/native-addon.js';
import { acceptedImplementations, expectValues, runCase, runValues, testKernel } from './harness.js';

const slot = 5;
beforeAll(() => addon.setStepBlock(slot, 0.125));
afterAll(() => addon.setStepBlock(slot, 0));

const lists = ['1', '1x17x3', '40000x1x64x16385x5', '1x1x1x1x1x1x1'];
const problems = (rest: string) => lists.map((counts) => `counts=${counts} ${rest}`.trim());

for (const rest of ['', 'decay=0.01', 'momentum=0.9', 'momentum=0.9 decay=0.01 nesterov=1']) {
  testKernel('sgd', problems(`rate_slot=${slot} ${rest}`.trim()));
}
testKernel('norm2', problems(''));
testKernel('clip_norm', problems('limit=0.2'), { fill: { norm: () => 0.7 } });
testKernel('clip_norm', problems('limit=2'), { fill: { norm: () => 0.7 } });

test('sgd is torch.optim.SGD: two steps with momentum and decay', () => {
  const problem = `counts=1 rate_slot=${slot} momentum=0.5 decay=0.25`;
  for (const implementation of ['ref64', ...acceptedImplementations('sgd', problem)]) {
    let weight = 2;
    let momentum = 0;
    for (const gradient of [1, -3]) {
      const after = runValues('sgd', problem, implementation, [[weight], [gradient], [momentum]]);
      momentum = 0.5 * momentum + gradient + 0.25 * weight;
      weight -= 0.125 * momentum;
      expect(after.map((values) => values[0])).toEqual([weight, gradient, momentum]);
    }
  }
});

test('a norm within the limit changes no bit, NaN spreads', () => {
  expectValues(
    'clip_norm',
    'counts=3 limit=1',
    [[0.1, -2, 3].map(Math.fround), [1 - 1e-6]],
    'x',
    [0.1, -2, 3].map(Math.fround),
  );
  expectValues('clip_norm', 'counts=2 limit=1', [[1, 2], [Number.NaN]], 'x', [Number.NaN, Number.NaN]);
});

test('norm2 does not depend on how the tensors are cut, beyond rounding', () => {
  const whole = runCase('norm2', 'counts=60000', 'ref64').at(-1)![0]!;
  for (const implementation of acceptedImplementations('norm2', 'counts=60000')) {
    const got = runCase('norm2', 'counts=60000', implementation).at(-1)![0]!;
    expect(Math.abs(got / whole - 1)).toBeLessThan(1e-6);
  }
});
