import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { expectClose } from '../ops/finite-differences.js';
import '../collect-garbage.js';

const rows = [
  [1, -2],
  [3, 4],
];

describe('BatchNorm1d', () => {
  it('normalises by the batch in training, by the running statistics in evaluation', () => {
    using layer = new L.BatchNorm1d(2, { momentum: 1 });
    L.scope(() => {
      const x = L.tensor(rows);
      expectClose(layer.forward(x).dataSync(), [-1, -1, 1, 1], 1e-4);
      expectClose(layer.running_mean.dataSync(), [2, 1]);
      expectClose(layer.running_var.dataSync(), [2, 18]);
      layer.eval();
      expectClose(layer.forward(L.tensor([[2, 1 + Math.sqrt(18)]])).dataSync(), [0, 1], 1e-4);
    });
  });

  it('has neither scale nor shift without affine', () => {
    using plain = new L.BatchNorm1d(2, { affine: false });
    using affine = new L.BatchNorm1d(2);
    expect([...plain.stateDict().keys()]).toEqual(['running_mean', 'running_var']);
    expect([...affine.stateDict().keys()]).toEqual(['weight', 'bias', 'running_mean', 'running_var']);
    L.scope(() => {
      const x = L.tensor(rows);
      expect(plain.forward(x).dataSync()).toEqual(affine.forward(x).dataSync());
    });
  });

  it("takes PyTorch's state, whose counter of batches it has no use for", async () => {
    using trained = new L.BatchNorm1d(2);
    using layer = new L.BatchNorm1d(2);
    L.scope(() => void trained.forward(L.tensor(rows)));
    const state = await L.toTorchState(trained);
    state.set('num_batches_tracked', { dtype: 'i32', shape: [], data: new Int32Array([1]) });
    L.fromTorchState(layer, state);
    expect(layer.running_var.dataSync()).toEqual(trained.running_var.dataSync());
  });

  it('refuses what is not [N, C], and vectors of another length', () => {
    using layer = new L.BatchNorm1d(2);
    L.scope(() => {
      expect(() => layer.forward(L.ones([2, 4, 4, 2]))).toThrow(L.ShapeError);
      expect(() => layer.forward(L.ones([2, 3]))).toThrow(L.ShapeError);
    });
  });
});
