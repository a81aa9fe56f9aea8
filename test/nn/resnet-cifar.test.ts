import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import '../collect-garbage.js';

const options = { classes: 10, normalization: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } };
const tiny: L.ResNetCifarSpec = {
  model: 'resnet-cifar',
  classes: 3,
  stem: 4,
  stages: [
    { width: 4, inner: [2] },
    { width: 6, inner: [5] },
    { width: 8, inner: [7] },
  ],
  normalization: options.normalization,
};

describe('ResNet-20', () => {
  it('has the size and the names of the literature', () => {
    using model = L.buildModel('resnet20', { ...options, seed: 1 });
    const { parameters, macs, layers } = L.complexity(model, [32, 32, 3]);
    expect(parameters).toBe(272_474);
    expect(macs).toBe(40_813_184);
    const names = [...model.namedParameters()].map(([name]) => name);
    expect(names).toHaveLength(65);
    expect(names.slice(0, 6)).toEqual([
      'conv1.weight',
      'bn1.weight',
      'bn1.bias',
      'layer1.0.conv1.weight',
      'layer1.0.bn1.weight',
      'layer1.0.bn1.bias',
    ]);
    expect(names).toContain('layer2.0.downsample.0.weight');
    expect(names).toContain('layer3.0.downsample.1.bias');
    expect(names.slice(-2)).toEqual(['fc.weight', 'fc.bias']);
    expect([...model.stateDict().keys()]).toContain('layer3.2.bn2.running_var');
    expect(layers.find(({ name }) => name === 'layer2.0.conv1')).toEqual({
      name: 'layer2.0.conv1',
      kind: 'Conv2d',
      parameters: 32 * 9 * 16,
      macs: 16 * 16 * 32 * 9 * 16,
      outputShape: [16, 16, 32],
    });
    expect(model.training).toBe(true);
  });
});

describe('ResNetCifar', () => {
  it('gives the features that its classifier sees', () => {
    using model = L.modelFromSpec(tiny, 3);
    L.scope(() => {
      const x = L.rand([2, 32, 32, 3], { seed: 1 });
      model.eval();
      const features = model.features(x);
      expect(features.shape).toEqual([2, 8]);
      expect(model.fc.forward(features).dataSync()).toEqual(model.forward(x).dataSync());
    });
  });

  it('needs no more memory for more blocks, where nothing is kept for backward', () => {
    const peak = (depth: number): number => {
      using model = L.modelFromSpec(L.resNetCifarSpec(depth, options), 1);
      return L.noGrad(() =>
        L.scope(() => {
          const x = L.rand([8, 32, 32, 3], { seed: 1 });
          L.resetPeakMemory();
          const before = L.memory().active;
          model.eval().forward(x);
          return L.memory().peak - before;
        }),
      );
    };
    expect(peak(32)).toBeLessThanOrEqual(1.05 * peak(14));
  });

  it('is built from any widths, and again from its spec', async () => {
    using pruned = L.modelFromSpec(tiny, 3);
    expect(pruned.layer2[0]!.conv1.weight.shape).toEqual([5, 3, 3, 4]);
    const spec = JSON.parse(JSON.stringify(pruned.spec)) as L.ResNetCifarSpec;
    expect(spec).toEqual(tiny);
    using again = L.modelFromSpec(spec, 3);
    expect(await again.hostState()).toEqual(await pruned.hostState());
    expect(L.scope(() => again.forward(L.rand([2, 32, 32, 3], { seed: 1 })).shape)).toEqual([2, 3]);
  });

  it('refuses specs that are none', () => {
    const stages = tiny.stages.slice(1);
    expect(() => L.modelFromSpec({ ...tiny, stages }, 0)).toThrow(L.ArgumentError);
    expect(() => L.modelFromSpec({ ...tiny, stem: 0 }, 0)).toThrow(L.ArgumentError);
    expect(() => L.resNetCifarSpec(10, options)).toThrow(L.ArgumentError);
    expect(() => L.buildModel('resnet21', { ...options, seed: 0 })).toThrow(/resnet8, resnet20/);
  });

  it('gives a sample the same logits in every batch of an evaluation', () => {
    using model = L.modelFromSpec(tiny, 3).eval();
    L.scope(() => {
      const x = L.rand([5, 16, 16, 3], { seed: 2 });
      const all = model.forward(x).dataSync();
      const one = model.forward(x.slice(0, 3, 1)).dataSync();
      expect(one).toEqual(all.slice(9, 12));
    });
  });

  it('agrees with its layers called one by one', () => {
    using model = L.modelFromSpec(tiny, 3).eval();
    L.scope(() => {
      const x = L.rand([2, 16, 16, 3], { seed: 2 });
      let y = model.bn1.forward(model.conv1.forward(model.normalize.forward(x))).relu();
      for (const block of [...model.layer1, ...model.layer2, ...model.layer3]) {
        const hidden = block.bn1.forward(block.conv1.forward(y)).relu();
        const [conv, bn] = block.downsample ?? [];
        const shortcut = conv && bn ? bn.forward(conv.forward(y)) : y;
        y = block.bn2.forward(block.conv2.forward(hidden)).add(shortcut).relu();
      }
      const expected = model.fc.forward(y.mean([1, 2])).dataSync();
      const actual = model.forward(x).dataSync();
      expect(Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-4);
    });
  });

  it('learns, with the same bits twice, and releases every tensor of a step', async () => {
    const train = async (): Promise<{ losses: number[]; weights: Float32Array }> => {
      using model = L.modelFromSpec(tiny, 3);
      using optimizer = new L.SGD(model.namedParameters(), { rate: 0.05, momentum: 0.9 });
      using x = L.rand([12, 16, 16, 3], { seed: 4 });
      using labels = L.tensor(Int32Array.from({ length: 12 }, (_, i) => i % 3));
      const losses: number[] = [];
      let live = 0;
      for (let step = 0; step < 30; step++) {
        await L.scope(async () => {
          const loss = L.crossEntropy(model.forward(x), labels);
          loss.backward();
          optimizer.step();
          optimizer.zeroGrad();
          losses.push(await loss.item());
        });
        if (step === 0) live = L.memory().liveTensors;
      }
      expect(L.memory().liveTensors).toBe(live);
      return { losses, weights: await model.fc.weight.data() };
    };
    const before = L.memory().liveTensors;
    const first = await train();
    expect(first.losses[29]).toBeLessThan(0.3 * first.losses[0]!);
    expect(await train()).toEqual(first);
    expect(L.memory().liveTensors).toBe(before);
  });
});
