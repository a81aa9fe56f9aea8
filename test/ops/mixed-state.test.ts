import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { bits } from '../kernels/harness.js';
import { composedMixedState, composedPartialMixedState } from './composed-mixed-state.js';
import { checkGradients, expectClose, normal } from './finite-differences.js';

const darts = L.candidateKinds.slice(0, 8);
const bench201: readonly L.CandidateKind[] = [
  'none',
  'skip_connect',
  'nor_conv_1x1',
  'nor_conv_3x3',
  'avg_pool_3x3',
];

interface EdgeShape {
  readonly kinds: readonly L.CandidateKind[];
  readonly stride?: 1 | 2;
  readonly active?: readonly number[];
  readonly addend?: boolean;
}

interface Made {
  readonly x: L.Tensor;
  readonly edges: L.MixedEdge[];
  readonly leaves: L.Tensor[];
  readonly running: L.RunningStatistics[];
}

/** Everything a call needs, from seeds: leaves are x, then by edge weights, addend and filters. */
function make(
  shape: readonly number[],
  edgeShapes: readonly EdgeShape[],
  { tracked = false, poolNorm = true, requiresGrad = true } = {},
): Made {
  let seed = 1;
  const channels = shape[3]!;
  const leaves: L.Tensor[] = [];
  const running: L.RunningStatistics[] = [];
  const leaf = (extents: readonly number[], scale = 1): L.Tensor => {
    const { values } = normal(extents, seed++);
    const made = L.tensor(
      values.map((value) => value * scale),
      extents,
      { requiresGrad },
    );
    leaves.push(made);
    return made;
  };
  const x = leaf(shape);
  const edges = edgeShapes.map(({ kinds, stride = 1, active, addend }): L.MixedEdge => {
    const weights = leaf([kinds.length]);
    const output = [shape[0]!, Math.ceil(shape[1]! / stride), Math.ceil(shape[2]! / stride), channels];
    const extra = addend ? { addend: leaf(output) } : {};
    const candidates = kinds.map((kind): L.MixedCandidate => {
      const layout = L.candidateLayout(kind, channels, stride, poolNorm);
      const filters = layout.filters.map((extents) => leaf(extents, 0.5));
      if (!tracked) return { kind, filters };
      const statistics = Array.from({ length: layout.norms }, () => ({
        mean: L.tensor(normal([channels], seed++).values),
        variance: L.tensor(normal([channels], seed++).values.map((value) => 0.5 + value * value)),
      }));
      running.push(...statistics);
      return { kind, filters, running: statistics };
    });
    return { candidates, weights, stride, ...extra, ...(active ? { active } : {}) };
  });
  return { x, edges, leaves, running };
}

type Definition = (x: L.Tensor, edges: readonly L.MixedEdge[], options: L.MixedStateOptions) => L.Tensor[];

/** Outputs, gradients of a weighted sum of them, and the running statistics afterwards, each as an array. */
function evaluate(definition: Definition, made: Made, options: L.MixedStateOptions): (Float32Array | null)[] {
  const outputs = definition(made.x, made.edges, options);
  const loss = outputs
    .map((output, e) => L.sum(L.mul(output, L.randn(output.shape, { seed: 70 + e }))))
    .reduce((a, b) => L.add(a, b));
  const gradients = L.grad(loss, made.leaves, { allowUnused: true });
  return [
    ...outputs.map((output) => output.dataSync()),
    ...gradients.map((gradient) => gradient?.dataSync() ?? null),
    ...made.running.flatMap(({ mean, variance }) => [mean.dataSync(), variance.dataSync()]),
  ];
}

function compareWithDefinition(
  shape: readonly number[],
  edges: readonly EdgeShape[],
  options: Partial<L.MixedStateOptions> & { readonly tracked?: boolean } = {},
  tolerance = 5e-5,
): void {
  L.scope(() => {
    const { tracked = false, ...rest } = options;
    const complete = { training: true, ...rest };
    const state = { tracked, poolNorm: rest.poolNorm ?? true };
    const actual = evaluate(L.mixedState, make(shape, edges, state), complete);
    const expected = evaluate(composedMixedState, make(shape, edges, state), complete);
    expect(actual.length).toBe(expected.length);
    for (const [index, wanted] of expected.entries()) {
      const got = actual[index];
      // Where the definition has no gradient, there is none, or it is 0.
      const target = wanted ?? got?.map(() => 0);
      if (!target) continue;
      expect(got, `array ${index}`).toBeTruthy();
      const largest = target.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-2);
      const worst = target.reduce((most, value, i) => Math.max(most, Math.abs(value - got![i]!)), 0);
      expect(worst / largest, `array ${index} of ${expected.length}`).toBeLessThan(tolerance);
    }
  });
}

describe('mixedState', () => {
  for (const kind of L.candidateKinds) {
    it(`${kind} alone is as defined`, () => {
      compareWithDefinition([2, 6, 5, 4], [{ kinds: [kind] }]);
      if (!kind.startsWith('nor_')) compareWithDefinition([3, 6, 8, 6], [{ kinds: [kind], stride: 2 }]);
    });
  }

  it('mixes the candidates of DARTS on several edges, of either stride, and whatever the number of channels', () => {
    compareWithDefinition(
      [2, 8, 8, 16],
      [{ kinds: darts }, { kinds: darts, addend: true }, { kinds: darts }],
    );
    compareWithDefinition(
      [3, 8, 10, 6],
      [
        { kinds: darts, stride: 2 },
        { kinds: darts, stride: 2, addend: true },
      ],
    );
    compareWithDefinition([1, 6, 6, 20], [{ kinds: darts, stride: 2 }, { kinds: darts }]);
    compareWithDefinition([17, 4, 4, 3], [{ kinds: darts }]);
  });

  it('mixes the candidates of NAS-Bench-201, whose pools have no normalisation', () => {
    compareWithDefinition([2, 8, 8, 16], [{ kinds: bench201 }, { kinds: bench201 }], { poolNorm: false });
    compareWithDefinition([2, 5, 7, 5], [{ kinds: bench201 }], { poolNorm: false });
  });

  it('takes odd sizes at stride 2 but for skip_connect, whose halves differ there', () => {
    const others = darts.filter((kind) => kind !== 'skip_connect');
    compareWithDefinition([2, 7, 9, 4], [{ kinds: others, stride: 2 }]);
    L.scope(() => {
      for (const shape of [
        [1, 5, 4, 2],
        [1, 4, 5, 2],
      ]) {
        const { x, edges } = make(shape, [{ kinds: ['skip_connect'], stride: 2 }]);
        expect(() => L.mixedState(x, edges, { training: true })).toThrow(L.ShapeError);
      }
    });
  });

  it('computes the active candidates only; the weights of others get 0, their filters nothing', () => {
    const edges = [
      { kinds: darts, active: [4] },
      { kinds: darts, active: [7, 1, 0] },
      { kinds: darts, active: [] },
      { kinds: darts, active: [], addend: true },
    ];
    compareWithDefinition([2, 6, 6, 4], edges);
    L.scope(() => {
      const made = make([2, 6, 6, 4], edges.slice(0, 1));
      const [y] = L.mixedState(made.x, made.edges, { training: true });
      const gradients = L.grad(L.sum(y!), made.leaves, { allowUnused: true });
      expect(gradients[1]!.dataSync().filter((value) => value !== 0).length).toBeLessThanOrEqual(1);
      const filters = gradients.slice(2);
      expect(filters.map((gradient) => gradient !== null)).toEqual(filters.map((_, index) => index < 4));
    });
  });

  it('takes weights of 0: the candidate gets no gradient, its weight does', () => {
    L.scope(() => {
      const made = make([2, 6, 6, 4], [{ kinds: darts }]);
      made.edges[0]!.weights.write(new Float32Array([1, 0, 0, 0, 0, 1, 0, 0]));
      const [y] = L.mixedState(made.x, made.edges, { training: true });
      const seed = L.randn(y!.shape, { seed: 3 });
      const [weights, first] = L.grad(y!, [made.leaves[1]!, made.leaves[2]!], { seed });
      const nonzero = [...weights!.dataSync()].map((value) => value !== 0);
      expect(nonzero).toEqual([false, true, true, true, true, true, true, true]);
      expect(first!.dataSync().every((value) => value === 0)).toBe(true);
    });
  });

  it('has the gradients of finite differences', () => {
    const kinds: readonly L.CandidateKind[] = [
      'max_pool_3x3',
      'avg_pool_3x3',
      'skip_connect',
      'dil_conv_3x3',
    ];
    for (const stride of [1, 2] as const) {
      // Without ReLUs at 0 within a step of a difference: these values have none.
      const layout = L.candidateLayout('dil_conv_3x3', 2, stride);
      const half = L.candidateLayout('skip_connect', 2, stride);
      const leaves = [normal([2, 4, 4, 2], 5), normal([4], 6)].concat(
        [...layout.filters, ...half.filters].map((shape, index) => normal(shape, 10 + index)),
      );
      checkGradients(
        (x, weights, depthwise, pointwise, ...halves) => {
          const candidates = kinds.map((kind) => {
            if (kind === 'dil_conv_3x3') return { kind, filters: [depthwise!, pointwise!] };
            return { kind, filters: kind === 'skip_connect' ? halves : [] };
          });
          return L.mixedState(x!, [{ candidates, weights: weights!, stride }], { training: true })[0]!;
        },
        leaves,
        { step: 2e-3, tolerance: 2e-2 },
      );
    }
  });

  it('moves the running statistics of each candidate as its batchNorm would, and goes by them in evaluation', () => {
    const edges = [
      { kinds: darts },
      { kinds: darts, active: [1, 4, 6] },
      { kinds: darts, stride: 2 as const },
    ];
    compareWithDefinition([3, 6, 6, 4], edges, { tracked: true });
    compareWithDefinition([3, 6, 6, 4], edges, { tracked: true, momentum: 0.3, eps: 1e-3 });
    compareWithDefinition([3, 6, 6, 4], edges, { tracked: true, update: false });
    compareWithDefinition([3, 6, 6, 4], edges, { tracked: true, training: false });
    compareWithDefinition([2, 5, 5, 4], [{ kinds: bench201 }], {
      tracked: true,
      training: false,
      poolNorm: false,
    });
  });

  it('has a partial-channel form: the rest of the channels bypasses the candidates, and all are shuffled', () => {
    for (const [shape, portion, stride] of [
      [[2, 6, 6, 8], 4, 1],
      [[2, 6, 8, 12], 2, 2],
      [[2, 4, 4, 16], 4, 2],
      [[1, 5, 5, 3], 1, 1],
    ] as const) {
      L.scope(() => {
        const shapes: EdgeShape[] = [
          { kinds: darts, stride },
          { kinds: darts, stride, active: [1, 3, 6] },
        ];
        const options = { training: true, portion };
        const state = (): Made => {
          const part = make([...shape.slice(0, 3), shape[3] / portion], shapes);
          const { values } = normal(shape, 77);
          const x = L.tensor(values, shape, { requiresGrad: true });
          const output = [shape[0], shape[1] / stride, shape[2] / stride, shape[3]];
          const addend = L.tensor(normal(output, 78).values, output, { requiresGrad: true });
          const edges = [part.edges[0]!, { ...part.edges[1]!, addend }];
          return { x, edges, leaves: [x, addend, ...part.leaves.slice(1)], running: [] };
        };
        const actual = evaluate(
          (...call) => L.partialMixedState(call[0], call[1], options),
          state(),
          options,
        );
        const expected = evaluate(
          (...call) => composedPartialMixedState(call[0], call[1], options, portion),
          state(),
          options,
        );
        for (const [index, wanted] of expected.entries()) {
          if (wanted) expectClose(actual[index]!, [...wanted], 5e-5);
        }
      });
    }
    const call = (shape: readonly number[], stride: 1 | 2): L.Tensor[] => {
      const { edges } = make([1, 4, 4, 2], [{ kinds: ['none'], stride }]);
      return L.partialMixedState(L.ones(shape), edges, { training: true });
    };
    L.scope(() => {
      expect(() => call([1, 4, 4, 6], 1)).toThrow(L.ShapeError);
      expect(() => call([1, 5, 4, 8], 2)).toThrow(L.ShapeError);
    });
  });

  it('has the same bits twice and with other numbers of threads', () => {
    const run = (): Buffer[] =>
      L.scope(() => {
        const made = make([5, 8, 8, 12], [{ kinds: darts }, { kinds: darts, stride: 2 }], { tracked: true });
        return evaluate(L.mixedState, made, { training: true }).flatMap((each) => (each ? [bits(each)] : []));
      });
    const first = run();
    try {
      for (const threads of [1, 3, 2]) {
        L.device().setThreads(threads);
        expect(run().every((each, index) => each.equals(first[index]!))).toBe(true);
      }
    } finally {
      L.device().setThreads(2);
    }
  });

  it('computes what was asked for: no gradients of filters for the weights alone, none of x for the filters', async () => {
    const launches = async (pick: (made: Made) => L.Tensor[], requiresGrad = true): Promise<string[]> => {
      const measured = await L.profile(() =>
        L.scope(() => {
          const made = make([2, 4, 4, 4], [{ kinds: darts }]);
          const x = requiresGrad ? made.x : made.x.detach();
          const [y] = L.mixedState(x, made.edges, { training: true });
          L.grad(y!, pick(made), { seed: L.ones(y!.shape) });
        }),
      );
      const lines = measured.table({ by: 'problem' }).split('\n');
      return lines.filter((line) => /separable_backward|mixed_reduce|state_pools_dgrad/.test(line));
    };
    const weights = await launches(({ edges }) => [edges[0]!.weights]);
    expect(weights).toHaveLength(1);
    expect(weights[0]).toContain('mixed_reduce');
    const both = await launches(({ x, edges }) => [x, edges[0]!.weights]);
    const halves = both.filter((line) => line.includes('separable_backward'));
    expect(halves.map((line) => line.includes('dfilters=0'))).toEqual([true, true]);
    const filters = await launches(({ leaves }) => leaves.slice(2, 3), false);
    expect(filters.some((line) => line.includes('state_pools_dgrad'))).toBe(false);
    const first = filters.filter((line) => line.includes('dx=0'));
    expect(first).toHaveLength(1);
    const second = await launches(({ leaves }) => leaves.slice(4, 5), false);
    expect(second.filter((line) => line.includes('separable_backward'))).toHaveLength(1);
  });

  it('is captured, and replayed with other weights', () => {
    const made = L.scope(() =>
      L.keep(make([2, 6, 6, 4], [{ kinds: darts }, { kinds: darts }], { tracked: true })),
    );
    const seed = L.randn([2, 6, 6, 4], { seed: 5 });
    const step = (): L.Tensor[] => {
      const [a, b] = L.mixedState(made.x, made.edges, { training: true });
      const gradients = L.grad(L.add(a!, b!), made.leaves, { seed });
      return [a!, b!, ...gradients];
    };
    const captured = L.capture(step);
    try {
      for (const round of [1, 2]) {
        made.edges[0]!.weights.write(new Float32Array(8).fill(round));
        const states = made.running.flatMap(({ mean, variance }) => [mean, variance]);
        const before = states.map((each) => each.dataSync());
        const eager = step().map((each) => bits(each.dataSync()));
        const after = states.map((each) => bits(each.dataSync()));
        for (const [index, each] of states.entries()) each.write(before[index]!);
        captured.replay();
        expect(captured.outputs.every((each, index) => bits(each.dataSync()).equals(eager[index]!))).toBe(
          true,
        );
        expect(states.every((each, index) => bits(each.dataSync()).equals(after[index]!))).toBe(true);
      }
    } finally {
      captured.dispose();
    }
  });

  it('walks a retained graph twice, and refuses filters that have changed since', () => {
    L.scope(() => {
      const made = make([2, 6, 6, 4], [{ kinds: darts }]);
      const [y] = L.mixedState(made.x, made.edges, { training: true });
      const loss = L.sum(L.mul(y!, y!));
      const [once] = L.grad(loss, [made.x], { retain: true });
      const [twice] = L.grad(loss, [made.x], { retain: true });
      expect(bits(twice!.dataSync()).equals(bits(once!.dataSync()))).toBe(true);
      made.leaves[2]!.write(new Float32Array(made.leaves[2]!.size));
      expect(() => L.grad(loss, [made.x])).toThrow(L.StaleTensorError);
    });
  });

  it('says what is wrong with its arguments', () => {
    L.scope(() => {
      const { x, edges } = make([1, 4, 4, 2], [{ kinds: darts }]);
      const call = (edge: Partial<L.MixedEdge>, training = true): L.Tensor[] =>
        L.mixedState(x, [{ ...edges[0]!, ...edge }], { training });
      expect(() => call({ weights: L.ones([7]) })).toThrow(L.ArgumentError);
      expect(() => call({ active: [8] })).toThrow(L.ArgumentError);
      expect(() => call({ active: [2, 2] })).toThrow(L.ArgumentError);
      expect(() => call({}, false)).toThrow(L.ArgumentError);
      expect(() => call({ addend: L.ones([1, 4, 4, 3]) })).toThrow(L.ShapeError);
      const filters = [L.ones([2, 3, 3, 1]), L.ones([2, 1, 1, 3])];
      const dilated = [{ kind: 'dil_conv_3x3', filters }] as const;
      expect(() => call({ candidates: dilated, weights: L.ones([1]) })).toThrow(L.ShapeError);
      const missing = [{ kind: 'dil_conv_3x3' }] as const;
      expect(() => call({ candidates: missing, weights: L.ones([1]) })).toThrow(L.ArgumentError);
      const dense = [{ kind: 'nor_conv_1x1', filters: [L.ones([2, 1, 1, 2])] }] as const;
      expect(() => call({ candidates: dense, weights: L.ones([1]), stride: 2 })).toThrow(L.ArgumentError);
    });
  });
});
