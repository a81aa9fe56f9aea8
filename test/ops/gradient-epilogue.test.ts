/** Sums of gradients and masks of ReLUs that dgrad does while it stores its result. */
import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { checkGradients, expectClose, normal } from './finite-differences.js';

const leaf = ({ values, shape }: ReturnType<typeof normal>): L.Tensor =>
  L.tensor(values, shape, { requiresGrad: true });

/** The kernels of `body`, with the number of their calls. */
async function kernelsOf(body: () => void): Promise<Map<string, number>> {
  const { rows } = await L.profile(async () => {
    body();
    await L.device().synchronize();
  });
  const calls = new Map<string, number>();
  for (const { kernel, calls: count } of rows) calls.set(kernel, (calls.get(kernel) ?? 0) + count);
  return calls;
}

/** Two residual blocks, the second with a projection: every kind of consumer of a rectified tensor. */
class Blocks {
  readonly x = leaf(normal([2, 6, 6, 8], 1));
  readonly filters = [
    normal([8, 3, 3, 8], 2),
    normal([8, 3, 3, 8], 3),
    normal([12, 3, 3, 8], 4),
    normal([12, 3, 3, 12], 5),
    normal([12, 1, 1, 8], 6),
  ].map(leaf);

  /** [the first block's result, the second's] */
  forward(training: boolean): readonly [L.Tensor, L.Tensor] {
    const norm = (channels: number): L.BatchNormState =>
      training
        ? { training }
        : { training, runningMean: L.full([channels], 0.1), runningVariance: L.full([channels], 40) };
    const [a, b, c, d, e] = this.filters as [L.Tensor, L.Tensor, L.Tensor, L.Tensor, L.Tensor];
    const stem = L.relu(this.x);
    const hidden = L.convBatchNorm(stem, a, { padding: 1, norm: norm(8) });
    const first = L.convBatchNormAdd(hidden, b, stem, { padding: 1, norm: norm(8) });
    const inner = L.convBatchNorm(first, c, { padding: 1, stride: 2, norm: norm(12) });
    const shortcut = L.convBatchNorm(first, e, { stride: 2, norm: norm(12), relu: false });
    return [first, L.convBatchNormAdd(inner, d, shortcut, { padding: 1, norm: norm(12) })];
  }

  dispose(): void {
    for (const tensor of [this.x, ...this.filters]) tensor.dispose();
  }
}

describe('the gradient of a rectified tensor', () => {
  it.each([true, false])(
    'has the same bits where it is asked for, so that its mask is a pass of its own (training: %s)',
    (training) => {
      L.scope(() => {
        const blocks = new Blocks();
        const leaves = [blocks.x, ...blocks.filters];
        const seed = L.randn([2, 3, 3, 12], { seed: 7 });
        const fused = L.grad(blocks.forward(training)[1], leaves, { seed });
        const [first, y] = blocks.forward(training);
        const [atFirst, ...apart] = L.grad(y, [first, ...leaves], { seed });
        for (const [i, gradient] of fused.entries())
          expect(gradient.dataSync()).toEqual(apart[i]!.dataSync());
        // What is asked for is the gradient of the value, not of what the ReLU was given.
        const shut = first.dataSync().findIndex((value, i) => value === 0 && atFirst!.dataSync()[i] !== 0);
        expect(shut).toBeGreaterThanOrEqual(0);
      });
    },
  );

  it('is summed and masked by dgrad', async () => {
    const blocks = new Blocks();
    for (const training of [true, false]) {
      const [, y] = blocks.forward(training);
      const seed = L.ones(y.shape);
      await L.device().synchronize();
      const calls = await kernelsOf(() => L.grad(y, [blocks.x], { seed }));
      expect(calls.get('conv2d_dgrad')).toBe(5);
      expect(calls.get('unary_backward')).toBe(1); // of y itself
      // In evaluation the scale of the normalisation goes into the five filters.
      expect(calls.get('binary') ?? 0).toBe(training ? 0 : 5);
      expect(calls.get('batch_norm_dgrad') ?? 0).toBe(training ? 5 : 0);
    }
    blocks.dispose();
  });

  it('waits for what other operations add', () => {
    L.scope(() => {
      const [x, w] = [leaf(normal([1, 5, 5, 4], 1)), leaf(normal([4, 3, 3, 4], 2))];
      const seed = L.randn([1, 5, 5, 4], { seed: 3 });
      const hidden = L.relu(x);
      // `hidden` is read before, beside and after the convolution, and by the convolution's own shortcut.
      const scaled = hidden.mul(2);
      const y = L.conv2d(hidden, w, { padding: 1 }).add(hidden.square()).add(scaled);
      const [dx] = L.grad(y, [x], { seed });
      const open = x.dataSync().map((value) => (value > 0 ? 1 : 0));
      const flat = L.tensor(hidden.dataSync(), hidden.shape, { requiresGrad: true });
      const whole = L.conv2d(flat, w, { padding: 1 }).add(flat.square()).add(flat.mul(2));
      const [unmasked] = L.grad(whole, [flat], { seed });
      expectClose(
        dx.dataSync(),
        [...unmasked.dataSync()].map((value, i) => value * open[i]!),
        1e-6,
      );
    });
  });

  it('is that of finite differences', () => {
    // Channels lie well above 0 or well below it, or between 0 and 6 or beyond.
    const shift = { values: Float32Array.of(3, -3, 9, -3, 3, 9), shape: [6] };
    const small = (shape: readonly number[], seed: number): ReturnType<typeof normal> => {
      const { values } = normal(shape, seed);
      return { values: values.map((value) => 0.1 * value), shape };
    };
    const parts = [small([2, 4, 4, 6], 1), small([6, 3, 3, 6], 2), small([6, 3, 3, 6], 3), shift];
    checkGradients((x: L.Tensor, first: L.Tensor, second: L.Tensor, bias: L.Tensor) => {
      const stem = x.add(bias).relu();
      const hidden = L.conv2d(stem.affine(0.1, 0), first, { padding: 1, bias }).relu6();
      return L.conv2d(hidden, second, { padding: 1 }).add(stem);
    }, parts);
  });

  it('is right in a second walk over a retained graph, and in a captured step', () => {
    L.scope(() => {
      const blocks = new Blocks();
      const [, y] = blocks.forward(false);
      const seed = L.ones(y.shape);
      const [once] = L.grad(y, [blocks.x], { seed, retain: true });
      const [twice] = L.grad(y, [blocks.x], { seed });
      expect(twice.dataSync()).toEqual(once.dataSync());
      const step = L.capture(() => L.grad(blocks.forward(false)[1], [blocks.x], { seed })[0]);
      expect(step.outputs.dataSync()).toEqual(once.dataSync());
      step.replay();
      expect(step.outputs.dataSync()).toEqual(once.dataSync());
      step.dispose();
    });
  });
});
