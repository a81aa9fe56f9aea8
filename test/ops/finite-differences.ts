/** Gradients through the public API against central differences, element by element. */

import { expect } from 'vitest';
import { add, grad, noGrad, randn, scope, type Tensor, tensor } from '../../lib/index.js';

export interface Leaf {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Values in no order, at least `gap` apart and off zero: no ties and no kinks within a difference's step. */
export function spread(shape: readonly number[], { gap = 0.13, offset = 0.05 } = {}): Leaf {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const stride = [7, 11, 13, 17].find((candidate) => size % candidate !== 0) ?? 1;
  const values = Float32Array.from({ length: size }, (_, i) => {
    return offset + gap * (((i * stride) % size) - size / 2);
  });
  return { shape, values };
}

/** Standard normal values. */
export function normal(shape: readonly number[], seed: number): Leaf {
  return scope(() => ({ shape, values: randn(shape, { seed }).dataSync() }));
}

/**
 * Checks d sum(f(xs) * r) / d xs, with fixed random weights r, for every element of every leaf. A difference is exact to
 * about 1e-7 |sum| / step + step^2 / 6 |f'''|, so the tolerance is relative to the largest gradient.
 */
export function checkGradients(
  f: (...xs: Tensor[]) => Tensor,
  leaves: readonly Leaf[],
  { step = 1e-2, tolerance = 5e-3 } = {},
): void {
  scope(() => {
    const make = (requiresGrad: boolean): Tensor[] =>
      leaves.map((leaf) => tensor(leaf.values, leaf.shape, { requiresGrad }));
    const xs = make(true);
    const y = f(...xs);
    const weights = randn(y.shape, { seed: 99 });
    const gradients = grad(y, xs, { seed: weights }).map((gradient) => gradient.dataSync());
    const weightValues = weights.dataSync();
    const value = (inputs: Tensor[]): number => {
      const outputs = noGrad(() => f(...inputs)).dataSync();
      return outputs.reduce((total, output, i) => total + output * weightValues[i]!, 0);
    };
    for (const [which, leaf] of leaves.entries()) {
      const differences = Float64Array.from(leaf.values, (_, element) =>
        scope(() => {
          const at = (offset: number): number => {
            const inputs = make(false);
            const delta = new Float32Array(leaf.values.length);
            delta[element] = offset;
            inputs[which] = add(inputs[which]!, tensor(delta, leaf.shape));
            return value(inputs);
          };
          return (at(step) - at(-step)) / (2 * step);
        }),
      );
      const largest = Math.max(...differences.map(Math.abs), 1e-3);
      const worst = Math.max(
        ...differences.map((difference, i) => Math.abs(difference - gradients[which]![i]!)),
      );
      expect(worst / largest, `gradient of input ${which}`).toBeLessThan(tolerance);
    }
  });
}

export function expectClose(actual: ArrayLike<number>, expected: readonly number[], tolerance = 1e-5): void {
  expect(actual.length).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs), 1e-6);
  for (const [i, value] of expected.entries()) {
    expect(Math.abs(actual[i]! - value) / largest, `element ${i}: ${actual[i]} for ${value}`).toBeLessThan(
      tolerance,
    );
  }
}
