import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { checkGradients, expectClose, normal } from './finite-differences.js';

const x = normal([4, 2, 3, 5], 1);
const gamma = normal([5], 2);
const beta = normal([5], 3);

describe('batchNorm', () => {
  it('normalises by the statistics of the batch', () => {
    L.scope(() => {
      const y = L.batchNorm(L.tensor(x.values, x.shape), { training: true });
      const rows = x.values.length / 5;
      const expected = Array.from(x.values, (value, i) => {
        const channel = x.values.filter((_, j) => j % 5 === i % 5);
        const mean = channel.reduce((sum, each) => sum + each, 0) / rows;
        const variance = channel.reduce((sum, each) => sum + (each - mean) ** 2, 0) / rows;
        return (value - mean) / Math.sqrt(variance + 1e-5);
      });
      expectClose(y.dataSync(), expected);
    });
  });

  it('moves the running statistics in training alone, by the unbiased variance', () => {
    L.scope(() => {
      const input = L.tensor([[1], [3]]);
      const runningMean = L.zeros([1]);
      const runningVariance = L.ones([1]);
      L.batchNorm(input, { training: true, runningMean, runningVariance, momentum: 0.5 });
      expect(runningMean.itemSync()).toBeCloseTo(1, 6);
      expect(runningVariance.itemSync()).toBeCloseTo(0.5 + 0.5 * 2, 6);
      L.batchNorm(input, { training: true, update: false, runningMean, runningVariance });
      L.batchNorm(input, { training: false, runningMean, runningVariance });
      expect(runningMean.itemSync()).toBeCloseTo(1, 6);
    });
  });

  it('has the gradient of finite differences', () => {
    checkGradients(
      (input, g, b) => L.batchNorm(input, { gamma: g, beta: b, training: true }),
      [x, gamma, beta],
    );
    L.scope(() => {
      const runningMean = L.tensor([0.1, -0.2, 0.3, 0, 1]);
      const runningVariance = L.tensor([1, 2, 0.5, 1.5, 1]);
      const state = { training: false, runningMean, runningVariance };
      checkGradients((input, g, b) => L.batchNorm(input, { ...state, gamma: g, beta: b }), [x, gamma, beta]);
    });
  });

  it('refuses evaluation without running statistics, and vectors of another length', () => {
    L.scope(() => {
      expect(() => L.batchNorm(L.ones([2, 3]), { training: false })).toThrow(L.ArgumentError);
      const state = { training: true, gamma: L.ones([2]), beta: L.ones([2]) };
      expect(() => L.batchNorm(L.ones([2, 3]), state)).toThrow(L.ShapeError);
    });
  });
});
