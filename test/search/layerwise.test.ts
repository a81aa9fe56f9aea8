import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  crossEntropy,
  device,
  grad,
  memory,
  modelFromSpec,
  noGrad,
  rand,
  resetPeakMemory,
  ShapeError,
  scope,
  softmax,
  type Tensor,
  tensor,
} from '../../lib/index.js';
import { LayerwiseSupernet } from '../../lib/search/networks/layerwise-supernet.js';
import { binaryGates, pathMasks } from '../../lib/search/relaxations/binary-gates.js';
import type { SampledPaths } from '../../lib/search/relaxations/sampled-paths.js';
import { layerwiseSpace, layerwiseSpaceSchema } from '../../lib/search/spaces/layerwise.js';
import type { EdgeGroup, GroupMixture, Mixture } from '../../lib/search/supernet.js';
import '../collect-garbage.js';

const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
const data = { classes: 3, normalization };
const options = { ...data, portion: 1, auxiliarySkip: false };
const config = layerwiseSpaceSchema.parse({
  name: 'layerwise',
  stem: 8,
  stemStride: 1,
  first: 8,
  stages: [
    { width: 8, blocks: 2, stride: 1 },
    { width: 12, blocks: 2, stride: 2 },
  ],
  head: 16,
  candidates: ['mbconv_k3_e3', 'mbconv_k5_e3', 'mbconv_k3_e1'],
});
const groups = layerwiseSpace.groups(config);
const images = () => rand([4, 8, 8, 3], { seed: 5 });
const labels = () => tensor(Int32Array.of(0, 1, 2, 1));

const build = (over: readonly EdgeGroup[] = groups): LayerwiseSupernet => {
  const network = layerwiseSpace.supernet(config, over, options, 7);
  if (!(network instanceof LayerwiseSupernet)) throw new TypeError('expected a layer-wise search network');
  return network;
};
const mixtureOf = (make: (candidates: number, layer: number) => GroupMixture, over = groups): Mixture =>
  Object.fromEntries(over.map(({ name, candidates }, l) => [name, make(candidates[0]!.length, l)]));

describe('the layer-wise space', () => {
  it('is by default the one of ProxylessNAS: 21 layers of 6 candidates, with the identity where it fits', () => {
    const all = layerwiseSpace.groups(layerwiseSpaceSchema.parse({ name: 'layerwise' }));
    expect(all.map(({ candidates: [names] }) => names!.length)).toEqual([
      ...Array.from({ length: 5 }, () => [6, 7, 7, 7]).flat(),
      6,
    ]);
    expect(all[20]!.name).toBe('layers.20');
    expect(all[1]!.candidates[0]!.at(-1)).toBe('skip');
  });

  it('turns choices into genotypes and back', () => {
    const layers = ['mbconv_k3_e3', 'skip', 'mbconv_k3_e1', 'mbconv_k5_e3'];
    const choice = Object.fromEntries(layers.map((name, layer) => [`layers.${layer}`, [[name]]]));
    const genotype = layerwiseSpace.genotype(config, groups, choice);
    expect(genotype).toEqual({ space: 'layerwise', layers });
    expect(layerwiseSpace.choice(config, groups, genotype)).toEqual(choice);
    expect(layerwiseSpace.network(config, genotype, data)).toMatchObject({ model: 'layerwise', head: 16 });
  });

  it('refuses choices and genotypes of others', () => {
    const choose = (...names: string[]) => {
      const choice = Object.fromEntries(names.map((name, layer) => [`layers.${layer}`, [[name]]]));
      return () => layerwiseSpace.genotype(config, groups, choice);
    };
    const k3 = 'mbconv_k3_e3';
    expect(choose(k3, k3, 'skip', k3)).toThrow(/candidate of layers.2 .* got 'skip'/);
    expect(choose(k3, k3, k3)).toThrow(/one candidate of layers.3/);
    expect(choose(k3, k3, k3, k3, k3)).toThrow(/one for 'layers.4'/);
    const read = (genotype: Parameters<typeof layerwiseSpace.choice>[2]) => () =>
      layerwiseSpace.choice(config, groups, genotype);
    expect(read({ space: 'layerwise', layers: [k3] })).toThrow(ArgumentError);
    expect(read({ space: 'nas-bench-201', nodes: [['none'], [], []] })).toThrow(/got one of nas-bench-201/);
    expect(() => layerwiseSpace.network(config, { space: 'layerwise', layers: [k3] }, data)).toThrow(
      /expected 4 layers/,
    );
  });

  it('refuses what it cannot do, and says why', () => {
    const supernet =
      (more: object, over = groups) =>
      () =>
        layerwiseSpace.supernet(config, over, { ...options, ...more }, 0);
    expect(supernet({ portion: 4 })).toThrow(/portion of 4.*could not bypass/s);
    expect(supernet({ auxiliarySkip: true })).toThrow(/shortcuts of their own/);
    expect(supernet({}, groups.slice(1))).toThrow(/4 layers, got 3/);
    expect(supernet({}, [{ ...groups[0]!, candidates: [['none']] }, ...groups.slice(1)])).toThrow(/layers.0/);
    const grouped = { ...config, first: 9, candidates: ['mbconv_k3_e1_g2'] };
    expect(layerwiseSpaceSchema.safeParse(grouped).error?.message).toMatch(/layer 0: .*2 groups/);
  });
});

describe('the layer-wise search network', () => {
  it('computes with one active candidate what the network of that architecture does', async () => {
    const layers = ['skip', 'mbconv_k5_e3', 'mbconv_k3_e3', 'mbconv_k3_e1'];
    const active = layers.map((name, layer) => groups[layer]!.candidates[0]!.indexOf(name));
    using supernet = build();
    using network = modelFromSpec(layerwiseSpace.network(config, { space: 'layerwise', layers }, data), null);
    const state = await supernet.hostState();
    network.loadStateDict(
      new Map(
        [...network.stateDict().keys()].map((name) => {
          const layer = Number(/^blocks\.(\d+)/.exec(name)?.[1] ?? 0) - 1;
          const own = `mobile_inverted_conv.candidate_ops.${active[layer]}`;
          return [name, state.get(layer < 0 ? name : name.replace('mobile_inverted_conv', own))!];
        }),
      ),
    );
    for (const training of [true, false]) {
      scope(() => {
        supernet.train(training);
        network.train(training);
        const mixture = mixtureOf((count, layer) => ({
          weights: tensor([Array.from({ length: count }, (_, c) => (c === active[layer] ? 1 : 0.3))]),
          active: [[active[layer]!]],
        }));
        expect(supernet.forward(images(), mixture).dataSync()).toEqual(network.forward(images()).dataSync());
      });
    }
  });

  it('gives weights the gradients that finite differences give, and inactive ones 0', () => {
    scope(() => {
      using supernet = build();
      const point = groups.map(({ candidates: [names] }) => names!.map((_, c) => 0.2 + 0.15 * c));
      const loss = (values: number[][], requiresGrad = false): [Tensor, Tensor[]] => {
        const weights = values.map((row) => tensor([row], undefined, { requiresGrad }));
        // Layer 1 leaves out its first candidate, and takes part with a factor and an offset.
        const mixture = mixtureOf((count, layer) => ({
          weights: weights[layer]!,
          ...(layer === 1
            ? {
                active: [Array.from({ length: count - 1 }, (_, c) => c + 1)],
                edges: tensor([0.7]),
                offsets: tensor([0.1]),
              }
            : {}),
        }));
        return [crossEntropy(supernet.forward(images(), mixture), labels()), weights];
      };
      const [value, leaves] = loss(point, true);
      const gradients = grad(value, leaves).map((gradient) => [...gradient.dataSync()]);
      const step = 1e-2;
      for (const [layer, row] of point.entries()) {
        for (const c of row.keys()) {
          const moved = (by: number): number =>
            noGrad(() => {
              const values = point.map((other) => [...other]);
              values[layer]![c]! += by;
              return loss(values)[0].itemSync();
            });
          const difference = (moved(step) - moved(-step)) / (2 * step);
          expect(Math.abs(gradients[layer]![c]! - difference), `layer ${layer}, ${c}`).toBeLessThan(2e-3);
        }
      }
      expect(gradients[1]![0]).toBe(0);
      expect(Math.abs(gradients[1]![1]!)).toBeGreaterThan(0);
    });
  });

  it('builds and computes only the candidates that are left', () => {
    const left = groups.map((group) => ({ ...group, candidates: [group.candidates[0]!.slice(1, 3)] }));
    using supernet = build(left);
    expect(supernet.layers[0]!.candidate_ops.length).toBe(2);
    scope(() => {
      const mixture = mixtureOf(() => ({ weights: tensor([[0.5, 0.5]]) }), left);
      expect(supernet.forward(images(), mixture).shape).toEqual([4, 3]);
      expect(() =>
        supernet.forward(
          images(),
          mixtureOf(() => ({ weights: tensor([[1]]) }), left),
        ),
      ).toThrow(ShapeError);
      expect(() => supernet.forward(images(), {})).toThrow(/mixture of layers.0/);
      const none = mixtureOf(() => ({ weights: tensor([[0.5, 0.5]]), active: [[]] }), left);
      expect(() => supernet.forward(images(), none)).toThrow(/active candidate of layers.0/);
      const strange = mixtureOf(() => ({ weights: tensor([[0.5, 0.5]]), active: [[2]] }), left);
      expect(() => supernet.forward(images(), strange)).toThrow(ArgumentError);
    });
  });

  it('disturbs identities in training, and nothing else', () => {
    using supernet = build();
    const logits = (layer: number) =>
      scope(() => {
        const mixture = mixtureOf((count, l) => ({
          weights: tensor([Array<number>(count).fill(1)]),
          active: [[l === layer ? count - 1 : 0]],
        }));
        device().stepBlock.manualStep(3);
        return [...supernet.forward(images(), mixture).dataSync()];
      });
    // The last candidate of layer 1 is the identity, that of layer 2 a block.
    const calm = [logits(1), logits(2)];
    for (const kind of ['dropout', 'noise'] as const) {
      supernet.skipDisturbance = { kind, level: 0.5, seed: 1 };
      const [identity, block] = [logits(1), logits(2)];
      expect(identity).not.toEqual(calm[0]);
      expect(logits(1)).toEqual(identity);
      expect(block).toEqual(calm[1]);
    }
    supernet.eval();
    const disturbed = logits(1);
    supernet.skipDisturbance = null;
    expect(logits(1)).toEqual(disturbed);
  });
});

describe('steps of ProxylessNAS', () => {
  const two: SampledPaths[] = groups.map((_, layer) => ({ active: layer % 2, inactive: 2 }));

  const gradients = (detach: boolean): number[][] =>
    scope(() => {
      using supernet = build();
      const alphas = groups.map(({ candidates: [names] }) =>
        tensor([names!.map((_, c) => 0.1 * c)], undefined, { requiresGrad: true }),
      );
      const mixture = mixtureOf((count, layer) => {
        const masks = pathMasks(count, [two[layer]!]);
        const { gates } = binaryGates(alphas[layer]!, {
          active: tensor(masks.active, [1, count]),
          excluded: tensor(masks.excluded, [1, count]),
        });
        const active = [[two[layer]!.active, two[layer]!.inactive!]];
        return { weights: gates, active, ...(detach ? { detached: [[two[layer]!.inactive!]] } : {}) };
      });
      const loss = crossEntropy(supernet.forward(images(), mixture), labels());
      return [...grad(loss, alphas), loss].map((each) => [...each.dataSync()]);
    });

  it('have the gradients of alphas that they had with inactive paths on the tape', () => {
    const detached = gradients(true);
    expect(detached).toEqual(gradients(false));
    for (const row of detached.slice(0, -1)) {
      const involved = row.filter((gradient) => gradient !== 0);
      expect(involved.length).toBe(2);
      expect(involved[0]! + involved[1]!).toBeCloseTo(0, 6);
    }
  });

  it('take at most 1.5 times the memory of one sampled network', () => {
    const wide = layerwiseSpaceSchema.parse({ ...config, candidates: undefined, stem: 16, first: 16 });
    const over = layerwiseSpace.groups(wide);
    const peakOf = (step: () => void): number => {
      // The second time filters and buffers are what they will be.
      for (let round = 0; round < 2; round++) {
        device().synchronizeSync();
        resetPeakMemory();
        scope(step);
        device().synchronizeSync();
      }
      return memory().peak - memory().active;
    };
    using supernet = layerwiseSpace.supernet(wide, over, options, 1);
    const layers = over.map(() => 'mbconv_k5_e6');
    const active = over[0]!.candidates[0]!.indexOf('mbconv_k5_e6');
    using single = modelFromSpec(layerwiseSpace.network(wide, { space: 'layerwise', layers }, data), 1);
    using x = rand([8, 16, 16, 3], { seed: 1 });
    using y = tensor(Int32Array.from({ length: 8 }, (_, i) => i % 3));
    const alone = peakOf(() => void grad(crossEntropy(single.forward(x), y), [...single.parameters()]));
    const oneHot = (count: number) =>
      tensor([Array.from({ length: count }, (_, c) => (c === active ? 1 : 0))]);
    const onePath = peakOf(() => {
      const mixture = mixtureOf((count) => ({ weights: oneHot(count), active: [[active]] }), over);
      const loss = crossEntropy(supernet.forward(x, mixture), y);
      grad(loss, [...supernet.parameters()], { allowUnused: true });
    });
    const paths: SampledPaths[] = [{ active, inactive: 5 }];
    const twoPaths = peakOf(() => {
      const alphas = over.map(({ candidates: [names] }) =>
        tensor([Array<number>(names!.length).fill(0)], undefined, { requiresGrad: true }),
      );
      const mixture = mixtureOf((count, layer) => {
        const masks = pathMasks(count, paths);
        const { gates } = binaryGates(alphas[layer]!, {
          active: tensor(masks.active, [1, count]),
          excluded: tensor(masks.excluded, [1, count]),
        });
        return { weights: gates, active: [[active, 5]], detached: [[5]] };
      }, over);
      grad(crossEntropy(supernet.forward(x, mixture), y), alphas);
    });
    const all = peakOf(() => {
      const weights = over.map(({ candidates: [names] }) =>
        tensor([Array<number>(names!.length).fill(0)], undefined, { requiresGrad: true }),
      );
      const mixture = mixtureOf((_, layer) => ({ weights: softmax(weights[layer]!) }), over);
      grad(crossEntropy(supernet.forward(x, mixture), y), weights);
    });
    expect(onePath).toBeLessThan(1.5 * alone);
    expect(twoPaths).toBeLessThan(1.5 * alone);
    // What the mixture of all candidates takes.
    expect(all).toBeGreaterThan(2.5 * alone);
  });
});
