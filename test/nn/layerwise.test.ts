import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  complexity,
  crossEntropy,
  grad,
  type LayerwiseSpec,
  layerwiseBlocks,
  modelFromSpec,
  type ProxylessSpec,
  rand,
  scope,
  tensor,
} from '../../lib/index.js';
import { layerGraph } from '../../lib/io/graph/export.js';
import { toOnnx } from '../../lib/io/graph/onnx.js';
import { toPyTorch } from '../../lib/io/graph/pytorch.js';
import { toTorchState } from '../../lib/nn/torch-state.js';

const common = { classes: 5, normalization: { mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0.3] } };
const small: LayerwiseSpec = {
  model: 'layerwise',
  ...common,
  stem: 8,
  stemStride: 2,
  first: 6,
  stages: [
    { width: 6, blocks: 2, stride: 1 },
    { width: 10, blocks: 2, stride: 2 },
  ],
  head: 24,
  genotype: { space: 'layerwise', layers: ['skip', 'mbconv_k3_e1', 'mbconv_k7_e3', 'mbconv_k5_e6'] },
};
const withLayers = (...layers: string[]): LayerwiseSpec => ({
  ...small,
  genotype: { space: 'layerwise', layers },
});

describe('layer-wise networks', () => {
  it('are ProxylessNAS networks of the same blocks, to the bit', async () => {
    const proxyless: ProxylessSpec = {
      model: 'proxyless',
      ...common,
      stem: 8,
      blocks: [
        { window: 3, hidden: null, width: 6, stride: 1 },
        null,
        { window: 3, hidden: null, width: 6, stride: 1 },
        { window: 7, hidden: 18, width: 10, stride: 2 },
        { window: 5, hidden: 60, width: 10, stride: 1 },
      ],
      head: 24,
    };
    using network = modelFromSpec(small, 3);
    using other = modelFromSpec(proxyless, 3);
    expect(await network.hostState()).toEqual(await other.hostState());
    scope(() => {
      const x = rand([2, 20, 16, 3], { seed: 1 });
      expect(network.forward(x).dataSync()).toEqual(other.forward(x).dataSync());
    });
  });

  it('have the parameters and multiply-accumulates that their widths say', () => {
    const stages = [
      [24, 4, 2],
      [40, 4, 2],
      [80, 4, 2],
      [96, 4, 1],
      [192, 4, 2],
      [320, 1, 1],
    ] as const;
    const spec: LayerwiseSpec = {
      ...withLayers(...Array<string>(21).fill('mbconv_k7_e6')),
      classes: 1000,
      stem: 32,
      first: 16,
      stages: stages.map(([width, blocks, stride]) => ({ width, blocks, stride })),
      head: 1280,
    };
    using network = modelFromSpec(spec, null);
    const { parameters, macs } = complexity(network, [224, 224, 3]);
    // Counted by hand: for each block the products of window, channels in and channels out.
    expect([parameters, macs]).toEqual([5103336, 606590720]);
  });

  it.each(layerwiseBlocks)('train %s, every parameter of it', (block) => {
    scope(() => {
      using network = modelFromSpec(withLayers(block, 'skip', block, block), 1);
      const labels = tensor(Int32Array.of(0, 3));
      const loss = crossEntropy(network.forward(rand([2, 12, 12, 3], { seed: 2 })), labels);
      for (const gradient of grad(loss, [...network.parameters()])) {
        const norm = gradient.square().sum().itemSync();
        expect(norm).toBeGreaterThan(0);
        expect(norm).toBeLessThan(Number.POSITIVE_INFINITY);
      }
    });
  });

  it('with two groups have half the weights in 1x1 convolutions', () => {
    using network = modelFromSpec(withLayers('skip', 'mbconv_k3_e1_g2', 'mbconv_k5_e1_g2', 'skip'), null);
    const shapes = new Map([...network.namedParameters()].map(([name, { shape }]) => [name, shape]));
    const block = 'blocks.3.mobile_inverted_conv';
    expect(shapes.get(`${block}.inverted_bottleneck.conv.weight`)).toEqual([6, 1, 1, 3]);
    expect(shapes.get(`${block}.depth_conv.conv.weight`)).toEqual([6, 5, 5, 1]);
    expect(shapes.get(`${block}.point_linear.conv.weight`)).toEqual([10, 1, 1, 3]);
  });

  it('export to PyTorch and ONNX', async () => {
    using network = modelFromSpec(withLayers('skip', 'mbconv_k3_e1_g2', 'mbconv_k7_e3', 'mbconv_k5_e1'), 2);
    const graph = await layerGraph(network, [20, 20, 3]);
    const names = [...(await toTorchState(network)).keys()];
    const { source, tensors } = toPyTorch(graph, new Set(names), { title: 'layerwise', weightsFile: 'w' });
    expect([...tensors.keys()].sort()).toEqual(names.sort());
    expect(source).toContain('groups=2');
    expect(toOnnx(graph, { name: 'layerwise' }).length).toBeGreaterThan(1000);
  });

  it.each<[string, string[], RegExp]>([
    ['of too few layers', ['skip'], /expected 4 layers, got 1/],
    ['with an unknown block', ['skip', 'mbconv_k9_e3', 'mbconv_k3_e3', 'skip'], /got 'mbconv_k9_e3'/],
    ['with an identity that does not fit', ['skip', 'skip', 'skip', 'skip'], /6 channels become 10/],
  ])('refuse genotypes %s', (_, layers, message) => {
    const build = () => modelFromSpec(withLayers(...layers), 0);
    expect(build).toThrow(ArgumentError);
    expect(build).toThrow(message);
  });

  it('refuse groups that do not divide channels', () => {
    const stages = [{ width: 7, blocks: 1, stride: 1 }] as const;
    const spec = { ...withLayers('mbconv_k3_e1_g2'), stages: [...stages] };
    expect(() => modelFromSpec(spec, 0)).toThrow(/2 groups .* 6 in and 7 out/);
  });
});
