/** Cells of search networks against compositions of separate operations. */
import { describe, expect, it } from 'vitest';
import {
  add,
  type CellCandidate,
  capture,
  concat,
  DartsCell,
  device,
  dropout,
  edgeCount,
  type GroupMixture,
  grad,
  mul,
  ones,
  rand,
  randn,
  type SkipDisturbance,
  scope,
  slice,
  sum,
  type Tensor,
} from '../../lib/index.js';
import { type Candidate, NoiseCandidate } from '../../lib/nn/mixed-candidate.js';
import { type CellMixture, cellMixture } from '../../lib/nn/mixture.js';
import { edgesByNode } from '../../lib/nn/models/darts-cell.js';
import { stepNormal } from '../../lib/ops/step-random.js';
import { bits } from '../kernels/harness.js';
import { composedPartialMixedState } from '../ops/composed-mixed-state.js';
import { expectClose } from '../ops/finite-differences.js';

const nodes = 2;
const edges = edgeCount(nodes);
const kinds: readonly CellCandidate[] = ['max_pool_3x3', 'skip_connect', 'sep_conv_3x3', 'noise'];
const channels = 8;

interface Form {
  readonly reduction: boolean;
  readonly portion: number;
  readonly auxiliarySkip: boolean;
}

function cellOf({ reduction, portion, auxiliarySkip }: Form): DartsCell {
  const own = Array.from({ length: edges }, () => kinds);
  const shape = { inputs: [6, 10] as const, channels, nodes, afterReduction: false };
  return new DartsCell({ ...shape, reduction, candidates: own, portion, auxiliarySkip }).initialize(5);
}

function mixtureOf({ auxiliarySkip }: Form, active?: readonly number[]): GroupMixture {
  const leaf = (shape: readonly number[], seed: number) => rand(shape, { seed, requiresGrad: true });
  return {
    weights: leaf([edges, kinds.length + (auxiliarySkip ? 1 : 0)], 1),
    edges: leaf([edges], 2),
    offsets: leaf([edges], 3),
    ...(active === undefined ? {} : { active: Array.from({ length: edges }, () => active) }),
  };
}

function mixtureFor({ portion }: Form, mixture: GroupMixture): CellMixture {
  const candidates = mixture.weights.shape[1]!;
  return cellMixture('cell', mixture, { nodes: edgesByNode(nodes), candidates, bypassed: portion > 1 });
}

/** What a candidate gives for a part of a state, with weight 1. */
function alone(
  candidate: Candidate,
  auxiliary: boolean,
  x: Tensor,
  disturbance: SkipDisturbance | null,
): Tensor {
  if (candidate instanceof NoiseCandidate) return candidate.forward(x);
  let input = x;
  if (disturbance && !auxiliary && candidate.kind === 'skip_connect') {
    const { kind, level, seed } = disturbance;
    const { site } = candidate.random;
    if (kind === 'noise') input = add(x, mul(stepNormal(x.shape, { seed, site }), level));
    else if (candidate.stride === 1) input = dropout(x, { rate: level, seed, site });
  }
  return candidate.forward(input);
}

/** A cell by its definition: nodes are sums over edges of factor * (sum of weighted candidates, with what bypasses) + offset. */
function composed(
  cell: DartsCell,
  inputs: readonly [Tensor, Tensor],
  mixture: GroupMixture,
  { portion, auxiliarySkip }: Form,
  disturbance: SkipDisturbance | null,
): Tensor {
  const states = [cell.preprocess0.forward(inputs[0]), cell.preprocess1.forward(inputs[1])];
  for (let node = 0; node < nodes; node++) {
    const terms = states.map((state, origin) => {
      const e = edgeCount(node) + origin;
      const stride = cell.reduction && origin < 2 ? 2 : 1;
      const part = slice(state, 3, 0, channels / portion);
      const active = mixture.active?.[e] ?? [...cell.edges[e]!.keys()];
      const mixed = active
        .map((place) => {
          const candidate = cell.edges[e]![place]!;
          const output = alone(candidate, auxiliarySkip && place === kinds.length, part, disturbance);
          return mul(output, slice(slice(mixture.weights, 0, e, 1), 1, place, 1));
        })
        .reduce(add);
      // An edge of none gives what bypasses; the mixed part is spread as the shuffle does.
      const none = { candidates: [{ kind: 'none' as const }], weights: ones([1]), stride: stride as 1 | 2 };
      const [bypass] = composedPartialMixedState(state, [none], { training: true }, portion);
      const [n, p, q] = mixed.shape as [number, number, number];
      const zeros = mul(mixed, 0);
      const others = Array.from({ length: portion - 1 }, () => zeros.reshape([n, p, q, -1, 1]));
      const spread = concat([mixed.reshape([n, p, q, -1, 1]), ...others], 4).reshape([n, p, q, channels]);
      const whole = add(spread, bypass!);
      return add(mul(whole, slice(mixture.edges!, 0, e, 1)), slice(mixture.offsets!, 0, e, 1));
    });
    states.push(terms.reduce(add));
  }
  return concat(states.slice(2), 3);
}

/** The output, and the gradients of the mixture, the inputs and the filters. */
function evaluate(output: Tensor, leaves: readonly Tensor[]): Tensor[] {
  return [output, ...grad(sum(mul(output, randn(output.shape, { seed: 9 }))), leaves)];
}

const forms: readonly Form[] = [
  { reduction: false, portion: 1, auxiliarySkip: true },
  { reduction: true, portion: 1, auxiliarySkip: true },
  { reduction: true, portion: 2, auxiliarySkip: true },
  { reduction: false, portion: 2, auxiliarySkip: false },
];
const disturbances: readonly (SkipDisturbance | null)[] = [
  null,
  { kind: 'dropout', level: 0.4, seed: 8 },
  { kind: 'noise', level: 0.5, seed: 8 },
];

describe.each(forms)(
  'a search cell: reduction $reduction, portion $portion, auxiliary $auxiliarySkip',
  (form) => {
    it.each(disturbances)('is its definition, with disturbance %o', (disturbance) => {
      scope(() => {
        using cell = cellOf(form);
        const mixture = mixtureOf(form);
        const inputs = [6, 10].map((width, index) => {
          return rand([2, 8, 8, width], { seed: 30 + index, requiresGrad: true });
        }) as [Tensor, Tensor];
        const leaves = [mixture.weights, mixture.edges!, mixture.offsets!, ...inputs, ...cell.parameters()];
        const mixtures = mixtureFor(form, mixture);
        const fused = evaluate(cell.forward(...inputs, mixtures, disturbance), leaves);
        const separate = evaluate(composed(cell, inputs, mixture, form, disturbance), leaves);
        for (const [index, each] of fused.entries()) {
          expectClose(each.dataSync(), [...separate[index]!.dataSync()], 2e-5);
        }
      });
    });
  },
);

describe('a disturbed cell', () => {
  const form = { reduction: false, portion: 1, auxiliarySkip: false };
  const disturbance: SkipDisturbance = { kind: 'dropout', level: 0.5, seed: 3 };

  it('is as it was in evaluation, at level 0, and without active skip connections', () => {
    scope(() => {
      using cell = cellOf(form);
      const inputs = [6, 10].map((width, index) => rand([2, 8, 8, width], { seed: 30 + index })) as [
        Tensor,
        Tensor,
      ];
      const output = (each: SkipDisturbance | null, active?: readonly number[]) =>
        bits(cell.forward(...inputs, mixtureFor(form, mixtureOf(form, active)), each).dataSync());
      expect(output(disturbance).equals(output(null))).toBe(false);
      expect(output({ ...disturbance, level: 0 }).equals(output(null))).toBe(true);
      expect(output(disturbance, [0, 2]).equals(output(null, [0, 2]))).toBe(true);
      cell.eval();
      expect(output(disturbance).equals(output(null))).toBe(true);
    });
  });

  it('is 0 where nothing is active', () => {
    scope(() => {
      const inputs = [6, 10].map((width) => rand([2, 8, 8, width], { seed: 30 })) as [Tensor, Tensor];
      using cell = cellOf(form);
      const { weights } = mixtureOf(form);
      const mixtures = mixtureFor(form, { weights, active: Array.from({ length: edges }, () => []) });
      const [output, gradient] = evaluate(cell.forward(...inputs, mixtures, disturbance), [weights]);
      expect(output!.shape).toEqual([2, 8, 8, nodes * channels]);
      for (const each of [output!, gradient!]) expect(new Set(each.dataSync())).toEqual(new Set([0]));
    });
  });

  it('is new in every step, also in replays', () => {
    const inputs = [6, 10].map((width, index) => rand([2, 8, 8, width], { seed: 30 + index })) as [
      Tensor,
      Tensor,
    ];
    using cell = cellOf(form);
    const mixture = mixtureOf(form);
    const step = (): Tensor[] =>
      evaluate(cell.forward(...inputs, mixtureFor(form, mixture), disturbance), [mixture.weights]);
    using recorded = capture(step);
    const seen = new Set<string>();
    for (const number of [1, 2]) {
      device().stepBlock.manualStep(number);
      recorded.replay();
      scope(() => {
        for (const [index, eager] of step().entries()) {
          expect(bits(recorded.outputs[index]!.dataSync()).equals(bits(eager.dataSync()))).toBe(true);
        }
      });
      seen.add(String(recorded.outputs[0]!.dataSync()));
    }
    device().stepBlock.manualStep(0);
    expect(seen.size).toBe(2);
    for (const each of [...inputs, mixture.weights, mixture.edges!, mixture.offsets!]) each.dispose();
  });
});
