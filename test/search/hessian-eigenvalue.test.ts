import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArgumentError, BatchNorm2d, noGrad, ones, rand, type Tensor, tensor } from '../../lib/index.js';
import { Parameter } from '../../lib/nn/parameter.js';
import { hessianEigenvalue } from '../../lib/search/diagnostics/hessian-eigenvalue.js';
import '../collect-garbage.js';

let network: BatchNorm2d;
let alphas: readonly [Parameter, Parameter];

beforeEach(() => {
  network = new BatchNorm2d(3);
  alphas = [
    new Parameter(rand([2, 2], { seed: 1, low: -1, high: 1 })),
    new Parameter(rand([3], { seed: 2, low: -1, high: 1 })),
  ];
});
afterEach(() => {
  network.dispose();
  for (const alpha of alphas) alpha.dispose();
});

/** (4 sum a^2 - 9 sum b^2) / 2 and a coupling of its first elements: 4, -9 and the eigenvalues of [[4, 5], [5, -9]]. */
function saddle(): Tensor {
  const [a, b] = alphas;
  const corner = tensor([1, 0, 0, 0]).reshape([2, 2]);
  const coupling = a
    .mul(corner)
    .sum()
    .mul(b.mul(tensor([1, 0, 0])).sum());
  return a.square().sum().affine(2, 0).add(b.square().sum().affine(-4.5, 0)).add(coupling.affine(5, 0));
}

describe('the largest eigenvalue of a Hessian', () => {
  it('is the algebraic one, over all alphas together', async () => {
    const wanted = (-5 + Math.sqrt(13 ** 2 + 4 * 25)) / 2;
    const found = await hessianEigenvalue(saddle, alphas, { network });
    expect(found.largest).toBeCloseTo(wanted, 3);
    expect(found.confirmed).toBeCloseTo(wanted, 3);
    expect(found.residual).toBeLessThan(1e-2);
    const decayed = await hessianEigenvalue(saddle, alphas, { network, weightDecay: 2 });
    expect(decayed.largest).toBe(found.largest + 2);
    expect(decayed.confirmed).toBe(found.confirmed + 2);
  });

  it('counts alphas that the loss does not use as flat', async () => {
    const found = await hessianEigenvalue(() => alphas[1].square().sum().neg(), alphas, { network });
    expect(Math.abs(found.largest)).toBeLessThan(1e-4);
  });

  it('runs the network in training mode with still statistics, and leaves everything as it was', async () => {
    network.eval();
    const before = alphas.map((alpha) => alpha.dataSync());
    const modes: boolean[] = [];
    const failing = (): Tensor => {
      modes.push(network.training, network.updateStatistics);
      if (modes.length === 8) throw new Error('planted');
      network.forward(ones([2, 2, 2, 3]).mul(7));
      return saddle();
    };
    await expect(hessianEigenvalue(failing, alphas, { network })).rejects.toThrow('planted');
    expect(modes).toEqual([true, false, true, false, true, false, true, false]);
    expect([network.training, network.updateStatistics]).toEqual([false, true]);
    expect(network.running_mean.dataSync()).toEqual(Float32Array.of(0, 0, 0));
    expect(alphas.map((alpha) => alpha.dataSync())).toEqual(before);
  });

  it('refuses what makes no sense', async () => {
    const unrelated = new Parameter(ones([1]));
    await expect(hessianEigenvalue(() => unrelated.square().sum(), alphas, { network })).rejects.toThrow(
      ArgumentError,
    );
    await expect(hessianEigenvalue(saddle, alphas, { network, step: 0 })).rejects.toThrow(ArgumentError);
    await expect(hessianEigenvalue(saddle, alphas, { network, weightDecay: -1 })).rejects.toThrow(
      ArgumentError,
    );
    await expect(hessianEigenvalue(saddle, [], { network })).rejects.toThrow(ArgumentError);
    noGrad(() => unrelated.dispose());
  });
});
