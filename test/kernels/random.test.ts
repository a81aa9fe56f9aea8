import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  acceptedImplementations,
  expectValues,
  philox,
  runCase,
  setStepBlock,
  testKernel,
  uniform,
} from './harness.js';

const step = 7;
beforeAll(() => setStepBlock(-1, step));
afterAll(() => setStepBlock(-1, 0));

for (const count of [1, 3, 77, 30011]) {
  testKernel('random_fill', [
    `count=${count} seed=5 p0=-2 p1=2`,
    `count=${count} seed=-1 stream=9 kind=normal p0=0.5 p1=2`,
  ]);
  testKernel('dropout', [`count=${count} seed=5 site=2 rate=0`]);
  if (count > 3) testKernel('dropout', [`count=${count} seed=5 site=2 rate=0.3`]);
}

// Random123's kat_vectors, philox4x32 with 10 rounds.
const known: [bigint, bigint, bigint, number[]][] = [
  [0n, 0n, 0n, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
  [
    0xffffffffffffffffn,
    0xffffffffffffffffn,
    0xffffffffffffffffn,
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    0x299f31d0a4093822n,
    0x0370734413198a2en,
    0x85a308d3243f6a88n,
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

test('the Philox that kernels are compared with gives the known answers', () => {
  for (const [key, high, low, words] of known) expect(philox(key, high, low)).toEqual(words);
});

test('key 0, counter 0', () => {
  expectValues('random_fill', 'count=4', [null], 'y', known[0]![3].map(uniform));
});

test('an element of a fill is the word that its position names', () => {
  const problem = 'count=1001 seed=81985529216486895 stream=1311768467294899695';
  const wanted = Array.from({ length: 1001 }, (_, element) => {
    const block = philox(81985529216486895n, 1311768467294899695n, BigInt(element >> 2));
    return uniform(block[element & 3]!);
  });
  expectValues('random_fill', problem, [null], 'y', wanted);
});

test('uniforms keep below the open end, normals have their mean and deviation', () => {
  const count = 200_000;
  for (const implementation of acceptedImplementations('random_fill', `count=${count}`)) {
    const [uniforms] = runCase('random_fill', `count=${count} seed=3 p0=1 p1=2`, implementation);
    expect(uniforms!.every((value) => value >= 1 && value < 2)).toBe(true);
    const [normals] = runCase('random_fill', `count=${count} seed=3 kind=normal p0=1 p1=3`, implementation);
    let sum = 0;
    for (const value of normals!) sum += value;
    const mean = sum / count;
    let squares = 0;
    for (const value of normals!) squares += (value - mean) ** 2;
    const variance = squares / count;
    expect(Math.abs(mean - 1)).toBeLessThan(0.03);
    expect(Math.abs(variance - 9)).toBeLessThan(0.15);
  }
});

test('dropout keeps by (seed, site, step, element) and its mask is what backward multiplies by', () => {
  const problem = 'count=501 seed=11 site=6 rate=0.5';
  const kept = Array.from({ length: 501 }, (_, element) => {
    const block = philox(11n, (6n << 32n) | BigInt(step), BigInt(element >> 2));
    return uniform(block[element & 3]!) >= 0.5 ? 2 : 0;
  });
  expectValues('dropout', problem, [kept.map(() => 3), null, null], 'mask', kept);
  expectValues(
    'dropout',
    problem,
    [kept.map(() => 3), null, null],
    'y',
    kept.map((mask) => 3 * mask),
  );
  expectValues('dropout', 'count=2 rate=1', [[1, 2], null, null], 'y', [0, 0]);
});
