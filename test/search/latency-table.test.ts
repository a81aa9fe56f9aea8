import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  complexity,
  device,
  FileFormatError,
  FileSystemError,
  grad,
  modelFromSpec,
  scope,
  softmax,
  tensor,
} from '../../lib/index.js';
import { costObjective, costObjectiveSchema, logRatioCost } from '../../lib/search/cost-objective.js';
import { ExpectedCost } from '../../lib/search/expected-cost.js';
import {
  type LatencyTable,
  latencyMachine,
  macsTable,
  measureLatencyTable,
  readLatencyTable,
  writeLatencyTable,
} from '../../lib/search/latency-table.js';
import { dartsSpace, dartsSpaceSchema } from '../../lib/search/spaces/darts.js';
import { layerwiseSpace, layerwiseSpaceSchema } from '../../lib/search/spaces/layerwise.js';
import '../collect-garbage.js';
import { temporaryFolder } from '../temporary-folder.js';

const config = layerwiseSpaceSchema.parse({
  name: 'layerwise',
  stem: 8,
  stemStride: 1,
  first: 8,
  stages: [
    { width: 8, blocks: 1, stride: 1 },
    { width: 12, blocks: 2, stride: 2 },
  ],
  head: 16,
  candidates: ['mbconv_k3_e3', 'mbconv_k5_e3'],
});
const groups = layerwiseSpace.groups(config);
const data = { imageShape: [9, 12, 3], classes: 3 } as const;
const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
const counted = macsTable(layerwiseSpace, config, data);
const refusal = async (work: Promise<unknown>): Promise<Error> => {
  const error: unknown = await work.catch((reason: unknown) => reason);
  if (!(error instanceof Error)) throw new TypeError('expected a refusal');
  return error;
};

describe('tables of costs', () => {
  it('count the multiply-accumulates of every architecture', () => {
    using expected = new ExpectedCost(counted, groups);
    for (const layers of [
      ['mbconv_k3_e3', 'mbconv_k5_e3', 'skip'],
      ['skip', 'mbconv_k3_e3', 'mbconv_k5_e3'],
    ]) {
      const genotype = { space: 'layerwise', layers } as const;
      using network = modelFromSpec(
        layerwiseSpace.network(config, { ...genotype, layers: [...layers] }, { classes: 3, normalization }),
        null,
      );
      const choice = layerwiseSpace.choice(config, groups, { ...genotype, layers: [...layers] });
      expect(expected.ofChoice(choice)).toBe(complexity(network, data.imageShape).macs);
    }
    expect(counted).toEqual(macsTable(layerwiseSpace, config, data));
    expect(() => expected.ofChoice({})).toThrow(/layers.0, got none/);
  });

  it('measure every candidate of every layer on the machine at hand', async () => {
    const table = await measureLatencyTable(layerwiseSpace, config, { ...data, batch: 2, rounds: 2 });
    const names = ({ rows }: LatencyTable) => rows.map(({ layer, candidate }) => `${layer} ${candidate}`);
    expect(names(table)).toEqual(names(counted));
    expect(table).toMatchObject({ kind: 'latency', batch: 2, machine: { threads: device().threads } });
    expect(table.fixed).toBeGreaterThan(0);
    for (const { candidate, cost } of table.rows) {
      expect(cost > 0, candidate).toBe(candidate !== 'skip');
      expect(cost).toBeLessThan(Number.POSITIVE_INFINITY);
    }
  });

  it('are of spaces with layers', async () => {
    const darts = dartsSpaceSchema.parse({ name: 'darts', channels: 4, cells: 3 });
    expect(() => macsTable(dartsSpace, darts, data)).toThrow(/one by one/);
    const wrong = measureLatencyTable(layerwiseSpace, config, { ...data, rounds: 0 });
    expect(await refusal(wrong)).toBeInstanceOf(ArgumentError);
  });
});

describe('files of costs', () => {
  const machine = latencyMachine();
  const measured: LatencyTable = { ...counted, kind: 'latency', machine, batch: 1 };
  const expected = { space: layerwiseSpace, config, ...data };

  it('are read as they were written', async () => {
    const folder = await temporaryFolder();
    for (const table of [counted, measured]) {
      const path = join(folder, `${table.kind}.json`);
      await writeLatencyTable(path, table);
      expect(await readLatencyTable(path, expected)).toEqual(table);
    }
  });

  it.each<[string, object, object, RegExp]>([
    ['another processor', { cpu: 'abacus' }, {}, /cpu .*, got abacus.*lapidary search latency/s],
    ['other threads', { threads: machine.threads + 1 }, {}, /threads \d+, got/],
    ['another build', { build: '0123', isa: 'base8' }, {}, /isa .*, got base8; build .*, got 0123/],
    ['images of another size', {}, { imageShape: [8, 8, 3] }, /images of 8x8x3, got 9x12x3/],
    ['another space', {}, { config: { ...config, head: 24 } }, /space [0-9a-f]+, got/],
    ['other classes', {}, { classes: 4 }, /classes 4, got 3/],
  ])('of %s are refused', async (_, changed, wanted, message) => {
    const path = join(await temporaryFolder(), 'table.json');
    await writeLatencyTable(path, { ...measured, machine: { ...machine, ...changed } });
    const error = await refusal(readLatencyTable(path, { ...expected, ...wanted }));
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toMatch(message);
  });

  it('count for every machine', async () => {
    const path = join(await temporaryFolder(), 'table.json');
    await writeLatencyTable(path, counted);
    const elsewhere = { ...expected, machine: { ...machine, cpu: 'abacus' } };
    expect(await readLatencyTable(path, elsewhere)).toEqual(counted);
  });

  it('that are none, or missing, are refused', async () => {
    const path = join(await temporaryFolder(), 'table.json');
    for (const text of ['{', '{}', JSON.stringify({ ...counted, fixed: -1 })]) {
      await writeFile(path, text);
      expect(await refusal(readLatencyTable(path, expected))).toBeInstanceOf(FileFormatError);
    }
    expect(await refusal(readLatencyTable(`${path}.json`, expected))).toBeInstanceOf(FileSystemError);
  });
});

describe('expected costs', () => {
  const table: LatencyTable = {
    ...counted,
    fixed: 40,
    rows: counted.rows.map((row, index) => ({ ...row, cost: 10 * index + 5 })),
  };
  // Alphas of the three layers; costs are 5, 15, 25; 35, 45; 55, 65, 75.
  const alphas = [
    [0.1, 0.5, -0.2],
    [0.3, -0.4],
    [0, 0.2, 0.6],
  ];
  const costs = [
    [5, 15, 25],
    [35, 45],
    [55, 65, 75],
  ];
  const softmaxOf = (row: readonly number[]): number[] => {
    const powers = row.map(Math.exp);
    const total = powers.reduce((a, b) => a + b);
    return powers.map((power) => power / total);
  };
  const value =
    40 +
    alphas.reduce((sum, row, l) => sum + softmaxOf(row).reduce((s, p, c) => s + p * costs[l]![c]!, 0), 0);
  /** d cost / d alpha. */
  const slopes = alphas.map((row, l) => {
    const p = softmaxOf(row);
    const mean = p.reduce((sum, share, c) => sum + share * costs[l]![c]!, 0);
    return p.map((share, c) => share * (costs[l]![c]! - mean));
  });

  it('are sums over layers, differentiable in the weights', () => {
    scope(() => {
      using expected = new ExpectedCost(table, groups);
      const leaves = alphas.map((row) => tensor([row], undefined, { requiresGrad: true }));
      const mixture = Object.fromEntries(
        groups.map(({ name }, layer) => [name, { weights: softmax(leaves[layer]!) }]),
      );
      const cost = expected.of(mixture);
      expect(cost.itemSync()).toBeCloseTo(value, 3);
      for (const [layer, gradient] of grad(cost, leaves).entries()) {
        for (const [c, slope] of slopes[layer]!.entries()) {
          expect(gradient.dataSync()[c]).toBeCloseTo(slope, 4);
        }
      }
      expect(() => expected.of({})).toThrow(/weights of layers.0/);
      const gated = Object.fromEntries(
        groups.map(({ name }, l) => [
          name,
          { weights: tensor([costs[l]!.map(() => 0)]), probabilities: softmax(leaves[l]!) },
        ]),
      );
      expect(expected.of(gated).itemSync()).toBe(cost.itemSync());
    });
    expect(() => new ExpectedCost({ ...table, rows: table.rows.slice(1) }, groups)).toThrow(ArgumentError);
  });

  const loss = 1.7;
  const log = Math.log(value) / Math.log(120);
  it.each<[string, object, number, number]>([
    // The objective, and its derivative in the cost.
    [
      'log-ratio',
      { reference: 120 },
      0.2 * loss * log ** 0.3,
      (0.06 * loss * log ** -0.7) / (value * Math.log(120)),
    ],
    ['linear', { reference: 120, lambda: 0.5 }, loss + (0.5 * (value - 120)) / 120, 0.5 / 120],
    ['power', { unit: 100 }, loss + 0.2 * (value / 100) ** 0.6, 0.0012 * (value / 100) ** -0.4],
  ])('enter the loss by %s', (kind, options, expectedValue, slope) => {
    scope(() => {
      using expected = new ExpectedCost(table, groups);
      const objective = costObjective(costObjectiveSchema.parse({ kind, ...options }), expected);
      const leaves = alphas.map((row) => tensor([row], undefined, { requiresGrad: true }));
      const ce = tensor(loss, undefined, { requiresGrad: true });
      const mixture = Object.fromEntries(
        groups.map(({ name }, layer) => [name, { weights: softmax(leaves[layer]!) }]),
      );
      const total = objective(ce, mixture);
      expect(total.itemSync()).toBeCloseTo(expectedValue, 5);
      const [ofLoss, ...gradients] = grad(total, [ce, ...leaves]);
      expect(ofLoss!.itemSync()).toBeCloseTo(kind === 'log-ratio' ? expectedValue / loss : 1, 5);
      for (const [layer, gradient] of gradients.entries()) {
        for (const [c, own] of slopes[layer]!.entries()) {
          expect(gradient.dataSync()[c]).toBeCloseTo(slope * own, 6);
        }
      }
    });
  });

  it('refuse references that no logarithm divides by', () => {
    scope(() => {
      const one = tensor(1);
      expect(() => logRatioCost(one, one, { reference: 1 })).toThrow(/above 1/);
    });
    expect(costObjectiveSchema.safeParse({ kind: 'linear', reference: 0 }).success).toBe(false);
  });
});
