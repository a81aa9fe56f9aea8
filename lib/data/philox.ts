/**
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11), for what the host draws itself.
 * The same numbers as native/core/philox.h.
 */

import { ArgumentError } from '../errors.js';

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const twoTo32 = 2 ** 32;

/** The high 32 bits of a product of two 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16); // below 2^32: exact
  const cross = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (cross >>> 16)) >>> 0;
}

/**
 * Writes the four random words at counter (high, low) under `key` into `words`. All three are whole numbers from 0 to
 * 2^53 - 1.
 */
export function philoxBlock(key: number, high: number, low: number, words: Uint32Array): void {
  let key0 = key >>> 0;
  let key1 = (key / twoTo32) >>> 0;
  let c0 = low >>> 0;
  let c1 = (low / twoTo32) >>> 0;
  let c2 = high >>> 0;
  let c3 = (high / twoTo32) >>> 0;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(multiplier0, c0);
    const high1 = multiplyHigh(multiplier1, c2);
    const low0 = Math.imul(multiplier0, c0) >>> 0;
    const low1 = Math.imul(multiplier1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ key0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ key1) >>> 0;
    c3 = low0;
    key0 = (key0 + 0x9e3779b9) >>> 0;
    key1 = (key1 + 0xbb67ae85) >>> 0;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/** A sequence of random words: a pure function of seed and stream. */
export class PhiloxSequence {
  readonly #seed: number;
  readonly #stream: number;
  readonly #words = new Uint32Array(4);
  #drawn = 0;

  /** @throws ArgumentError when one of them is no whole number from 0 to 2^53 - 1 */
  constructor(seed: number, stream = 0) {
    if (!Number.isSafeInteger(seed) || seed < 0 || !Number.isSafeInteger(stream) || stream < 0) {
      throw new ArgumentError(
        `Expected whole numbers from 0 to 2^53 - 1 as seed and stream, got ${seed}, ${stream}.`,
      );
    }
    this.#seed = seed;
    this.#stream = stream;
  }

  /** 32 random bits. */
  word(): number {
    const place = this.#drawn & 3;
    if (place === 0) philoxBlock(this.#seed, this.#stream, Math.floor(this.#drawn / 4), this.#words);
    this.#drawn++;
    return this.#words[place]!;
  }

  /** A whole number in [0, bound), each equally likely; bound from 1 to 2^32. */
  below(bound: number): number {
    const fair = twoTo32 - (twoTo32 % bound);
    let word = this.word();
    while (word >= fair) word = this.word();
    return word % bound;
  }
}

/** 0 .. count - 1 in random order (Fisher-Yates): a pure function of seed and stream. */
export function permutation(count: number, seed: number, stream = 0): Int32Array {
  const random = new PhiloxSequence(seed, stream);
  const order = Int32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const chosen = random.below(last + 1);
    const moved = order[last]!;
    order[last] = order[chosen]!;
    order[chosen] = moved;
  }
  return order;
}
