import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { checkGradients, expectClose, normal } from './finite-differences.js';

describe('cosineSimilarity', () => {
  it('is the cosine of the angle, whatever the lengths', () => {
    L.scope(() => {
      const a = L.tensor([
        [3, 0],
        [1, 1],
        [-2, 0],
        [0, 0],
      ]);
      const b = L.tensor([
        [0, 5],
        [10, 0],
        [0.5, 0],
        [1, 2],
      ]);
      expectClose(L.cosineSimilarity(a, b).dataSync(), [0, Math.SQRT1_2, -1, 0]);
    });
  });

  it('has the gradient of finite differences', () => {
    checkGradients((a, b) => L.cosineSimilarity(a, b), [normal([4, 6], 1), normal([4, 6], 2)]);
  });

  it('has a finite gradient at 0: that of b / (eps ||b||)', () => {
    L.scope(() => {
      const a = L.zeros([1, 2], { requiresGrad: true });
      const [gradient] = L.grad(L.cosineSimilarity(a, L.tensor([[3, 4]]), { eps: 0.1 }), [a]);
      expectClose(gradient.dataSync(), [6, 8]);
    });
  });

  it('refuses vectors of another length', () => {
    L.scope(() => {
      expect(() => L.cosineSimilarity(L.ones([2, 3]), L.ones([2, 4]))).toThrow(L.ShapeError);
    });
  });
});
