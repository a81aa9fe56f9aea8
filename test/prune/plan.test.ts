import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { solveBudget, type WeightedGroup } from '../../lib/prune/budget-solver.js';
import { channelCost } from '../../lib/prune/channel-cost.js';
import { planChannels } from '../../lib/prune/channel-plan.js';
import { selectChannels } from '../../lib/prune/channel-selection.js';
import { channelWiring } from '../../lib/prune/channel-wiring.js';
import { CRITERIA } from '../../lib/prune/criteria/registry.js';
import { RATIO_MAP_NAMES, RATIO_MAPS } from '../../lib/prune/ratios/registry.js';
import { narrowModel } from '../train/tiny.js';

const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
const inputShape = [32, 32, 3];

describe('the budget solver', () => {
  const model = L.modelFromSpec(L.resNetCifarSpec(20, { classes: 10, normalization }), 0);
  const wiring = channelWiring(model);
  const full = new Map(wiring.groups.map(({ name, channels }) => [name, channels]));

  it.each(['macs', 'parameters'] as const)(
    'meets a budget of %s within one channel and empties no layer',
    (measure) => {
      const cost = channelCost(model, wiring, measure, inputShape);
      const strengths = fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), {
        minLength: wiring.groups.length,
        maxLength: wiring.groups.length,
      });
      const check = (drawn: number[], share: number) => {
        const groups = wiring.groups.map(({ name, channels }, i) => ({
          name,
          channels,
          strength: drawn[i]!,
        }));
        const limit = share * cost(full);
        const kept = solveBudget(groups, { limit, cost });
        expect(cost(kept)).toBeLessThanOrEqual(limit);
        for (const { name, channels } of groups) {
          expect(kept.get(name)).toBeGreaterThanOrEqual(1);
          expect(kept.get(name)).toBeGreaterThanOrEqual(Math.floor(channels * 0.1));
        }
        const oneMore = groups.filter(({ name, channels }) => kept.get(name)! < channels);
        const dearer = oneMore.map(({ name }) => cost(new Map(kept).set(name, kept.get(name)! + 1)));
        expect(Math.max(...dearer)).toBeGreaterThan(limit);
      };
      fc.assert(fc.property(strengths, fc.double({ min: 0.25, max: 0.95, noNaN: true }), check), {
        numRuns: 60,
        seed: 2,
      });
    },
  );

  const pair: WeightedGroup[] = [
    { name: 'a', channels: 10, strength: 1 },
    { name: 'b', channels: 10, strength: 1 },
  ];
  const sum = (kept: ReadonlyMap<string, number>) => kept.get('a')! + kept.get('b')!;

  it('takes one channel at a time where groups are tied', () => {
    const kept = solveBudget(pair, { limit: 15, cost: sum });
    expect(sum(kept)).toBe(15);
  });

  it('leaves a network alone that is within the budget, and groups of strength 0 always', () => {
    expect(sum(solveBudget(pair, { limit: 20, cost: sum }))).toBe(20);
    const kept = solveBudget([pair[0]!, { ...pair[1]!, strength: 0 }], { limit: 12, cost: sum });
    expect([...kept.values()]).toEqual([2, 10]);
  });

  it('says what the least is when a budget cannot be met', () => {
    expect(() => solveBudget(pair, { limit: 1, cost: sum })).toThrow(/2 remain/);
    expect(() =>
      solveBudget(
        pair.map((group) => ({ ...group, strength: 0 })),
        { limit: 5, cost: sum },
      ),
    ).toThrow(L.ArgumentError);
    expect(() => solveBudget([{ ...pair[0]!, strength: Number.NaN }], { limit: 5, cost: () => 1 })).toThrow(
      L.ArgumentError,
    );
  });
});

describe('ratio maps', () => {
  const groups = [0.02, 5, 0.4, 0.4].map((sensitivity, i) => ({ name: `g${i}`, channels: 8, sensitivity }));

  it.each(RATIO_MAP_NAMES)('%s gives finite strengths above 0', (name) => {
    for (const some of [groups, groups.slice(0, 1), groups.map((group) => ({ ...group, sensitivity: 0 }))]) {
      const strengths = RATIO_MAPS[name].strengths(some, 7);
      expect(strengths).toHaveLength(some.length);
      for (const strength of strengths) expect(strength > 0 && Number.isFinite(strength)).toBe(true);
    }
  });

  it.each(['rank', 'linear-log', 'inverse', 'softmax'] as const)(
    '%s prunes sensitive groups less',
    (name) => {
      const [least, most, middle, tied] = RATIO_MAPS[name].strengths(groups, 0);
      expect(least).toBeGreaterThan(middle!);
      expect(middle).toBeGreaterThan(most!);
      expect(tied).toBe(middle);
    },
  );

  it('rank is linear in the rank', () => {
    expect(RATIO_MAPS.rank.strengths(groups, 0)).toEqual([1, 0.25, 0.75, 0.75]);
  });

  it('random is a function of the seed', () => {
    const { strengths } = RATIO_MAPS.random;
    expect(strengths(groups, 1)).toEqual(strengths(groups, 1));
    expect(strengths(groups, 1)).not.toEqual(strengths(groups, 2));
  });
});

describe('the choice of channels', () => {
  it.each(['l1', 'l2'] as const)('%s removes the channels with the smallest filters', async (name) => {
    using model = narrowModel();
    const weight = new Map(model.namedParameters()).get('layer2.0.conv1.weight')!;
    const values = await weight.data();
    const each = values.length / 7;
    weight.write(values.map((value, i) => value * [3, 0.1, 2, 5, 0.2, 4, 1][Math.floor(i / each)]!));
    const { groups } = channelWiring(model);
    const kept = await selectChannels(model, groups, new Map([['layer2.0.inner', 3]]), CRITERIA[name], 0);
    expect([...kept.get('layer2.0.inner')!]).toEqual([0, 3, 5]);
    expect(kept.get('layer1.stream')).toHaveLength(4);
  });

  it('random is a function of the seed', async () => {
    using model = narrowModel();
    const { groups } = channelWiring(model);
    const counts = new Map(groups.map(({ name, channels }) => [name, Math.ceil(channels / 2)]));
    const choose = (seed: number) => selectChannels(model, groups, counts, CRITERIA.random, seed);
    expect(await choose(1)).toEqual(await choose(1));
    expect(await choose(1)).not.toEqual(await choose(2));
  });
});

it('a plan follows the sensitivities: a group counts as much as its most sensitive layer', async () => {
  using model = narrowModel();
  const modules = channelWiring(model)
    .layers.filter(({ kind }) => kind !== 'batchNorm')
    .map(({ name }) => ({ name, sensitivity: name === 'layer3.0.downsample.0' ? 9 : 0.1, curve: [] }));
  const options = { criterion: 'l2', measure: 'macs', budget: 0.5, seed: 0, inputShape } as const;
  const { groups, kept } = await planChannels(model, modules, { ...options, ratios: 'rank' });
  const spared = groups.find(({ name }) => name === 'layer3.stream')!;
  expect(spared.sensitivity).toBe(9);
  for (const { name, ratio, kept: count, size } of groups) {
    expect(kept.get(name)).toHaveLength(count);
    expect(ratio).toBeCloseTo(1 - count / size, 12);
    if (name !== spared.name) expect(ratio).toBeGreaterThanOrEqual(spared.ratio);
  }
});
