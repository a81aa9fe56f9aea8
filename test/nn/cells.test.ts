import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { Cell } from '../../lib/nn/models/cells.js';

const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
const options = { classes: 5, normalization };

type Edges = [op: L.CellOperation, from: number][];

const cell = (concat: number[], ...nodes: Edges[]): L.CellGenotype => ({
  nodes: nodes.map((edges) => edges.map(([op, from]) => ({ op, from }))),
  concat,
});
const darts = (normal: L.CellGenotype, reduce = normal): L.DartsGenotype => ({
  space: 'darts',
  normal,
  reduce,
});

const identities = cell(
  [2],
  [
    ['skip_connect', 0],
    ['skip_connect', 1],
  ],
);
const separable = cell([2], [['sep_conv_3x3', 1]]);

function network(genotype: L.CellsSpec['genotype'], size: L.CellNetworkSize = {}, seed = 1): L.CellNetwork {
  return L.modelFromSpec(L.cellsSpec(genotype, options, { channels: 4, cells: 3, ...size }), seed);
}

describe('networks of found cells', () => {
  it('have the size of DARTS where nothing is said, for CIFAR and for ImageNet', () => {
    const v2 = L.publishedGenotype('DARTS_V2');
    const spec = L.cellsSpec(v2, { classes: 1000, normalization }, { stem: 'imagenet' });
    expect([spec.channels, spec.cells]).toEqual([48, 14]);
    using model = L.modelFromSpec(spec, null);
    const { parameters, macs } = L.complexity(model, [224, 224, 3]);
    // 4.7 M in the paper.
    expect(parameters).toBe(4_718_752);
    expect(macs).toBe(529_911_552);
    const own = L.publishedGenotype('D_DARTS_sparse_cifar10');
    expect(L.cellsSpec(own, options).cells).toBe(8);
  });

  it('name their state as quark0/darts, pools and identities having none', () => {
    using model = network(L.publishedGenotype('DARTS_V2'), { cells: 4 });
    const names = new Set(model.stateDict().keys());
    for (const name of [
      'stem.0.weight',
      'stem.1.running_var',
      'cells.0.preprocess0.op.1.weight',
      'cells.0._ops.0.op.6.weight',
      'cells.0._ops.7.op.3.bias',
      'cells.2.preprocess0.conv_2.weight',
      'cells.3.preprocess0.bn.weight',
      'classifier.bias',
    ]) {
      expect(names).toContain(name);
    }
    expect([...names].some((name) => name.startsWith('cells.0._ops.5'))).toBe(false);
    using imagenet = network(L.publishedGenotype('DARTS_V2'), { stem: 'imagenet' });
    for (const name of [
      'stem0.3.weight',
      'stem0.4.bias',
      'stem1.1.weight',
      'cells.0.preprocess0.conv_1.weight',
    ]) {
      expect([...imagenet.stateDict().keys()]).toContain(name);
    }
  });

  it('give what the last reduction cell gives as inner map', () => {
    using model = network(L.publishedGenotype('PDARTS'), { cells: 6 });
    L.scope(() => {
      const [logits, tap] = model.forwardTapped(L.rand([2, 32, 32, 3], { seed: 1 }));
      expect(logits.shape).toEqual([2, 5]);
      expect(tap.shape).toEqual([2, 8, 8, model.tapChannels]);
      expect(model.tapChannels).toBe(4 * 16);
    });
  });

  it('have reductions where a genotype says so', () => {
    const cells = [separable, identities, separable, separable];
    using model = network({ space: 'd-darts', cells, reductions: [0] }, { cells: 4 });
    expect(model.cells.map(({ reduction }) => reduction)).toEqual([true, false, false, false]);
    expect(model.tapChannels).toBe(8);
    expect(() => network({ space: 'd-darts', cells }, { cells: 3 })).toThrow(/says every cell/);
  });

  it.each(['normal', 'reduction'])(
    'take a node without edges, or with none alone, as 0 in a %s cell',
    (kind) => {
      const genotype = cell(
        [2, 3, 4],
        [],
        [
          ['none', 0],
          ['none', 1],
        ],
        [
          ['max_pool_3x3', 1],
          ['none', 2],
        ],
      );
      const reduction = kind === 'reduction';
      const layer = new Cell({ genotype, inputs: [4, 4], channels: 4, reduction, afterReduction: false });
      layer.initialize(2);
      L.scope(() => {
        const x = L.rand([2, 6, 6, 4], { seed: 3 });
        const [first, second, third] = [0, 4, 8].map((start) => layer.forward(x, x, 0).slice(3, start, 4));
        expect(first!.shape).toEqual(reduction ? [2, 3, 3, 4] : [2, 6, 6, 4]);
        expect(first!.dataSync().every((value) => value === 0)).toBe(true);
        expect(second!.dataSync().every((value) => value === 0)).toBe(true);
        expect(third!.dataSync().some((value) => value !== 0)).toBe(true);
      });
      layer.dispose();
    },
  );

  it('take images of odd sizes', () => {
    using model = network(L.publishedGenotype('DARTS_V1'), { cells: 5 });
    L.scope(() => expect(model.forward(L.rand([2, 27, 21, 3], { seed: 1 })).shape).toEqual([2, 5]));
  });

  it('refuse what cannot be trained', () => {
    const noise = cell([2], [['noise', 0]]);
    expect(() => network(darts(noise))).toThrow(/only searches have/);
    expect(() => network(darts(separable, cell([1, 2], [['sep_conv_3x3', 1]])))).toThrow(/input 1 in concat/);
    expect(() => network(darts(identities), { channels: 3 })).not.toThrow();
    expect(() => network(darts(identities), { channels: 1, stem: 'imagenet' })).toThrow(L.ArgumentError);
    const late = { nodes: [[{ op: 'none' as const, from: 2 }]], concat: [2] };
    expect(() => network(darts(late))).toThrow(/expected states before 2, got 2/);
  });

  it('keep from images to logits the same bits in evaluation, drawn by the seed', () => {
    const x = L.rand([2, 16, 16, 3], { seed: 4 });
    const logits = (seed: number) => {
      using model = network(L.publishedGenotype('FairDARTS_a'), {}, seed);
      return L.scope(() => model.eval().forward(x).dataSync());
    };
    expect(logits(1)).toEqual(logits(1));
    expect(logits(2)).not.toEqual(logits(1));
    x.dispose();
  });
});

describe('drop-path', () => {
  it('leaves whole images out, by seed, place and step, with the scale that keeps the mean', () => {
    const layers = new L.Sequential(...[0, 1].map(() => new Rated())).initialize(3);
    const x = L.ones([400, 2, 1, 3]);
    const factors = (step: number): number[][] => {
      L.device().stepBlock.manualStep(step);
      return L.scope(() =>
        layers.layers.map((layer) => {
          const y = layer.forward(x).dataSync();
          const images = Array.from({ length: 400 }, (_, image) => y.slice(6 * image, 6 * image + 6));
          for (const image of images) expect(new Set(image).size).toBe(1);
          return images.map((image) => image[0]!);
        }),
      );
    };
    const [first, second] = factors(0);
    expect(new Set(first)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
    // 400 draws of probability 0.25: deviation 8.7.
    expect(Math.abs(first!.filter((factor) => factor === 0).length - 100)).toBeLessThan(30);
    expect(second).not.toEqual(first);
    expect(factors(1)[0]).not.toEqual(first);
    expect(factors(0)).toEqual([first, second]);
    expect(layers.eval().forward(x)).toBe(x);
    x.dispose();
  });

  it('leaves identities alone, and evaluation', () => {
    L.device().stepBlock.manualStep(0);
    const logits = (genotype: L.DartsGenotype, rate: number, training: boolean) => {
      using model = network(genotype, { cells: 1, channels: 2 });
      using x = L.rand([6, 8, 8, 3], { seed: 5 });
      model.dropPathRate = rate;
      return L.scope(() => model.train(training).forward(x).dataSync());
    };
    // The only cell is a reduction: its edges from inputs are not identities, those from nodes are.
    const dropped = darts(cell([2], [['max_pool_3x3', 0]]));
    const kept = darts(cell([3], [['none', 0]], [['skip_connect', 2]]));
    expect(logits(dropped, 0.5, true)).not.toEqual(logits(dropped, 0, true));
    expect(logits(dropped, 0.5, false)).toEqual(logits(dropped, 0, false));
    expect(logits(kept, 0.5, true)).toEqual(logits(kept, 0, true));
  });

  it('multiplies the branches of an image that stay, and their gradients', () => {
    const layer = new Cell({
      genotype: cell(
        [2],
        [
          ['sep_conv_3x3', 0],
          ['dil_conv_3x3', 1],
        ],
      ),
      inputs: [4, 4],
      channels: 4,
      reduction: false,
      afterReduction: false,
    }).initialize(7);
    const [first, second] = [0, 1].map(
      (state) =>
        new Cell({
          genotype: cell([2], [state === 0 ? ['sep_conv_3x3', 0] : ['dil_conv_3x3', 1]]),
          inputs: [4, 4],
          channels: 4,
          reduction: false,
          afterReduction: false,
        }),
    );
    const state = layer.stateDict();
    for (const [index, alone] of [first!, second!].entries()) {
      const own = [...alone.stateDict().keys()];
      alone.loadStateDict(
        new Map(own.map((name) => [name, state.get(name.replace('_ops.0', `_ops.${index}`))! as L.Tensor])),
      );
    }
    L.device().stepBlock.manualStep(2);
    L.scope(() => {
      const [x, y] = [L.rand([12, 5, 5, 4], { seed: 1 }), L.rand([12, 5, 5, 4], { seed: 2 })];
      const branches = [first!, second!].map((alone) => alone.forward(x, y, 0).dataSync());
      const sum = layer.forward(x, y, 0.5).dataSync();
      const seen = new Set<string>();
      let kept = 0;
      for (let image = 0; image < 12; image++) {
        const at = 100 * image;
        const fits = [0, 2]
          .flatMap((a) => [0, 2].map((b) => [a, b] as const))
          .filter(([a, b]) =>
            Array.from({ length: 100 }, (_, i) => at + i).every(
              (i) => Math.abs(a * branches[0]![i]! + b * branches[1]![i]! - sum[i]!) < 1e-4,
            ),
          );
        expect(fits).toHaveLength(1);
        seen.add(fits[0]!.join());
        kept += fits[0]![0];
      }
      expect(seen.size).toBeGreaterThan(2);
      const bias = new Map(layer.namedParameters()).get('_ops.0.op.7.bias')!;
      const [gradient] = L.grad(layer.forward(x, y, 0.5).sum(), [bias]);
      // Each of the 25 places of an image that stayed adds its factor.
      expect([...gradient!.dataSync()]).toEqual(Array(4).fill(25 * kept));
    });
    for (const each of [layer, first!, second!]) each.dispose();
  });

  it('has a rate in [0, 1)', () => {
    using model = network(darts(separable));
    expect(L.hasDropPaths(model)).toBe(true);
    expect(model.dropPathRate).toBe(0);
    for (const rate of [-0.1, 1, Number.NaN]) {
      expect(() => {
        model.dropPathRate = rate;
      }).toThrow(L.ArgumentError);
    }
  });
});

/** Drop-path as a layer of one rate. */
class Rated extends L.Module {
  readonly drop = new L.DropPath();

  override forward(x: L.Tensor): L.Tensor {
    return this.drop.forward(x, 0.25);
  }
}
