import { describe, expect, it } from 'vitest';

import {
  ArgumentError,
  grad,
  modelFromSpec,
  rand,
  ShapeError,
  scope,
  slice,
  tensor,
} from '../../lib/index.js';
import type { CellGenotype } from '../../lib/nn/genotype.js';
import { distributedDartsSpace, withoutCell } from '../../lib/search/spaces/d-darts.js';
import { dartsSpace } from '../../lib/search/spaces/darts.js';
import { robustDartsSpace } from '../../lib/search/spaces/r-darts.js';
import type { Choice, EdgeGroup, Mixture, Supernet } from '../../lib/search/supernet.js';
import { sizeOf } from '../../lib/shape.js';

const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
const plain = { classes: 10, normalization, portion: 1, auxiliarySkip: false };
const small = { channels: 4, cells: 3 };
const darts = (config: object = {}) => dartsSpace.schema.parse({ name: 'darts', ...config });
const distributed = (config: object = {}) =>
  distributedDartsSpace.schema.parse({ name: 'd-darts', ...config });
const robust = (subspace: string, config: object = {}) =>
  robustDartsSpace.schema.parse({ name: 'r-darts', subspace, ...config });

const elements = (network: Supernet): number =>
  [...network.parameters()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
const alphas = (groups: readonly EdgeGroup[]): number =>
  groups.reduce((sum, { candidates }) => sum + candidates.flat().length, 0);

/** Uniform random weights in [0, 1), with gradients. */
function randomMixture(groups: readonly EdgeGroup[], columns = 0): Mixture {
  return Object.fromEntries(
    groups.map(({ name, candidates }, index) => {
      const shape = [candidates.length, candidates[0]!.length + columns];
      return [name, { weights: rand(shape, { seed: 20 + index, requiresGrad: true }) }];
    }),
  );
}

/** On each edge of a node the candidate whose number is the edge's, two edges a node. */
function someChoice(groups: readonly EdgeGroup[]): Choice {
  return Object.fromEntries(
    groups.map(({ name, candidates, nodes }) => [
      name,
      candidates.map((kinds, e) => {
        const kept = nodes.some((edges) => edges.slice(-2).includes(e));
        const offered = kinds.filter((kind) => kind !== 'none');
        return kept ? [offered[e % offered.length]!] : [];
      }),
    ]),
  );
}

describe('sizes', () => {
  it('of DARTS are 1,930,618 weights and 224 alphas', () => {
    const groups = dartsSpace.groups(darts());
    using network = dartsSpace.supernet(darts(), groups, plain, null);
    expect(elements(network)).toBe(1_930_618);
    expect(alphas(groups)).toBe(224);
    expect(groups.map(({ name }) => name)).toEqual(['normal', 'reduce']);
    expect(groups[0]!.nodes).toEqual([
      [0, 1],
      [2, 3, 4],
      [5, 6, 7, 8],
      [9, 10, 11, 12, 13],
    ]);
  });

  it('of D-DARTS are alphas of 14 x 7 for each of 8 cells, and the weights of DARTS', () => {
    const groups = distributedDartsSpace.groups(distributed());
    expect(groups.map(({ name }) => name)).toEqual(Array.from({ length: 8 }, (_, cell) => `cells.${cell}`));
    expect(alphas(groups)).toBe(8 * 14 * 7);
    using network = distributedDartsSpace.supernet(distributed(), groups, plain, null);
    expect(elements(network)).toBe(1_930_618);
  });

  it('of the subspaces of R-DARTS are two or three candidates an edge', () => {
    const counts = ['S1', 'S2', 'S3', 'S4'].map((name) => alphas(robustDartsSpace.groups(robust(name))));
    expect(counts).toEqual([56, 56, 84, 56]);
    const [normal, reduce] = robustDartsSpace.groups(robust('S1'));
    expect(normal!.candidates[5]).toEqual(['max_pool_3x3', 'skip_connect']);
    expect(reduce!.candidates[6]).toEqual(['max_pool_3x3', 'sep_conv_3x3']);
    expect(robustDartsSpace.groups(robust('S4'))[1]!.candidates[13]).toEqual(['noise', 'sep_conv_3x3']);
    // A resolved configuration is one again.
    expect(robust('S1', { nodes: 4 })).toEqual(robust('S1'));
    expect(() => robust('S1', { nodes: 3 })).toThrow();
  });

  it('follow the configuration', () => {
    const config = darts({ nodes: 2, candidates: ['skip_connect', 'sep_conv_3x3'] });
    expect(alphas(dartsSpace.groups(config))).toBe(2 * 5 * 2);
    for (const candidates of [[], ['none'], ['skip_connect', 'skip_connect'], ['nor_conv_3x3']]) {
      expect(() => darts({ candidates })).toThrow();
    }
    expect(() => darts({ cells: 2 })).toThrow();
  });

  it('grow by a FactorizedReduce for each auxiliary skip connection of stride 2', () => {
    const config = darts({ ...small, nodes: 2 });
    const groups = dartsSpace.groups(config);
    const [without, wide] = [false, true].map((auxiliarySkip) => {
      using network = dartsSpace.supernet(config, groups, { ...plain, auxiliarySkip }, null);
      return elements(network);
    });
    // Four such edges in cells of 8 and of 16 channels.
    expect(wide! - without!).toBe(4 * (8 * 8 + 16 * 16));
  });

  it('are those of weights that one seed draws everywhere', () => {
    const config = darts({ ...small, nodes: 2 });
    const groups = dartsSpace.groups(config);
    const weights = (seed: number | null) => {
      using network = dartsSpace.supernet(config, groups, plain, seed);
      return [...network.parameters()].flatMap((parameter) => [...parameter.dataSync()]);
    };
    expect(weights(3)).toEqual(weights(3));
    expect(weights(4)).not.toEqual(weights(3));
    const undrawn = new Set(weights(null));
    expect([...undrawn].every((value) => value === 0 || value === 1)).toBe(true);
  });
});

describe('choices and genotypes', () => {
  it('of DARTS and R-DARTS mean each other', () => {
    for (const [space, groups] of [
      [dartsSpace, dartsSpace.groups(darts())],
      [robustDartsSpace, robustDartsSpace.groups(robust('S1'))],
      [robustDartsSpace, robustDartsSpace.groups(robust('S4'))],
    ] as const) {
      const choice = someChoice(groups);
      const config = { ...darts(), ...robust('S1') } as never;
      const genotype = space.genotype(config, groups, choice);
      expect(space.choice(config, groups, genotype)).toEqual(choice);
    }
  });

  it('of D-DARTS have every cell, and any number of operations an edge', () => {
    const config = distributed();
    const groups = distributedDartsSpace.groups(config);
    const choice = { ...someChoice(groups) };
    choice['cells.3'] = choice['cells.3']!.map((_, e) => (e === 4 ? ['sep_conv_5x5', 'skip_connect'] : []));
    const genotype = distributedDartsSpace.genotype(config, groups, choice);
    expect(genotype.space === 'd-darts' && genotype.cells[3]).toEqual({
      nodes: [
        [],
        [
          { op: 'sep_conv_5x5', from: 2 },
          { op: 'skip_connect', from: 2 },
        ],
        [],
        [],
      ],
      concat: [2, 3, 4, 5],
    });
    expect(distributedDartsSpace.choice(config, groups, genotype)).toEqual(choice);
  });

  it('take the published genotype of DARTS', () => {
    const cell = (ops: readonly (readonly [string, number])[]): CellGenotype => ({
      nodes: [0, 2, 4, 6].map((first) =>
        ops.slice(first, first + 2).map(([op, from]) => ({ op, from }) as CellGenotype['nodes'][0][0]),
      ),
      concat: [2, 3, 4, 5],
    });
    const genotype = {
      space: 'darts' as const,
      normal: cell([
        ['sep_conv_3x3', 0],
        ['sep_conv_3x3', 1],
        ['sep_conv_3x3', 0],
        ['sep_conv_3x3', 1],
        ['sep_conv_3x3', 1],
        ['skip_connect', 0],
        ['skip_connect', 0],
        ['dil_conv_3x3', 2],
      ]),
      reduce: cell([
        ['max_pool_3x3', 0],
        ['max_pool_3x3', 1],
        ['skip_connect', 2],
        ['max_pool_3x3', 1],
        ['max_pool_3x3', 0],
        ['skip_connect', 2],
        ['skip_connect', 2],
        ['max_pool_3x3', 1],
      ]),
    };
    const groups = dartsSpace.groups(darts());
    const choice = dartsSpace.choice(darts(), groups, genotype);
    expect(choice.normal!.map((names) => names.join())).toEqual([
      ...['sep_conv_3x3', 'sep_conv_3x3'],
      ...['sep_conv_3x3', 'sep_conv_3x3', ''],
      ...['skip_connect', 'sep_conv_3x3', '', ''],
      ...['skip_connect', '', 'dil_conv_3x3', '', ''],
    ]);
    const again = dartsSpace.genotype(darts(), groups, choice);
    expect(dartsSpace.choice(darts(), groups, again)).toEqual(choice);
    // Of another space, of operations that an edge does not have, of other nodes, and of some nodes' outputs.
    const space = distributedDartsSpace;
    expect(() => space.choice(distributed(), space.groups(distributed()), genotype)).toThrow(
      'got one of darts',
    );
    const s2 = robustDartsSpace.groups(robust('S2'));
    expect(() => robustDartsSpace.choice(robust('S2'), s2, genotype)).toThrow(
      "edge 11 of normal out of skip_connect, sep_conv_3x3, got 'dil_conv_3x3'",
    );
    const two = darts({ nodes: 2 });
    expect(() => dartsSpace.choice(two, dartsSpace.groups(two), genotype)).toThrow('of 2 nodes');
    const partly = { ...genotype, normal: { ...genotype.normal, concat: [4, 5] } };
    expect(() => dartsSpace.choice(darts(), groups, partly)).toThrow('states 4, 5');
  });

  it('refuse none, unknown groups and other edges', () => {
    const groups = dartsSpace.groups(darts());
    const choice = someChoice(groups);
    const normal = choice.normal!.map((names, e) => (e === 0 ? ['none'] : names));
    expect(() => dartsSpace.genotype(darts(), groups, { ...choice, normal })).toThrow("got 'none'");
    expect(() => dartsSpace.genotype(darts(), groups, { ...choice, normal: [] })).toThrow(
      '14 edges of normal',
    );
    expect(() => dartsSpace.genotype(darts(), groups, { ...choice, cell: [] })).toThrow(
      "Expected a choice for normal, reduce, got one for 'cell'",
    );
  });
});

describe('the network of an architecture', () => {
  const options = { classes: 10, normalization };

  it('is as large as the configuration says, and computes', () => {
    scope(() => {
      for (const [space, config] of [
        [dartsSpace, darts(small)],
        [distributedDartsSpace, distributed(small)],
        [robustDartsSpace, robust('S1', small)],
      ] as const) {
        const groups = space.groups(config as never);
        const genotype = space.genotype(config as never, groups, someChoice(groups));
        const spec = space.network(config as never, genotype, options);
        expect(spec).toMatchObject({ model: 'cells', ...small, stem: 'cifar', stemMultiplier: 3 });
        using network = modelFromSpec(spec, 1);
        expect(network.forward(rand([2, 8, 8, 3], { seed: 1 })).shape).toEqual([2, 10]);
      }
    });
  });

  it('is not that of a genotype of another space', () => {
    const groups = dartsSpace.groups(darts());
    const genotype = dartsSpace.genotype(darts(), groups, someChoice(groups));
    expect(() => distributedDartsSpace.network(distributed(), genotype, options)).toThrow('got one of darts');
    const config = distributed(small);
    const cells = distributedDartsSpace.groups(config);
    const other = { ...distributedDartsSpace.genotype(config, cells, someChoice(cells)), reductions: [0, 2] };
    expect(() => distributedDartsSpace.choice(config, cells, other)).toThrow(
      'reductions are cells 1, 2, got 0, 2',
    );
  });
});

describe('the search network', () => {
  it('of pruned groups computes what the whole computes with the others masked', () => {
    scope(() => {
      const config = darts({ ...small, nodes: 2 });
      const groups = dartsSpace.groups(config);
      // Three candidates an edge, different ones.
      const kept = groups.map(({ candidates }, g) => candidates.map((_, e) => [(e + g) % 3, 3, 4 + (e % 4)]));
      const pruned = groups.map((group, g) => ({
        ...group,
        candidates: group.candidates.map((kinds, e) => kept[g]![e]!.map((place) => kinds[place]!)),
      }));
      using whole = dartsSpace.supernet(config, groups, plain, 1);
      using part = dartsSpace.supernet(config, pruned, plain, null);
      const state = whole.stateDict();
      const copied = new Map(
        [...part.stateDict().keys()].map((name) => {
          const from = name.replace(/cells\.(\d)\._ops\.(\d+)\._ops\.(\d+)/, (_, cell, e, place) => {
            const group = cell === '0' ? 0 : 1;
            return `cells.${cell}._ops.${e}._ops.${kept[group]![Number(e)]![Number(place)]!}`;
          });
          return [name, state.get(from)!];
        }),
      );
      part.loadStateDict(copied);
      const masked = Object.fromEntries(
        Object.entries(randomMixture(groups)).map(([name, { weights }], g) => [
          name,
          { weights, active: kept[g]! },
        ]),
      );
      const columns = (values: Float32Array, g: number): number[] =>
        kept[g]!.flatMap((places, e) => places.map((place) => values[e * 8 + place]!));
      const left = Object.fromEntries(
        groups.map(({ name }, g) => {
          const values = columns(masked[name]!.weights.dataSync(), g);
          return [name, { weights: tensor(values, [5, 3], { requiresGrad: true }) }];
        }),
      );
      const x = rand([2, 8, 8, 3], { seed: 2 });
      const [fromWhole, fromPart] = (
        [
          [whole, masked],
          [part, left],
        ] as const
      ).map(([network, mixture]) => {
        const logits = network.forward(x, mixture);
        const leaves = groups.map(({ name }) => mixture[name]!.weights);
        return [logits, ...grad(logits.square().sum(), leaves)].map((each) => each.dataSync());
      });
      expect(fromPart![0]).toEqual(fromWhole![0]);
      for (const g of [0, 1]) expect([...fromPart![1 + g]!]).toEqual(columns(fromWhole![1 + g]!, g));
    });
  });

  it('of D-DARTS mixes every cell by its own weights', () => {
    scope(() => {
      const config = distributed({ ...small, nodes: 2 });
      const groups = distributedDartsSpace.groups(config);
      using network = distributedDartsSpace.supernet(config, groups, plain, 1);
      const mixture = randomMixture(groups);
      const x = rand([2, 8, 8, 3], { seed: 2 });
      const leaves = groups.map(({ name }) => mixture[name]!.weights);
      const loss = (each: Mixture) => network.forward(x, each).square().sum();
      const own = grad(loss(mixture), leaves);
      expect(new Set(own.map((gradient) => gradient.dataSync()[5])).size).toBe(3);

      const without = withoutCell(mixture, 'cells.1', { seed: 1, site: 1 });
      const numbers = without['cells.1']!.weights.dataSync();
      expect(new Set(numbers).size).toBe(5 * 7);
      expect(numbers.every((value) => value >= 0 && value < 1)).toBe(true);
      const gradients = grad(loss(without), leaves, { allowUnused: true });
      expect(gradients.map((gradient) => gradient !== null)).toEqual([true, false, true]);
      expect(() => withoutCell(mixture, 'cells.3', { seed: 1, site: 1 })).toThrow(ArgumentError);
    });
  });

  it('computes in every space and form, with finite gradients of all weights', () => {
    const x = scope(() => rand([2, 8, 8, 3], { seed: 2 }).dataSync());
    const forms = [
      { space: dartsSpace, config: darts({ ...small, candidates: ['skip_connect', 'dil_conv_5x5'] }) },
      { space: robustDartsSpace, config: robust('S1', small) },
      { space: robustDartsSpace, config: robust('S4', small) },
    ] as const;
    for (const { space, config } of forms) {
      for (const [portion, auxiliarySkip] of [
        [1, true],
        [2, false],
      ] as const) {
        scope(() => {
          const groups = space.groups(config as never);
          using network = space.supernet(config as never, groups, { ...plain, portion, auxiliarySkip }, 1);
          network.skipDisturbance = { kind: 'noise', level: 0.2, seed: 3 };
          const mixture = randomMixture(groups, auxiliarySkip ? 1 : 0);
          const logits = network.forward(tensor(x, [2, 8, 8, 3]), mixture);
          const leaves = [...network.parameters(), ...groups.map(({ name }) => mixture[name]!.weights)];
          for (const gradient of grad(logits.square().sum(), leaves)) {
            expect(gradient.dataSync().every(Number.isFinite)).toBe(true);
          }
        });
      }
    }
  });

  it('refuses other groups and mixtures', () => {
    scope(() => {
      const config = darts({ ...small, nodes: 2 });
      const groups = dartsSpace.groups(config);
      const build = (others: readonly EdgeGroup[]) => dartsSpace.supernet(config, others, plain, null);
      expect(() => build(groups.slice(1))).toThrow('Expected the groups normal, reduce, got reduce');
      const [normal, reduce] = groups as [EdgeGroup, EdgeGroup];
      const strange = { ...normal, candidates: normal.candidates.map(() => ['noise']) };
      expect(() => build([strange, reduce])).toThrow('got noise');
      expect(() => build([{ ...normal, candidates: normal.candidates.slice(1) }, reduce])).toThrow('5 edges');
      const uneven = { ...normal, candidates: normal.candidates.map((kinds, e) => kinds.slice(e)) };
      expect(() => build([uneven, reduce])).toThrow('as many candidates');
      using network = dartsSpace.supernet(config, groups, { ...plain, auxiliarySkip: true }, null);
      const x = rand([2, 8, 8, 3], { seed: 2 });
      expect(() => network.forward(x, randomMixture(groups))).toThrow('[5, 9], got [5, 8]');
      const mixture = randomMixture(groups, 1);
      expect(() => network.forward(x, { normal: mixture.normal! })).toThrow("mixture of 'reduce'");
      for (const wrong of [
        { edges: slice(mixture.normal!.weights, 0, 0, 1) },
        { offsets: rand([6], { seed: 1 }) },
        { active: [[0]] },
      ]) {
        const other = { ...mixture, normal: { ...mixture.normal!, ...wrong } };
        expect(() => network.forward(x, other)).toThrow(ShapeError);
      }
      expect(() => dartsSpace.supernet(config, groups, { ...plain, portion: 3 }, null)).toThrow(
        ArgumentError,
      );
    });
  });
});
