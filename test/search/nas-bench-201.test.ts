import { describe, expect, it } from 'vitest';
import { withStillStatistics } from '../../lib/attack/network-mode.js';
import * as L from '../../lib/index.js';
import type { Genotype } from '../../lib/nn/genotype.js';
import { NasBench201Supernet } from '../../lib/search/networks/nas-bench-201-supernet.js';
import { nasBench201Space as space } from '../../lib/search/spaces/nas-bench-201.js';
import { spaceOf, spaceSchema } from '../../lib/search/spaces/registry.js';
import type { EdgeGroup, GroupMixture } from '../../lib/search/supernet.js';

const config = { name: 'nas-bench-201' as const, channels: 4, cells: 1 };
const groups = space.groups(config);
const basic = {
  classes: 10,
  normalization: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
  portion: 1,
  auxiliarySkip: false,
};
const images = () => L.rand([4, 8, 8, 3], { seed: 7 });
const weightsOf = (columns = 5) => L.rand([6, columns], { seed: 8 });

function logits(network: ReturnType<typeof space.supernet>, cell: GroupMixture): number[] {
  return [...L.noGrad(() => network.forward(images(), { cell })).dataSync()];
}

function expectClose(got: readonly number[], wanted: readonly number[]): void {
  for (const [index, value] of wanted.entries()) expect(got[index]).toBeCloseTo(value, 4);
}

const oneHot = (choice: readonly number[]): L.Tensor =>
  L.tensor(choice.map((chosen) => Array.from({ length: 5 }, (_, place) => (place === chosen ? 1 : 0))));

describe('the space of NAS-Bench-201', () => {
  it('is found by its name, with one group of six edges', () => {
    const parsed = spaceSchema.parse({ name: 'nas-bench-201' });
    expect(parsed).toEqual({ name: 'nas-bench-201', channels: 16, cells: 5 });
    expect(spaceOf(parsed).groups(parsed)).toEqual([
      expect.objectContaining({
        name: 'cell',
        nodes: [[0], [1, 2], [3, 4, 5]],
        edgesPerNode: null,
        noneAllowed: true,
      }),
    ]);
    expect(groups[0]!.candidates).toHaveLength(6);
  });

  it('turns choices into genotypes and back, and an edge without operations into none', () => {
    const genotype = L.nasBench201FromNumber(9_876);
    const choice = space.choice(config, groups, genotype);
    expect(space.genotype(config, groups, choice)).toEqual(genotype);
    const dropped = { cell: [[], ...choice.cell!.slice(1)] };
    expect(space.genotype(config, groups, dropped)).toMatchObject({
      nodes: [['none'], genotype.nodes[1], genotype.nodes[2]],
    });
    expect(space.network(config, genotype, basic)).toMatchObject({
      model: 'nas-bench-201',
      channels: 4,
      cells: 1,
      genotype,
    });
  });

  it('refuses choices, genotypes and groups that are not its own', () => {
    const skips = Array.from({ length: 6 }, () => ['skip_connect']);
    const refused = (choice: Record<string, string[][]>) =>
      expect(() => space.genotype(config, groups, choice)).toThrow(L.ArgumentError);
    refused({});
    refused({ normal: skips });
    refused({ cell: skips.slice(1) });
    refused({ cell: [['sep_conv_3x3'], ...skips.slice(1)] });
    refused({ cell: [['none', 'skip_connect'], ...skips.slice(1)] });
    const layers: Genotype = { space: 'layerwise', layers: ['skip'] };
    expect(() => space.choice(config, groups, layers)).toThrow(L.ArgumentError);
    expect(() => space.network(config, layers, basic)).toThrow(L.ArgumentError);
    const pruned = [{ ...groups[0]!, candidates: groups[0]!.candidates.map(() => ['none', 'skip_connect']) }];
    expect(() => space.choice(config, pruned, L.nasBench201FromNumber(15_624))).toThrow(L.ArgumentError);
    const build = (given: readonly EdgeGroup[], more = {}) =>
      expect(() => space.supernet(config, given, { ...basic, ...more }, 1)).toThrow(L.ArgumentError);
    build([]);
    build([{ ...groups[0]!, name: 'normal' }]);
    build([{ ...groups[0]!, candidates: groups[0]!.candidates.slice(1) }]);
    build([{ ...groups[0]!, candidates: groups[0]!.candidates.map(() => ['max_pool_3x3']) }]);
    build(groups, { portion: 3 });
  });
});

describe('the search network', () => {
  it('computes with one-hot weights what the cell computes alone, but for gammas and betas', () => {
    L.scope(() => {
      using network = space.supernet(config, groups, basic, 1);
      const choice = [3, 1, 4, 0, 2, 3];
      const all = logits(network, { weights: oneHot(choice) });
      expectClose(logits(network, { weights: oneHot(choice), active: choice.map((place) => [place]) }), all);
      const genotype = space.genotype(config, groups, {
        cell: choice.map((place, e) => [groups[0]!.candidates[e]![place]!]),
      });
      using alone = L.modelFromSpec(space.network(config, genotype, basic), 1);
      const state = network.stateDict();
      const edges = [
        [1, 0],
        [2, 0],
        [2, 1],
        [3, 0],
        [3, 1],
        [3, 2],
      ] as const;
      for (const [name, value] of alone.stateDict()) {
        const source = name.replace(/layers\.(\d)\./, (_, e: string) => {
          const [node, origin] = edges[Number(e)]!;
          return `edges.${node}<-${origin}.${choice[Number(e)]!}.`;
        });
        const found = state.get(source);
        if (found !== undefined) L.noGrad(() => L.assign(value, found));
      }
      // The statistics of batches: gammas are 1 and betas 0 as drawn.
      expectClose([...L.noGrad(() => alone.forward(images())).dataSync()], all);
    });
  });

  it('takes groups that have lost candidates', () => {
    L.scope(() => {
      const kept = [
        ['none', 'nor_conv_3x3'],
        ['avg_pool_3x3', 'skip_connect'],
      ];
      const pruned = [{ ...groups[0]!, candidates: Array.from({ length: 6 }, (_, e) => kept[e % 2]!) }];
      using network = space.supernet(config, pruned, basic, 1);
      expect([...network.stateDict().keys()]).toContain('cells.0.edges.3<-1.1.op.1.weight');
      expect(logits(network, { weights: weightsOf(2) }).every(Number.isFinite)).toBe(true);
    });
  });

  it('multiplies whole edges by their factors, also what bypasses partial channels', () => {
    L.scope(() => {
      using network = space.supernet(config, groups, basic, 1);
      const weights = weightsOf();
      const factors = L.rand([6], { seed: 9 });
      const folded = logits(network, { weights: weights.mul(factors.reshape([6, 1])) });
      expectClose(logits(network, { weights, edges: factors }), folded);

      using partial = space.supernet(config, groups, { ...basic, portion: 2 }, 1);
      const plain = logits(partial, { weights });
      expectClose(logits(partial, { weights, edges: L.ones([6]) }), plain);
      // An edge that counts 0 takes its bypass with it: like nothing else does.
      const withoutEdges = logits(partial, { weights, edges: L.zeros([6]) });
      expectClose(withoutEdges, logits(network, { weights, edges: L.zeros([6]) }));
      expect(withoutEdges).not.toEqual(logits(partial, { weights: L.zeros([6, 5]) }));
    });
  });

  it('adds to a node the sum of the offsets of its edges', () => {
    L.scope(() => {
      using network = space.supernet(config, groups, basic, 1);
      const weights = weightsOf();
      const at = (e: number) => L.tensor(Array.from({ length: 6 }, (_, index) => (index === e ? 0.5 : 0)));
      expectClose(logits(network, { weights, offsets: at(3) }), logits(network, { weights, offsets: at(5) }));
      expect(logits(network, { weights, offsets: at(0) })).not.toEqual(logits(network, { weights }));
    });
  });

  it('has an auxiliary skip connection behind all candidates', () => {
    L.scope(() => {
      using network = space.supernet(config, groups, { ...basic, auxiliarySkip: true }, 1);
      const moved = (column: number) =>
        L.tensor(
          Array.from({ length: 6 }, () => [0, 0, 0, 0.3, 0, 0].map((w, c) => (c === column ? 0.7 : w))),
        );
      expectClose(logits(network, { weights: moved(5) }), logits(network, { weights: moved(1) }));
      expect(() => network.forward(images(), { cell: { weights: weightsOf(5) } })).toThrow(L.ShapeError);
      // What is disturbed is the candidate, not the auxiliary connection.
      network.skipDisturbance = { kind: 'dropout', level: 0.5, seed: 1 };
      const auxiliary = logits(network, { weights: moved(5) });
      network.skipDisturbance = null;
      expect(logits(network, { weights: moved(5) })).toEqual(auxiliary);
    });
  });

  it.each(['dropout', 'noise'] as const)(
    'disturbs skip connections by %s in training, anew in each step',
    (kind) => {
      L.scope(() => {
        using network = space.supernet(config, groups, basic, 1);
        const cell = { weights: weightsOf() };
        const plain = logits(network, cell);
        network.skipDisturbance = { kind, level: 0.4, seed: 3 };
        L.device().stepBlock.manualStep(0);
        const first = logits(network, cell);
        expect(first).not.toEqual(plain);
        expect(logits(network, cell)).toEqual(first);
        L.device().stepBlock.manualStep(1);
        expect(logits(network, cell)).not.toEqual(first);
        network.eval();
        const evaluated = logits(network, cell);
        network.skipDisturbance = null;
        expect(logits(network, cell)).toEqual(evaluated);
      });
    },
  );

  it('moves running statistics in training, but not where they are still', async () => {
    await L.scope(async () => {
      using network = space.supernet(config, groups, basic, 1);
      const statistics = async () =>
        JSON.stringify([...(await network.hostState())].filter(([key]) => key.includes('running')));
      const before = await statistics();
      await withStillStatistics(network, async () => void logits(network, { weights: weightsOf() }));
      expect(await statistics()).toBe(before);
      logits(network, { weights: weightsOf() });
      expect(await statistics()).not.toBe(before);
    });
  });

  it('refuses mixtures of other shapes', () => {
    L.scope(() => {
      using network = new NasBench201Supernet({ ...basic, ...config, groups });
      expect(() => network.forward(images(), {})).toThrow(L.ArgumentError);
      const refused = (cell: GroupMixture) =>
        expect(() => network.forward(images(), { cell })).toThrow(L.ShapeError);
      refused({ weights: weightsOf(4) });
      refused({ weights: weightsOf(), edges: L.ones([5]) });
      refused({ weights: weightsOf(), offsets: L.ones([6, 1]) });
      refused({ weights: weightsOf(), active: [[0]] });
    });
  });
});
