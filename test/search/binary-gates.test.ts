import { describe, expect, it } from 'vitest';
import { ArgumentError, grad, scope, tensor } from '../../lib/index.js';
import { Architecture } from '../../lib/search/architecture.js';
import { uniforms } from '../../lib/search/host-draws.js';
import type { Pass } from '../../lib/search/pass.js';
import { binaryGates, keepOtherProbabilities, pathMasks } from '../../lib/search/relaxations/binary-gates.js';
import { createRelaxation } from '../../lib/search/relaxations/registry.js';
import {
  type SampledPaths,
  sampleOnePath,
  sampleTwoPaths,
} from '../../lib/search/relaxations/sampled-paths.js';
import type { EdgeGroup } from '../../lib/search/supernet.js';
import '../collect-garbage.js';

const alphas = [0.4, -0.3, 1.1, 0.2];
const softmaxOf = (values: readonly number[]): number[] => {
  const powers = values.map(Math.exp);
  const total = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / total);
};
const close = (found: ArrayLike<number>, expected: readonly number[], digits = 6): void => {
  expect(found.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) expect(found[i], String(i)).toBeCloseTo(value, digits);
};

describe('sampled paths', () => {
  const count = 4000;
  const u = uniforms(3 * count, 11, 0);
  const counted = (sample: (u: Float64Array) => number): number[] => {
    const hits = new Array<number>(alphas.length).fill(0);
    for (let i = 0; i < count; i++) hits[sample(u.subarray(3 * i, 3 * i + 3))]!++;
    return hits.map((hit) => hit / count);
  };

  it('are drawn by the softmax of the alphas', () => {
    // Four standard deviations of a share of a half are 0.032.
    const shares = counted((numbers) => sampleOnePath(alphas, numbers).active);
    for (const [i, p] of softmaxOf(alphas).entries()) expect(Math.abs(shares[i]! - p)).toBeLessThan(0.032);
  });

  it('come in pairs without replacement, the active one by the probabilities of the two', () => {
    const p = softmaxOf(alphas);
    const active = p.map((own, i) =>
      p.reduce((sum, other, j) => {
        if (i === j) return sum;
        const pair = own * (other / (1 - own)) + other * (own / (1 - other));
        return sum + (pair * own) / (own + other);
      }, 0),
    );
    const shares = counted((numbers) => {
      const paths = sampleTwoPaths(alphas, numbers);
      expect(paths.inactive).not.toBe(paths.active);
      return paths.active;
    });
    for (const [i, expected] of active.entries()) expect(Math.abs(shares[i]! - expected)).toBeLessThan(0.032);
  });

  it('of an edge with one candidate are one, and alphas that are not finite are refused', () => {
    expect(sampleTwoPaths([3], u)).toEqual({ active: 0, inactive: null });
    expect(sampleOnePath([-200, 0], u).active).toBe(1);
    expect(() => sampleOnePath([Number.NaN, 0], u)).toThrow(ArgumentError);
  });
});

describe('binary gates', () => {
  const paths: SampledPaths[] = [
    { active: 2, inactive: 0 },
    { active: 1, inactive: null },
  ];
  const upstream = [0.7, 5, -1.3, 9, 2, 3, 4, 5];
  const masks = () => {
    const { active, excluded } = pathMasks(4, paths);
    return { active: tensor(active, [2, 4]), excluded: tensor(excluded, [2, 4]) };
  };

  it('are exactly their sample, and pass gradients by equation 4 among the paths involved', () => {
    scope(() => {
      const leaf = tensor([alphas, alphas], undefined, { requiresGrad: true });
      const { gates, probabilities } = binaryGates(leaf, masks());
      expect([...gates.dataSync()]).toEqual([0, 0, 1, 0, 0, 1, 0, 0]);
      // The first edge in double precision, as the equation stands.
      const involved = [2, 0];
      const p = softmaxOf(involved.map((i) => alphas[i]!));
      const expected = new Array<number>(8).fill(0);
      for (const [i, at] of involved.entries()) {
        for (const [j, from] of involved.entries()) {
          expected[at]! += upstream[from]! * p[j]! * ((i === j ? 1 : 0) - p[i]!);
        }
      }
      const [gradient] = grad(gates.mul(tensor(upstream, [2, 4])).sum(), [leaf]);
      close(gradient!.dataSync(), expected);
      // In closed form: p_0 p_2 (g_0 - g_2), with p_0 p_2 = 1 / (2 + e^0.7 + e^-0.7).
      expect(expected[0]).toBeCloseTo(2 / (2 + Math.exp(0.7) + Math.exp(-0.7)), 12);
      close(probabilities.dataSync(), [p[1]!, 0, p[0]!, 0, 0, 1, 0, 0]);
    });
  });

  it('leave the probabilities of other paths alone after a step', () => {
    scope(() => {
      const moved = tensor([
        [0.9, -0.3, 0.6, 0.2],
        [0.4, 2, 1.1, 0.2],
      ]);
      keepOtherProbabilities(moved, tensor([alphas, alphas]), masks().excluded);
      const values = [...moved.dataSync()];
      // log((e^0.9 + e^0.6) / (e^0.4 + e^1.1)), off both.
      const shift = Math.log((Math.exp(0.9) + Math.exp(0.6)) / (Math.exp(0.4) + Math.exp(1.1)));
      close(values.slice(0, 4), [0.9 - shift, -0.3, 0.6 - shift, 0.2]);
      const [before, after] = [softmaxOf(alphas), softmaxOf(values.slice(0, 4))];
      close([after[1]!, after[3]!], [before[1]!, before[3]!]);
      // With one path there is nothing to shift it against but the others: it goes back.
      close(values.slice(4), alphas);
    });
  });
});

describe('the relaxation by binary gates', () => {
  const groups: EdgeGroup[] = [
    { name: 'layers.0', candidates: [['a', 'b', 'c']], nodes: [[0]], edgesPerNode: null, noneAllowed: true },
    {
      name: 'cell',
      candidates: [
        ['a', 'b', 'c', 'd'],
        ['a', 'b', 'c', 'd'],
      ],
      nodes: [[0, 1]],
      edgesPerNode: null,
      noneAllowed: true,
    },
  ];
  const pass = (purpose: Pass['purpose'], step: number): Pass => ({ purpose, epoch: 0, epochs: 1, step });
  const make = () => {
    const architecture = new Architecture(groups, { init: { mean: 0, deviation: 1 }, edgeWeights: false }, 3);
    const relaxation = createRelaxation({ kind: 'binary-gates' }, { architecture, seed: 5 });
    return { architecture, relaxation };
  };

  it('has one path an edge for weights, without a gradient, and two for alphas', async () => {
    const { architecture, relaxation } = make();
    using _architecture = architecture;
    using _relaxation = relaxation;
    await relaxation.draw!(pass('weights', 0));
    await relaxation.draw!(pass('architecture', 0));
    scope(() => {
      const weights = relaxation.mixture('weights');
      const search = relaxation.mixture('architecture');
      for (const { name, candidates } of groups) {
        const one = weights[name]!;
        expect(one.weights.requiresGrad).toBe(false);
        expect(one.active!.map(({ length }) => length)).toEqual(candidates.map(() => 1));
        const two = search[name]!;
        for (const [edge, names] of candidates.entries()) {
          const row = [...two.weights.dataSync()].slice(edge * names.length, (edge + 1) * names.length);
          const [active, inactive] = two.active![edge]!;
          expect(row).toEqual(names.map((_, c) => (c === active ? 1 : 0)));
          expect(two.detached![edge]).toEqual([inactive]);
        }
      }
    });
  });

  it('draws by seed and pass alone, and settles the parameters of the last architecture step', async () => {
    const drawn = async (): Promise<unknown> => {
      const { architecture, relaxation } = make();
      using _architecture = architecture;
      using _relaxation = relaxation;
      relaxation.settle!();
      const actives: unknown[] = [];
      for (let step = 0; step < 8; step++) {
        await relaxation.draw!(pass('architecture', step));
        scope(() => {
          const mixture = relaxation.mixture('architecture');
          actives.push(groups.map(({ name }) => mixture[name]!.active));
        });
      }
      const { alphas } = architecture.byGroup.get('cell')!;
      const before = await alphas.data();
      const paths = scope(() => relaxation.mixture('architecture').cell!.active!);
      const step = Float32Array.from(before);
      for (const [edge, [active, inactive]] of paths.entries()) {
        step[4 * edge + active!]! += 0.5;
        step[4 * edge + inactive!]! -= 0.25;
      }
      alphas.write(step);
      relaxation.settle!();
      const after = await alphas.data();
      for (const [edge, pair] of paths.entries()) {
        const [was, is] = [before, after].map((values) =>
          softmaxOf([...values.subarray(4 * edge, 4 * edge + 4)]),
        );
        for (const c of [0, 1, 2, 3]) {
          const change = Math.abs(is![c]! - was![c]!);
          if (pair.includes(c)) expect(change).toBeGreaterThan(1e-3);
          else expect(change).toBeLessThan(1e-6);
        }
      }
      return actives;
    };
    const first = await drawn();
    expect(await drawn()).toEqual(first);
    expect(new Set((first as unknown[]).map((each) => JSON.stringify(each))).size).toBeGreaterThan(1);
  });
});
