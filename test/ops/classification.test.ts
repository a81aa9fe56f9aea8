import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { checkGradients, expectClose, normal } from './finite-differences.js';

const logits = normal([4, 6], 1);

function logSoftmaxOf(row: number[]): number[] {
  const largest = Math.max(...row);
  const logSum = Math.log(row.reduce((sum, value) => sum + Math.exp(value - largest), 0)) + largest;
  return row.map((value) => value - logSum);
}

const rows = [0, 1, 2, 3].map((i) => logSoftmaxOf([...logits.values.subarray(i * 6, i * 6 + 6)]));

describe('softmax', () => {
  it('agrees with the definition', () => {
    L.scope(() => {
      const x = L.tensor(logits.values, logits.shape);
      expectClose(L.logSoftmax(x).dataSync(), rows.flat());
      expectClose(L.softmax(x).dataSync(), rows.flat().map(Math.exp));
    });
  });

  it('does not overflow', () => {
    L.scope(() => expectClose(L.softmax(L.tensor([[1000, 1000]])).dataSync(), [0.5, 0.5]));
  });

  it('has the gradient of finite differences', () => {
    checkGradients(L.softmax, [logits]);
    checkGradients(L.logSoftmax, [logits]);
  });
});

describe('crossEntropy', () => {
  const labels = Int32Array.of(3, 0, 5, 1);

  it('agrees with the definition, with smoothing too', () => {
    L.scope(() => {
      const x = L.tensor(logits.values, logits.shape);
      const y = L.tensor(labels);
      const hard = rows.map((row, i) => -row[labels[i]!]!);
      const uniform = rows.map((row) => -row.reduce((sum, value) => sum + value, 0) / 6);
      expectClose(L.crossEntropy(x, y, { reduction: 'none' }).dataSync(), hard);
      const mean = (values: number[]): number =>
        values.reduce((sum, value) => sum + value, 0) / values.length;
      expectClose(L.crossEntropy(x, y).dataSync(), [mean(hard)]);
      const smoothed = mean(hard.map((value, i) => 0.9 * value + 0.1 * uniform[i]!));
      expectClose(L.crossEntropy(x, y, { smoothing: 0.1 }).dataSync(), [smoothed]);
    });
  });

  it('has the gradient of finite differences', () => {
    L.scope(() => {
      const y = L.tensor(labels);
      checkGradients((x) => L.crossEntropy(x, y), [logits]);
      checkGradients((x) => L.crossEntropy(x, y, { reduction: 'none', smoothing: 0.2 }), [logits]);
    });
  });

  it('refuses labels that do not fit: shapes at the call, values when awaited', async () => {
    await L.scope(async () => {
      expect(() => L.crossEntropy(L.ones([2, 3]), L.tensor(Int32Array.of(1)))).toThrow(L.ShapeError);
      const bad = L.crossEntropy(L.ones([2, 3]), L.tensor(Int32Array.of(1, 3)));
      await expect(bad.item()).rejects.toThrow(L.IndexRangeError);
      await expect(L.device().synchronize()).rejects.toThrow(L.IndexRangeError);
      await L.device().synchronize();
    });
  });
});
