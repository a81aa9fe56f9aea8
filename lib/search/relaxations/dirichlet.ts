/**
 * DrNAS (Chen et al., arXiv 2006.10355): the weights of an edge are drawn from Dir(ELU(alpha) + 1), with the gradient of the sample
 * in its concentrations (implicit reparameterisation, as PyTorch's `Dirichlet.rsample` has it):
 *
 *     dL/dc_k = d_k (dL/dx_k - sum_j x_j dL/dx_j),   d_k = -(d I_{x_k}(c_k, s - c_k) / d c_k) / p(x_k) / (1 - x_k),   s = sum c
 *
 * Samples and d are made on the host in float64: they are few, and need alphas that only the device knows.
 */

import { PhiloxSequence } from '../../data/philox.js';
import { StateBuffer } from '../../nn/parameter.js';
import { zeros } from '../../ops/create.js';
import { add, elu, mul, sub } from '../../ops/elementwise.js';
import { sum } from '../../ops/reduce.js';
import { softmax } from '../../ops/softmax.js';
import type { Tensor } from '../../tensor.js';
import { DRAWING_PARTS, passStream } from '../pass.js';
import { betaSampleGradient } from './beta-distribution.js';
import { byGroup, type Relaxation, type RelaxationContext } from './relaxation.js';

/** Weights are kept this far from 0 and 1, where logarithms end. */
const EDGE = 1e-7;

/** [edges, candidates] -> concentrations, above 0. */
export function concentrations(alphas: Tensor): Tensor {
  return elu(alphas).affine(1, 1);
}

/** The value of a sample x, and the gradient of its concentrations by d; all [edges, candidates]. */
export function reparameterized(concentration: Tensor, x: Tensor, d: Tensor): Tensor {
  const still = mul(d, sub(concentration, concentration.detach())); // 0, with d as its gradient
  return add(x, sub(still, mul(x, sum(still, 1, { keepDims: true }))));
}

export function dirichletRelaxation({ architecture, seed }: RelaxationContext): Relaxation {
  const drawn = new Map(
    [...architecture.byGroup].map(([name, { alphas }]) => [
      name,
      { x: new StateBuffer(zeros(alphas.shape)), d: new StateBuffer(zeros(alphas.shape)) },
    ]),
  );
  return {
    sampled: true,
    async draw(pass) {
      const random = new PhiloxSequence(seed, passStream(DRAWING_PARTS.relaxation, pass));
      for (const [name, { x, d }] of drawn) {
        const { alphas } = architecture.byGroup.get(name)!;
        const values = await alphas.data();
        const candidates = alphas.shape[1]!;
        const samples = new Float32Array(values.length);
        const slopes = new Float32Array(values.length);
        for (let start = 0; start < values.length; start += candidates) {
          const c = Array.from(values.subarray(start, start + candidates), (a) =>
            a > 0 ? a + 1 : Math.exp(a),
          );
          const { sample, gradient } = sampleDirichlet(c, random);
          samples.set(sample, start);
          slopes.set(gradient, start);
        }
        x.write(samples);
        d.write(slopes);
      }
    },
    mixture: () =>
      byGroup(architecture, (alphas, name) => {
        const { x, d } = drawn.get(name)!;
        return { weights: reparameterized(concentrations(alphas), x, d) };
      }),
    strengths: () => byGroup(architecture, (alphas) => softmax(alphas)),
    [Symbol.dispose]: () => {
      for (const { x, d } of drawn.values()) {
        x.dispose();
        d.dispose();
      }
    },
  };
}

/** A sample x of Dir(c), and the d of its gradient. */
export function sampleDirichlet(
  c: readonly number[],
  random: PhiloxSequence,
): { readonly sample: number[]; readonly gradient: number[] } {
  const logs = c.map((shape) => logGammaSample(shape, random));
  const largest = Math.max(...logs);
  const gammas = logs.map((value) => Math.exp(value - largest));
  const total = gammas.reduce((a, b) => a + b, 0);
  const all = c.reduce((a, b) => a + b, 0);
  const sample = gammas.map((gamma) => Math.min(1 - EDGE, Math.max(EDGE, gamma / total)));
  return { sample, gradient: sample.map((x, k) => betaSampleGradient(x, c[k]!, all - c[k]!)) };
}

/** The logarithm of a sample of Gamma(shape, 1): Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. */
function logGammaSample(shape: number, random: PhiloxSequence): number {
  const uniform = () => (random.word() + 0.5) / 2 ** 32;
  // Below 1 a sample of shape + 1 is scaled down; in logarithms, as it may be too small for a number.
  if (shape < 1) return logGammaSample(shape + 1, random) + Math.log(uniform()) / shape;
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const normal = Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    const v = (1 + c * normal) ** 3;
    if (v <= 0) continue;
    if (Math.log(uniform()) < 0.5 * normal ** 2 + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}
