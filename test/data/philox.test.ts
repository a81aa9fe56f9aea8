import { describe, expect, it } from 'vitest';
import { ArgumentError, PhiloxSequence, permutation, philoxBlock, rand, scope } from '../../lib/index.js';

function block(key: number, high: number, low: number): string {
  const words = new Uint32Array(4);
  philoxBlock(key, high, low, words);
  return [...words].map((word) => word.toString(16).padStart(8, '0')).join(' ');
}

describe('Philox4x32-10', () => {
  it('gives the known answer of its authors', () => {
    expect(block(0, 0, 0)).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8');
  });

  it.each([
    [1, 0],
    [123456789, 3],
    [2 ** 53 - 1, 2 ** 53 - 1],
    [2 ** 32, 2 ** 33 + 1],
  ])('gives the numbers of the native side for seed %d, stream %d', (seed, stream) => {
    const native = scope(() => rand([1000], { seed, stream }).dataSync());
    const words = new Uint32Array(4);
    const ours = native.map((_, i) => {
      philoxBlock(seed, stream, Math.floor(i / 4), words);
      return (words[i % 4]! >>> 8) / 2 ** 24;
    });
    expect(ours).toEqual(native);
  });

  it('draws below a bound, all alike', () => {
    const random = new PhiloxSequence(5);
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 6000; i++) counts[random.below(6)]!++;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
    expect(() => new PhiloxSequence(-1)).toThrow(ArgumentError);
    expect(() => new PhiloxSequence(0, 0.5)).toThrow(ArgumentError);
  });
});

describe('permutation', () => {
  it('is one, and a function of seed and stream', () => {
    const order = permutation(1000, 7, 3);
    expect(order.toSorted()).toEqual(Int32Array.from({ length: 1000 }, (_, i) => i));
    expect(permutation(1000, 7, 3)).toEqual(order);
    expect(permutation(1000, 7, 4)).not.toEqual(order);
    expect(permutation(1000, 8, 3)).not.toEqual(order);
    expect(permutation(0, 1)).toEqual(new Int32Array(0));
  });

  it('puts every element everywhere', () => {
    const seen = Array.from({ length: 4 }, () => new Set<number>());
    for (let seed = 0; seed < 50; seed++) {
      for (const [place, value] of permutation(4, seed).entries()) seen[place]!.add(value);
    }
    expect(seen.map((values) => values.size)).toEqual([4, 4, 4, 4]);
  });
});
