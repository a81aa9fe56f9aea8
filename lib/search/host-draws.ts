/** Random numbers that the host draws for tensors of architecture parameters: few, and a function of seed and stream alone. */

import { PhiloxSequence } from '../data/philox.js';

/** Uniform in (0, 1), as the middle of one of 2^32 equal parts: neither end is drawn. */
export function uniforms(count: number, seed: number, stream: number): Float64Array {
  const random = new PhiloxSequence(seed, stream);
  return Float64Array.from({ length: count }, () => (random.word() + 0.5) / 2 ** 32);
}

/** Gumbel(0, 1): -log(-log u). */
export function gumbels(count: number, seed: number, stream: number): Float64Array {
  return uniforms(count, seed, stream).map((u) => -Math.log(-Math.log(u)));
}

/** Normal(0, 1), by Box and Muller. */
export function normals(count: number, seed: number, stream: number): Float64Array {
  const u = uniforms(2 * count, seed, stream);
  return Float64Array.from(
    { length: count },
    (_, i) => Math.sqrt(-2 * Math.log(u[2 * i]!)) * Math.cos(2 * Math.PI * u[2 * i + 1]!),
  );
}
