import { describe, expect, it } from 'vitest';
import { PhiloxSequence } from '../../lib/data/philox.js';
import { grad, scope, tensor } from '../../lib/index.js';
import { digamma, logGamma } from '../../lib/search/regularizers/gamma-functions.js';
import { betaSampleGradient, logGammaOf } from '../../lib/search/relaxations/beta-distribution.js';
import { reparameterized, sampleDirichlet } from '../../lib/search/relaxations/dirichlet.js';

describe('the beta distribution', () => {
  it('has the gradient of its samples where it is known in closed form', () => {
    // I_x(a, 1) = x^a, so -(d/da I) / p / (1 - x) = -x ln x / a / (1 - x).
    for (const a of [0.05, 0.7, 1, 3.5, 40]) {
      for (const x of [1e-6, 0.01, 0.3, 0.9, 0.9999]) {
        const exact = (-x * Math.log(x)) / a / (1 - x);
        expect(betaSampleGradient(x, a, 1) / exact).toBeCloseTo(1, 6);
      }
    }
    // I_x(1, b) = 1 - (1 - x)^b; its derivative in a at 1 has the integral of ln t (1 - t)^3, which is one of powers.
    const b = 4;
    const x = 0.3;
    const power = (n: number) => x ** (n + 1) * (Math.log(x) / (n + 1) - 1 / (n + 1) ** 2);
    const integral = power(0) - 3 * power(1) + 3 * power(2) - power(3);
    // B(a, b) has the logarithmic derivative psi(a) - psi(a + b), which is -(1 + 1/2 + 1/3 + 1/4) at a = 1, b = 4.
    const harmonic = 1 + 1 / 2 + 1 / 3 + 1 / 4;
    const slope = b * integral + (1 - (1 - x) ** b) * harmonic;
    const exact = -slope / (b * (1 - x) ** (b - 1)) / (1 - x);
    expect(betaSampleGradient(x, 1, b) / exact).toBeCloseTo(1, 6);
  });

  it('knows the gamma function', () => {
    expect(logGammaOf(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 12);
    expect(logGammaOf(11)).toBeCloseTo(Math.log(3_628_800), 10);
    scope(() => {
      const x = tensor([0.1, 1, 4.5, 11]);
      const values = logGamma(x).dataSync();
      for (const [i, value] of [0.1, 1, 4.5, 11].entries()) {
        expect(Math.abs(values[i]! - logGammaOf(value))).toBeLessThan(2e-5);
      }
      // psi(1) is minus Euler's constant.
      expect(digamma(x).dataSync()[1]).toBeCloseTo(-0.5772156649, 5);
    });
  });
});

describe('Dirichlet samples', () => {
  it('have the mean and the variance of their distribution, and repeat to the bit', () => {
    const c = [0.5, 1, 2.5];
    const random = new PhiloxSequence(7, 3);
    const draws = Array.from({ length: 20_000 }, () => sampleDirichlet(c, random).sample[2]!);
    const mean = draws.reduce((a, b) => a + b, 0) / draws.length;
    const variance = draws.reduce((a, x) => a + (x - mean) ** 2, 0) / draws.length;
    // Beta(2.5, 1.5)
    expect(mean).toBeCloseTo(2.5 / 4, 2);
    expect(variance).toBeCloseTo((2.5 * 1.5) / (16 * 5), 2);
    expect(sampleDirichlet(c, new PhiloxSequence(7, 3))).toEqual(
      sampleDirichlet(c, new PhiloxSequence(7, 3)),
    );
  });

  it('move with their concentrations as the mean of the distribution does', () => {
    // d E[x_0] / d c_0 = (s - c_0) / s^2: the mean over samples of the pathwise gradient.
    const c = [1.2, 0.8, 2];
    const random = new PhiloxSequence(1, 1);
    let sum = 0;
    const count = 20_000;
    for (let i = 0; i < count; i++) {
      const { sample, gradient } = sampleDirichlet(c, random);
      sum += gradient[0]! * (1 - sample[0]!);
    }
    expect(sum / count / ((4 - 1.2) / 16)).toBeCloseTo(1, 1);
  });

  it('keep their value and take the gradient of d', () => {
    scope(() => {
      const c = tensor([[1.2, 0.8, 2]]);
      c.requiresGrad = true;
      const x = tensor([[0.5, 0.2, 0.3]]);
      const d = tensor([[0.4, 0.6, 0.1]]);
      const y = reparameterized(c, x, d);
      expect(y.dataSync()).toEqual(x.dataSync());
      const g = tensor([[3, -1, 2]]);
      const [gradient] = grad(y.mul(g).sum(), [c]);
      const inner = 0.5 * 3 - 0.2 + 0.3 * 2;
      const expected = [0.4 * (3 - inner), 0.6 * (-1 - inner), 0.1 * (2 - inner)];
      for (const [k, value] of expected.entries()) expect(gradient.dataSync()[k]).toBeCloseTo(value, 5);
    });
  });
});
