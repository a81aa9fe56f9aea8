import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { checkGradients, expectClose, normal } from './finite-differences.js';

const x = normal([2, 4, 4, 3], 1);
const [w1, w2] = [normal([4, 3, 3, 3], 2), normal([4, 3, 3, 4], 3)];
const [gamma, beta] = [normal([4], 4), normal([4], 5)];

/** Two fused convolutions and a residual sum. */
function fused(input: L.Tensor, first: L.Tensor, second: L.Tensor, g: L.Tensor, b: L.Tensor): L.Tensor {
  const norm = { gamma: g, beta: b, training: true };
  const hidden = L.convBatchNorm(input, first, { padding: 1, norm });
  const y = L.convBatchNorm(hidden, second, { padding: 1, norm, relu: false });
  return L.residual(y, hidden);
}

/** The same, unfused. */
function plain(input: L.Tensor, first: L.Tensor, second: L.Tensor, g: L.Tensor, b: L.Tensor): L.Tensor {
  const norm = { gamma: g, beta: b, training: true };
  const hidden = L.relu(L.batchNorm(L.conv2d(input, first, { padding: 1 }), norm));
  return L.relu(L.add(L.batchNorm(L.conv2d(hidden, second, { padding: 1 }), norm), hidden));
}

describe('convBatchNorm', () => {
  const tensors = (): [L.Tensor, L.Tensor, L.Tensor, L.Tensor, L.Tensor] => {
    const make = (leaf: typeof x): L.Tensor => L.tensor(leaf.values, leaf.shape, { requiresGrad: true });
    return [make(x), make(w1), make(w2), make(gamma), make(beta)];
  };

  it('computes what its parts compute', () => {
    L.scope(() => expectClose(fused(...tensors()).dataSync(), [...plain(...tensors()).dataSync()], 1e-4));
  });

  it('has the gradients of its parts', () => {
    L.scope(() => {
      const [ours, theirs] = [tensors(), tensors()];
      const seed = L.randn([2, 4, 4, 4], { seed: 9 });
      const a = L.grad(fused(...ours), ours, { seed });
      const b = L.grad(plain(...theirs), theirs, { seed });
      for (const [i, gradient] of a.entries()) {
        expectClose(gradient.dataSync(), [...b[i]!.dataSync()], 1e-4);
      }
    });
  });

  it('has the gradient of finite differences where no ReLU is near its kink', () => {
    const smooth = (input: L.Tensor, w: L.Tensor, g: L.Tensor, b: L.Tensor): L.Tensor =>
      L.convBatchNorm(input, w, { norm: { gamma: g, beta: b, training: true }, relu: false }).tensor();
    checkGradients(smooth, [x, w1, gamma, beta]);
  });

  it('fuses the inverted residual of MobileNetV2: depthwise between pointwise', () => {
    const c = 12;
    const leaves = [
      normal([2, 5, 5, 4], 11),
      normal([c, 1, 1, 4], 12),
      normal([c, 3, 3, 1], 13),
      normal([4, 1, 1, c], 14),
      normal([c], 15),
      normal([c], 16),
    ];
    const make = (): L.Tensor[] =>
      leaves.map(({ values, shape }) => L.tensor(values, shape, { requiresGrad: true }));
    const depthwise = { padding: 1, groups: c };
    const fusedBlock = ([input, expand, spatial, project, g, b]: readonly L.Tensor[]): L.Tensor => {
      const norm = { gamma: g!, beta: b!, training: true };
      const wide = L.convBatchNorm(input!, expand!, { norm });
      const middle = L.convBatchNorm(wide, spatial!, { ...depthwise, norm });
      return L.residual(
        L.convBatchNorm(middle, project!, { norm: { training: true }, relu: false }),
        input!,
        {
          relu: false,
        },
      );
    };
    const plainBlock = ([input, expand, spatial, project, g, b]: readonly L.Tensor[]): L.Tensor => {
      const norm = { gamma: g!, beta: b!, training: true };
      const wide = L.relu(L.batchNorm(L.conv2d(input!, expand!), norm));
      const middle = L.relu(L.batchNorm(L.conv2d(wide, spatial!, depthwise), norm));
      return L.add(L.batchNorm(L.conv2d(middle, project!), { training: true }), input!);
    };
    L.scope(() => {
      const [ours, theirs] = [make(), make()];
      const [y, wanted] = [fusedBlock(ours), plainBlock(theirs)];
      expectClose(y.dataSync(), [...wanted.dataSync()], 1e-4);
      const seed = L.randn(y.shape, { seed: 17 });
      const gradients = L.grad(wanted, theirs, { seed });
      for (const [i, gradient] of L.grad(y, ours, { seed }).entries()) {
        expectClose(gradient.dataSync(), [...gradients[i]!.dataSync()], 1e-4);
      }
    });
  });

  describe('in evaluation', () => {
    const leaves = [x, w1, w2, gamma, beta];
    const make = (): L.Tensor[] =>
      leaves.map(({ values, shape }) => L.tensor(values, shape, { requiresGrad: true }));
    const running = (): Pick<L.BatchNormState, 'runningMean' | 'runningVariance'> => ({
      runningMean: L.tensor([0.1, -0.3, 0.5, 0]),
      runningVariance: L.tensor([0.5, 1.5, 2, 0.7]),
    });
    const fusedBlock = ([input, first, second, g, b]: readonly L.Tensor[]): L.Tensor => {
      const norm = { gamma: g!, beta: b!, training: false, ...running() };
      const hidden = L.convBatchNorm(input!, first!, { padding: 1, norm });
      return L.convBatchNormAdd(hidden, second!, hidden, { padding: 1, norm });
    };
    const plainBlock = ([input, first, second, g, b]: readonly L.Tensor[]): L.Tensor => {
      const norm = { gamma: g!, beta: b!, training: false, ...running() };
      const hidden = L.relu(L.batchNorm(L.conv2d(input!, first!, { padding: 1 }), norm));
      return L.relu(L.add(L.batchNorm(L.conv2d(hidden, second!, { padding: 1 }), norm), hidden));
    };

    it('stores what its parts compute, and has their gradients', () => {
      L.scope(() => {
        const [ours, theirs] = [make(), make()];
        const [y, wanted] = [fusedBlock(ours), plainBlock(theirs)];
        expectClose(y.dataSync(), [...wanted.dataSync()], 1e-5);
        const seed = L.randn(y.shape, { seed: 9 });
        const gradients = L.grad(wanted, theirs, { seed });
        for (const [i, gradient] of L.grad(y, ours, { seed }).entries()) {
          expectClose(gradient.dataSync(), [...gradients[i]!.dataSync()], 1e-5);
        }
      });
    });

    it('cuts off at 6, with the gradients of its parts', () => {
      L.scope(() => {
        const [ours, theirs] = [make(), make()];
        const norm = ([, , , g, b]: readonly L.Tensor[]): L.BatchNormState => ({
          gamma: g!.mul(4),
          beta: b!,
          training: false,
          ...running(),
        });
        const y = L.convBatchNormRelu6(ours[0]!, ours[1]!, { padding: 1, norm: norm(ours) });
        const raw = L.batchNorm(L.conv2d(theirs[0]!, theirs[1]!, { padding: 1 }), norm(theirs));
        const wanted = raw.relu6();
        expect([...y.dataSync()].filter((value) => value === 6).length).toBeGreaterThan(0);
        expectClose(y.dataSync(), [...wanted.dataSync()], 1e-5);
        const seed = L.randn(y.shape, { seed: 9 });
        const [some, others] = [ours, theirs].map((all) => all.filter((_, i) => i !== 2));
        const gradients = L.grad(wanted, others!, { seed });
        for (const [i, gradient] of L.grad(y, some!, { seed }).entries()) {
          expectClose(gradient.dataSync(), [...gradients[i]!.dataSync()], 1e-5);
        }
      });
    });

    it('has the gradients of finite differences, also where gamma is 0', () => {
      const zeros = { values: Float32Array.of(0, 0.5, 0, 2), shape: [4] };
      const smooth = (input: L.Tensor, w: L.Tensor, s: L.Tensor, g: L.Tensor, b: L.Tensor): L.Tensor =>
        L.convBatchNormAdd(input, w, s, {
          norm: { gamma: g, beta: b, training: false, ...running() },
          relu: false,
        });
      checkGradients(smooth, [x, w1, normal([2, 2, 2, 4], 6), zeros, beta]);
    });

    it('gives gradients of the input alone, and of beta alone, as with all others', () => {
      L.scope(() => {
        const tensors = make();
        const seed = L.randn([2, 4, 4, 4], { seed: 9 });
        const all = L.grad(fusedBlock(tensors), tensors, { seed });
        for (const i of [0, 4]) {
          const [alone] = L.grad(fusedBlock(tensors), [tensors[i]!], { seed });
          expectClose(alone!.dataSync(), [...all[i]!.dataSync()], 1e-6);
        }
      });
    });

    it('keeps what backward needs of running statistics that move', () => {
      L.scope(() => {
        const tensors = make();
        const state = running();
        const [input, first, , g, b] = tensors;
        const norm = { gamma: g!, beta: b!, ...state };
        const of = (training: boolean): L.Tensor =>
          L.convBatchNorm(input!, first!, { norm: { ...norm, training } }).tensor();
        const seed = L.randn([2, 2, 2, 4], { seed: 3 });
        const wanted = L.grad(of(false), [g!], { seed })[0]!.dataSync();
        const y = of(false);
        of(true);
        expectClose(L.grad(y, [g!], { seed })[0]!.dataSync(), [...wanted]);
      });
    });

    it('is stored: nothing is pending', () => {
      L.scope(() => {
        const norm = { training: false, ...running() };
        const y = L.convBatchNorm(L.ones([1, 4, 4, 2]), L.ones([4, 3, 3, 2]), { norm });
        expect(inspect(y)).toBe('Normed f32[1, 2, 2, 4] on cpu');
        expect(y.tensor().dataSync()).toEqual(y.tensor().dataSync());
        const wrong = L.ones([1, 3, 2, 4]);
        expect(() => L.convBatchNormAdd(y, L.ones([4, 1, 1, 4]), wrong, { norm })).toThrow(L.ShapeError);
      });
    });

    it('adds a pending shortcut, and sums in training as residual does', () => {
      L.scope(() => {
        const [input, first, second, g, b] = make();
        const evaluation = { gamma: g!, beta: b!, training: false, ...running() };
        const training = { gamma: g!, beta: b!, training: true };
        const pending = L.convBatchNorm(input!, first!, { padding: 1, norm: training });
        const y = L.convBatchNormAdd(pending, second!, pending, { padding: 1, norm: evaluation });
        const stored = pending.tensor();
        const plain = L.batchNorm(L.conv2d(stored, second!, { padding: 1 }), evaluation);
        expectClose(y.dataSync(), [...L.relu(L.add(plain, stored)).dataSync()], 1e-5);
        const trained = L.convBatchNormAdd(pending, second!, pending, { padding: 1, norm: training });
        const unsummed = L.convBatchNorm(pending, second!, { padding: 1, norm: training, relu: false });
        expect(trained.dataSync()).toEqual(L.residual(unsummed, pending).dataSync());
      });
    });
  });

  it('gives a pending result with a shape', () => {
    L.scope(() => {
      const pending = L.convBatchNorm(L.ones([1, 4, 4, 2]), L.ones([3, 3, 3, 2]), {
        norm: { training: true },
      });
      expect(pending).toBeInstanceOf(L.Normed);
      expect(pending.shape).toEqual([1, 2, 2, 3]);
      expect(inspect(pending)).toBe('Normed f32[1, 2, 2, 3] on cpu, pending');
      expect(pending.tensor().shape).toEqual([1, 2, 2, 3]);
    });
  });

  it('uses and moves running statistics as batchNorm does', () => {
    L.scope(() => {
      const [a, b] = [L.zeros([4]), L.zeros([4])];
      const [va, vb] = [L.ones([4]), L.ones([4])];
      const [input, w] = [L.tensor(x.values, x.shape), L.tensor(w1.values, w1.shape)];
      L.convBatchNorm(input, w, { norm: { training: true, runningMean: a, runningVariance: va } });
      L.batchNorm(L.conv2d(input, w), { training: true, runningMean: b, runningVariance: vb });
      expectClose(a.dataSync(), [...b.dataSync()]);
      expectClose(va.dataSync(), [...vb.dataSync()]);
    });
  });
});

describe('residual', () => {
  it('adds tensors of one shape', () => {
    L.scope(() => {
      const y = L.residual(L.tensor([[1, -3]]), L.tensor([[1, 1]]));
      expect([...y.dataSync()]).toEqual([2, 0]);
      const raw = L.residual(L.tensor([[1, -3]]), L.tensor([[1, 1]]), { relu: false });
      expect([...raw.dataSync()]).toEqual([2, -2]);
      expect(() => L.residual(L.ones([1, 2]), L.ones([2, 1]))).toThrow(L.ShapeError);
    });
  });
});
