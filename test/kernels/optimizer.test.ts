import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  acceptedImplementations,
  bits,
  type CaseOptions,
  checkProblem,
  expectValues,
  runCase,
  runValues,
  setStepBlock,
  testKernel,
} from './harness.js';

const slot = 5;
beforeAll(() => {
  setStepBlock(slot, 0.125);
  setStepBlock(slot + 1, 1 / (1 - 0.9 ** 3));
  setStepBlock(slot + 2, 1 / Math.sqrt(1 - 0.999 ** 3));
});
afterAll(() => {
  for (let each = slot; each < slot + 3; each++) setStepBlock(each, 0);
});

const lists = ['1', '1x17x3', '40000x1x64x16385x5', '1x1x1x1x1x1x1'];
const problems = (rest: string) => lists.map((counts) => `counts=${counts} ${rest}`.trim());

for (const rest of ['', 'decay=0.01', 'momentum=0.9', 'momentum=0.9 decay=0.01 nesterov=1']) {
  testKernel('sgd', problems(`rate_slot=${slot} ${rest}`.trim()));
}
// Masks keep about half of the weights.
const masks: CaseOptions = { fill: { mask: (random) => (random() < 0.5 ? 0 : 1) } };
for (const rest of ['', 'momentum=0.9 decay=0.01 nesterov=1 rate_factor=3']) {
  testKernel('sgd', problems(`rate_slot=${slot} masked=1 ${rest}`.trim()).slice(1), masks);
}
const slots = `rate_slot=${slot} first_slot=${slot + 1} second_slot=${slot + 2}`;
const moments = { second: (random: () => number) => random() };
for (const rest of ['', 'decay=0.01 epsilon=0.001', 'decay=0.01 decoupled=1 beta1=0.5 rate_factor=3']) {
  testKernel('adam', problems(`${slots} ${rest}`.trim()), { fill: moments });
  testKernel('adam', problems(`${slots} masked=1 ${rest}`.trim()).slice(1), {
    fill: { ...moments, ...masks.fill },
  });
}
testKernel('lerp', problems(`share_slot=${slot}`));
testKernel('norm2', problems(''));
testKernel('clip_norm', problems('limit=0.2'), { fill: { norm: () => 0.7 } });
testKernel('clip_norm', problems('limit=2'), { fill: { norm: () => 0.7 } });

test('more tensors than one CUDA launch takes', () => {
  const counts = Array.from({ length: 210 }, (_, tensor) => [1, 4, 7][tensor % 3]).join('x');
  checkProblem('sgd', `counts=${counts} rate_slot=${slot} momentum=0.9 masked=1`, masks);
  checkProblem('adam', `counts=${counts} ${slots}`, { fill: moments });
  checkProblem('lerp', `counts=${counts} share_slot=${slot}`);
  checkProblem('norm2', `counts=${counts}`);
  checkProblem('clip_norm', `counts=${counts} limit=0.2`, { fill: { norm: () => 0.7 } });
});

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

test('a pruned weight is exactly 0 whatever its gradient, a kept one has the bits of a step without masks', () => {
  const nan = Number.NaN;
  const problem = `counts=19 rate_slot=${slot} momentum=0.9 decay=0.01`;
  const values = (scale: number) => Array.from({ length: 19 }, (_, i) => Math.fround(Math.sin(i) * scale));
  const mask = values(1).map((_, i) => (i % 3 === 0 ? 0 : 1));
  for (const implementation of acceptedImplementations('sgd', problem)) {
    const gradients = values(2).map((value, i) => (mask[i] === 0 ? nan : value));
    const inputs = [values(1), gradients, values(3)];
    const free = runValues('sgd', problem, implementation, inputs);
    const masked = runValues('sgd', `${problem} masked=1`, implementation, [...inputs, mask]);
    for (const list of [0, 2]) {
      const wanted = free[list]!.map((value, i) => (mask[i] === 0 ? 0 : value));
      expect(bits(masked[list]!).equals(bits(wanted)), implementation).toBe(true);
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
