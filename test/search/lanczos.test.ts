import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PhiloxSequence } from '../../lib/data/philox.js';
import { ArgumentError, NonFiniteError, ShapeError } from '../../lib/errors.js';
import { lanczos, type MatrixVectorProduct } from '../../lib/search/diagnostics/lanczos.js';
import { tridiagonalEigenpairs } from '../../lib/search/diagnostics/symmetric-tridiagonal.js';

/** A symmetric matrix of this spectrum that is not diagonal: a product of Householder reflections on both sides. */
function ofSpectrum(spectrum: readonly number[], seed = 1): MatrixVectorProduct {
  const random = new PhiloxSequence(seed);
  const mirrors = Array.from({ length: 3 }, () => {
    const mirror = spectrum.map(() => random.word() / 2 ** 31 - 1);
    const length = Math.hypot(...mirror);
    return mirror.map((x) => x / length);
  });
  const reflect = (vector: number[], mirror: readonly number[]): number[] => {
    const along = vector.reduce((sum, x, i) => sum + x * mirror[i]!, 0);
    return vector.map((x, i) => x - 2 * along * mirror[i]!);
  };
  return async (vector) => {
    const turned = mirrors.reduce(reflect, [...vector]).map((x, i) => x * spectrum[i]!);
    return Float64Array.from(mirrors.reduceRight(reflect, turned));
  };
}

const largestResidual = 1e-10;

describe('lanczos', () => {
  it.each([
    ['positive', [1, 2, 3, 4, 10]],
    ['negative by modulus', [-50, -3, 0.5, 1, 2]],
    ['all negative', [-9, -4, -3, -0.25]],
    ['multiple', [2, 2, 2, -1, -1, 0]],
    ['a multiple of the identity', [3, 3, 3, 3]],
    ['zero', [0, 0, 0]],
    ['of dimension 1', [-7]],
    ['of very different sizes', [1e-9, 1, 1e6, -1e6]],
  ])('finds the ends of a spectrum: %s', async (_, spectrum) => {
    const { largest, smallest, steps } = await lanczos(ofSpectrum(spectrum), spectrum.length);
    const scale = Math.max(...spectrum.map(Math.abs), 1);
    expect(Math.abs(largest.value - Math.max(...spectrum))).toBeLessThan(largestResidual * scale);
    expect(Math.abs(smallest.value - Math.min(...spectrum))).toBeLessThan(largestResidual * scale);
    expect(largest.residual).toBeLessThan(largestResidual * scale);
    expect(steps).toBe(new Set(spectrum).size);
  });

  it('bounds the error by its residual, from within the spectrum, in 20 of 224 dimensions', async () => {
    const spectrum = Array.from({ length: 224 }, (_, i) => (i === 223 ? 3 : Math.sin(i)));
    spectrum[0] = -8;
    const { largest, smallest, steps } = await lanczos(ofSpectrum(spectrum), 224, { seed: 5 });
    expect(steps).toBe(20);
    expect(largest.value).toBeLessThanOrEqual(3 + 1e-12);
    expect(3 - largest.value).toBeLessThanOrEqual(largest.residual + 1e-12);
    expect(3 - largest.value).toBeLessThan(1e-6);
    expect(Math.abs(smallest.value + 8)).toBeLessThan(1e-9);
    expect(Math.hypot(...largest.vector)).toBeCloseTo(1, 12);
  });

  it('has a residual of what its products are inexact by', async () => {
    const exact = ofSpectrum([5, 1, 0, -2]);
    const skewed: MatrixVectorProduct = async (vector) => {
      const image = await exact(vector);
      image[0]! += 0.1 * vector[1]!;
      image[1]! -= 0.1 * vector[0]!;
      return image;
    };
    const { largest } = await lanczos(skewed, 4);
    expect(largest.residual).toBeGreaterThan(1e-3);
    expect(largest.residual).toBeLessThan(0.2);
  });

  it('is a function of the seed', async () => {
    const product = ofSpectrum(Array.from({ length: 60 }, (_, i) => Math.cos(i)));
    const run = (seed: number) => lanczos(product, 60, { steps: 5, seed });
    expect(await run(1)).toEqual(await run(1));
    expect((await run(1)).largest.value).not.toBe((await run(2)).largest.value);
  });

  it('refuses what makes no sense', async () => {
    const product = ofSpectrum([1, 2]);
    await expect(lanczos(product, 0)).rejects.toThrow(ArgumentError);
    await expect(lanczos(product, 2, { steps: 1.5 })).rejects.toThrow(ArgumentError);
    await expect(lanczos(async () => new Float64Array(3), 2)).rejects.toThrow(ShapeError);
    await expect(lanczos(async () => Float64Array.of(1, Number.NaN), 2)).rejects.toThrow(NonFiniteError);
  });
});

describe('eigenpairs of tridiagonal matrices', () => {
  it('are those of the second difference', () => {
    const n = 12;
    const { values } = tridiagonalEigenpairs(Array(n).fill(2), Array(n - 1).fill(-1));
    for (const [k, value] of values.entries()) {
      expect(value).toBeCloseTo(2 - 2 * Math.cos(((k + 1) * Math.PI) / (n + 1)), 13);
    }
  });

  it('satisfy T y = value y, with vectors that are orthonormal', () => {
    // Zeros beside the diagonal split the matrix.
    const entry = fc.oneof(
      fc.double({ min: -10, max: 10, noNaN: true }),
      fc.constantFrom(0, 1, 1e-20, 1e-300),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(entry, entry), { minLength: 1, maxLength: 24 }), (pairs) => {
        const diagonal = pairs.map(([d]) => d);
        const beside = pairs.slice(1).map(([, e]) => e);
        const { values, vectors } = tridiagonalEigenpairs(diagonal, beside);
        for (const [k, y] of vectors.entries()) {
          for (const [i, d] of diagonal.entries()) {
            const image =
              d * y[i]! + (beside[i - 1] ?? 0) * (y[i - 1] ?? 0) + (beside[i] ?? 0) * (y[i + 1] ?? 0);
            expect(Math.abs(image - values[k]! * y[i]!)).toBeLessThan(1e-12);
          }
          for (const [l, other] of vectors.entries()) {
            const inner = y.reduce((sum, x, i) => sum + x * other[i]!, 0);
            expect(Math.abs(inner - (k === l ? 1 : 0))).toBeLessThan(1e-12);
          }
        }
        expect([...values]).toEqual([...values].sort((a, b) => a - b));
      }),
      { numRuns: 60 },
    );
  });

  it('refuse lengths that do not fit and numbers that are none', () => {
    expect(() => tridiagonalEigenpairs([1, 2], [])).toThrow(ArgumentError);
    expect(() => tridiagonalEigenpairs([], [])).toThrow(ArgumentError);
    expect(() => tridiagonalEigenpairs([1, Number.NaN], [1])).toThrow(NonFiniteError);
  });
});
