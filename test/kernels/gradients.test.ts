/**
 * The backward kernels in float64 against central differences of the forward kernels in float64: both `ref64`, which every
 * implementation is held to. A random direction v through all elements: (f(x + h v) - f(x - h v)) . dy / 2h = dx . v.
 */

import { describe, expect, it } from 'vitest';
import { randomSource } from '../../lib/bench/random-source.js';
import { addon } from '../../lib/native-addon.js';

type Operand = Float64Array | Int32Array | null;
type Named = Readonly<Record<string, Operand>>;

/** Runs ref64 on named operands; those that are not given are made anew. Returns all. */
function run(kernel: string, problem: string, given: Named): Record<string, Operand> {
  const specs = addon.kernelOperands(kernel, problem);
  const operands = specs.map(({ name, dtype, count }): Operand => {
    if (count === 0) return null;
    return given[name] ?? (dtype === 'f32' ? new Float64Array(count) : new Int32Array(count));
  });
  addon.runKernel(kernel, problem, 'ref64', operands);
  return Object.fromEntries(specs.map(({ name }, place) => [name, operands[place] ?? null]));
}

/** Numbers in [-1, 1) that depend on the seed only. */
function numbers(count: number, seed: number): Float64Array {
  const random = randomSource(seed);
  return Float64Array.from({ length: count }, () => 2 * random() - 1);
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const f64 = (operand: Operand | undefined): Float64Array => operand as Float64Array;

function expectGradient(
  x: Float64Array,
  forward: (x: Float64Array) => Float64Array,
  backward: (dy: Float64Array) => Float64Array,
): void {
  const h = 1e-5;
  const v = numbers(x.length, 7);
  const moved = (step: number): Float64Array => forward(x.map((value, i) => value + step * v[i]!)).slice();
  const ahead = moved(h);
  const behind = moved(-h);
  const dy = numbers(ahead.length, 9);
  const difference = (dot(ahead, dy) - dot(behind, dy)) / (2 * h);
  const gradient = dot(backward(dy), v);
  expect(Math.abs(gradient)).toBeGreaterThan(1e-6); // a case that proves nothing is an error
  expect(Math.abs(gradient - difference)).toBeLessThanOrEqual(1e-7 * Math.max(1, Math.abs(gradient)));
}

const count = (kernel: string, problem: string, name: string): number =>
  addon.kernelOperands(kernel, problem).find((operand) => operand.name === name)!.count;

describe('gradients in float64 equal central differences', () => {
  it.each([
    'N=2 H=5 W=7 C=3 K=5 R=3 S=3 pad_h=1 pad_w=1',
    'N=1 H=7 W=5 C=2 K=3 R=3 S=2 stride_h=2 stride_w=3 pad_h=1 pad_w=0',
    'N=2 H=9 W=8 C=4 K=6 R=3 S=3 dilation_h=2 dilation_w=2 groups=2',
    'N=1 H=1 W=1 C=1 K=1',
  ])('convolution %s', (problem) => {
    const x = numbers(count('conv2d_fprop', problem, 'x'), 1);
    const filter = numbers(count('conv2d_fprop', problem, 'filter'), 2);
    const y = (given: Named) => f64(run('conv2d_fprop', problem, given).y);
    expectGradient(
      x,
      (moved) => y({ x: moved, filter }),
      (dy) => f64(run('conv2d_dgrad', problem, { dy, filter }).dx),
    );
    expectGradient(
      filter,
      (moved) => y({ x, filter: moved }),
      (dy) => f64(run('conv2d_wgrad', problem, { x, dy }).dfilter),
    );
  });

  it('the filter gradient of a convolution with a prologue', () => {
    const problem = 'N=2 H=4 W=5 C=3 K=4 R=3 S=3 pad_h=1 pad_w=1 prologue=affine_relu';
    const x = numbers(count('conv2d_fprop', problem, 'x'), 1);
    const affine = { in_scale: numbers(3, 3), in_shift: numbers(3, 4) };
    expectGradient(
      numbers(count('conv2d_fprop', problem, 'filter'), 2),
      (filter) => f64(run('conv2d_fprop', problem, { x, filter, ...affine }).y),
      (dy) => f64(run('conv2d_wgrad', problem, { x, dy, ...affine }).dfilter),
    );
  });

  it('batch normalisation in training, through its statistics, with gamma and beta', () => {
    const rows = 11;
    const channels = 3;
    const size = `rows=${rows} channels=${channels}`;
    const x = numbers(rows * channels, 1);
    const gamma = numbers(channels, 2);
    const beta = numbers(channels, 3);
    const fold = (input: Float64Array, scale = gamma, shift = beta) => {
      const { mean, variance } = run('batch_norm_statistics', size, { x: input });
      const folded = run('batch_norm_fold', size, {
        mean: mean!,
        variance: variance!,
        gamma: scale,
        beta: shift,
      });
      return { mean: mean!, scale: folded.scale!, shift: folded.shift!, invstd: folded.invstd! };
    };
    const forward = (input: Float64Array, g = gamma, b = beta): Float64Array => {
      const { scale, shift } = fold(input, g, b);
      return f64(run('normalize', size, { a: input, a_scale: scale, a_shift: shift }).y);
    };
    const sums = (dz: Float64Array) => run('batch_norm_reduce', size, { dz, x, ...fold(x) });
    expectGradient(
      x,
      (moved) => forward(moved),
      (dz) => {
        const { sum_dz, sum_dz_xhat } = sums(dz);
        return f64(
          run('batch_norm_dgrad', size, {
            dz,
            x,
            ...fold(x),
            sum_dz: sum_dz!,
            sum_dz_xhat: sum_dz_xhat!,
          }).dx,
        );
      },
    );
    expectGradient(
      gamma,
      (moved) => forward(x, moved),
      (dz) => f64(sums(dz).sum_dz_xhat),
    );
    expectGradient(
      beta,
      (moved) => forward(x, gamma, moved),
      (dz) => f64(sums(dz).sum_dz),
    );
  });

  it.each(['kind=max', 'kind=average', 'kind=average count_padding=0'])('pooling %s', (kind) => {
    const problem = `N=2 H=7 W=5 C=3 R=3 S=2 stride_h=2 stride_w=2 pad_h=1 pad_w=1 ${kind}`;
    const x = numbers(2 * 7 * 5 * 3, 1);
    const { index } = run('pool_fprop', problem, { x });
    expectGradient(
      x,
      (moved) => f64(run('pool_fprop', problem, { x: moved }).y),
      (dy) => f64(run('pool_dgrad', problem, { dy, index: index! }).dx),
    );
  });

  it.each([
    ['relu', 'x'],
    ['relu6', 'x'],
    ['sigmoid', 'y'],
    ['tanh', 'y'],
    ['exp', 'y'],
    ['square', 'x'],
    ['abs', 'x'],
    ['negate', 'x'],
    ['affine p0=0.7 p1=2', 'x'],
    ['clamp p0=-0.5 p1=0.5', 'x'],
    ['silu', 'x'],
    ['hard_swish', 'x'],
    ['hard_sigmoid', 'x'],
    ['elu p0=0.7', 'x'],
    ['leaky_relu p0=0.2', 'x'],
    ['gelu', 'x'],
    ['gelu_tanh', 'x'],
  ])('unary %s', (kind, saves) => {
    const problem = `count=23 kind=${kind}`;
    const x = numbers(23, 1).map((value) => value + Math.sign(value) * 0.01); // away from the kink at 0
    const y = f64(run('unary_forward', problem, { x }).y);
    expectGradient(
      x,
      (moved) => f64(run('unary_forward', problem, { x: moved }).y),
      (dy) => f64(run('unary_backward', problem, { saved: saves === 'x' ? x : y, dy }).dx),
    );
  });

  it.each(['log', 'sqrt', 'reciprocal'])('unary %s, of positive numbers', (kind) => {
    const problem = `count=23 kind=${kind}`;
    const x = numbers(23, 1).map((value) => 1.5 + value);
    const y = f64(run('unary_forward', problem, { x }).y);
    expectGradient(
      x,
      (moved) => f64(run('unary_forward', problem, { x: moved }).y),
      (dy) => f64(run('unary_backward', problem, { saved: kind === 'log' ? x : y, dy }).dx),
    );
  });

  it.each(['log=0', 'log=1'])('softmax %s', (log) => {
    const problem = `rows=5 classes=7 ${log}`;
    const x = numbers(35, 1);
    const y = f64(run('softmax_forward', problem, { x }).y);
    expectGradient(
      x,
      (moved) => f64(run('softmax_forward', problem, { x: moved }).y),
      (dy) => f64(run('softmax_backward', problem, { y, dy }).dx),
    );
  });

  it.each(['smoothing=0', 'smoothing=0.1', 'smoothing=0.1 mean=0'])('cross-entropy %s', (options) => {
    const problem = `rows=5 classes=7 ${options}`;
    const logits = numbers(35, 1);
    const labels = Int32Array.from([0, 6, 3, 3, 1]);
    const { log_sum_exp } = run('cross_entropy_forward', problem, { logits, labels });
    expectGradient(
      logits,
      (moved) => f64(run('cross_entropy_forward', problem, { logits: moved, labels }).loss),
      (dloss) =>
        f64(
          run('cross_entropy_backward', problem, { logits, labels, log_sum_exp: log_sum_exp!, dloss })
            .dlogits,
        ),
    );
  });

  it('max over an axis', () => {
    const problem = 'outer=3 extent=5 inner=4 kind=max';
    const x = numbers(60, 1);
    const y = f64(run('reduce_forward', problem, { x }).y);
    expectGradient(
      x,
      (moved) => f64(run('reduce_forward', problem, { x: moved }).y),
      (dy) => f64(run('reduce_extreme_backward', problem, { x, y, dy }).dx),
    );
  });

  it('gather, with repeats', () => {
    const problem = 'outer=2 extent=5 inner=3 picks=4';
    const index = Int32Array.from([4, 0, 4, 2]);
    expectGradient(
      numbers(30, 1),
      (x) => f64(run('gather_forward', problem, { x, index }).y),
      (dy) => f64(run('gather_backward', problem, { dy, index }).dx),
    );
  });
});
