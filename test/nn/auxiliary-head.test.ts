import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import '../collect-garbage.js';

const options = { classes: 10, normalization: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } };

const names = [
  'features.2.weight',
  'features.3.weight',
  'features.3.bias',
  'features.5.weight',
  'features.6.weight',
  'features.6.bias',
  'classifier.weight',
  'classifier.bias',
];

describe('AuxiliaryHead', () => {
  it('has the names and the size of that of DARTS', () => {
    using head = new L.AuxiliaryHead(64, 10);
    const parameters = [...head.namedParameters()];
    expect(parameters.map(([name]) => name)).toEqual(names);
    const count = parameters.reduce((total, [, { size }]) => total + size, 0);
    expect(count).toBe(64 * 128 + 2 * 128 + 4 * 128 * 768 + 2 * 768 + 768 * 10 + 10);
  });

  it('is its layers called one by one', () => {
    using head = new L.AuxiliaryHead(6, 3).eval();
    L.scope(() => {
      const x = L.randn([2, 8, 8, 6], { seed: 1 });
      const [, , conv1, bn1, , conv2, bn2] = head.features;
      let y = L.avgPool2d(x.relu(), 5, { stride: 3 });
      expect(y.shape).toEqual([2, 2, 2, 6]);
      y = bn1.forward(conv1.forward(y)).relu();
      y = bn2.forward(conv2.forward(y)).relu();
      const expected = head.classifier.forward(y.reshape([2, 768])).dataSync();
      const found = head.forward(x).dataSync();
      expect(found).toHaveLength(6);
      for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 5);
      expect(() => head.forward(L.ones([1, 7, 8, 6]))).toThrow(L.ShapeError);
      expect(() => head.forward(L.ones([1, 16, 16, 6]))).toThrow(L.ShapeError);
    });
  });
});

describe('AuxiliaryHeadImageNet', () => {
  it('has the names and the size of that of DARTS, and is its layers called one by one', () => {
    using head = new L.AuxiliaryHeadImageNet(6, 3).eval();
    const parameters = [...head.namedParameters()];
    expect(parameters.map(([name]) => name)).toEqual(names.filter((name) => !name.includes('.6.')));
    L.scope(() => {
      const x = L.randn([2, 7, 7, 6], { seed: 1 });
      const [, , conv1, bn1, , conv2] = head.features;
      const pooled = L.avgPool2d(x.relu(), 5, { stride: 2 });
      const y = conv2.forward(bn1.forward(conv1.forward(pooled)).relu()).relu();
      const expected = head.classifier.forward(y.reshape([2, 768])).dataSync();
      for (const [i, value] of head.forward(x).dataSync().entries())
        expect(value).toBeCloseTo(expected[i]!, 5);
      expect(() => head.forward(L.ones([1, 14, 14, 6]))).toThrow(L.ShapeError);
    });
  });
});

describe('WithAuxiliaryHead', () => {
  it('takes the head of ImageNet for a network with its stem', () => {
    const spec = L.cellsSpec(L.publishedGenotype('DARTS_V2'), options, {
      channels: 2,
      cells: 3,
      stem: 'imagenet',
    });
    using network = new L.WithAuxiliaryHead(L.modelFromSpec(spec, 1), { classes: 10, seed: 1 });
    expect(network.auxiliary_head).toBeInstanceOf(L.AuxiliaryHeadImageNet);
    L.scope(() => {
      const [logits, auxiliary] = network.forwardWithAuxiliary(L.rand([2, 224, 224, 3], { seed: 2 }));
      expect([logits.shape, auxiliary?.shape]).toEqual([
        [2, 10],
        [2, 10],
      ]);
    });
  });

  it.each(['resnet8', 'resnet18_cifar', 'wide_resnet28_4'])('taps %s at 8 x 8', (name) => {
    const model = L.modelFromSpec(L.modelSpec(name, options), null) as L.SpecModel;
    if (!L.isTapped(model)) throw new Error(`${name} has no tap`);
    using network = new L.WithAuxiliaryHead(model, { classes: 10, seed: 1 });
    network.eval();
    L.noGrad(() =>
      L.scope(() => {
        const [logits, tap] = model.forwardTapped(L.ones([1, 32, 32, 3]));
        expect(logits.shape).toEqual([1, 10]);
        expect(tap.shape).toEqual([1, 8, 8, model.tapChannels]);
      }),
    );
  });

  it('gives both logits in training, the network alone in evaluation', () => {
    const model = L.buildModel('resnet8', { ...options, seed: 1 });
    if (!L.isTapped(model)) throw new Error('resnet8 has no tap');
    using network = new L.WithAuxiliaryHead(model, { classes: 10, seed: 1 });
    expect([...network.namedParameters()].map(([name]) => name)).toEqual([
      ...[...model.namedParameters()].map(([name]) => `model.${name}`),
      ...names.map((name) => `auxiliary_head.${name}`),
    ]);
    L.scope(() => {
      const x = L.rand([2, 32, 32, 3], { seed: 2 });
      const labels = L.tensor(Int32Array.of(3, 7));
      const [logits, auxiliary] = network.forwardWithAuxiliary(x);
      expect([logits.shape, auxiliary?.shape]).toEqual([
        [2, 10],
        [2, 10],
      ]);
      // The head's loss reaches what lies before its tap, and nothing behind it.
      L.crossEntropy(auxiliary!, labels).backward();
      const reached = [...network.namedParameters()].filter(([, { grad }]) => grad !== null);
      const reachedNames = reached.map(([name]) => name);
      expect(reachedNames).toContain('model.conv1.weight');
      expect(reachedNames).toContain('model.layer3.0.conv2.weight');
      expect(reachedNames).not.toContain('model.fc.weight');
      expect(reachedNames.filter((name) => name.startsWith('auxiliary_head.'))).toHaveLength(names.length);
      network.eval();
      const [alone, none] = network.forwardWithAuxiliary(x);
      expect(none).toBeNull();
      expect(alone.dataSync()).toEqual(model.forward(x).dataSync());
      expect(network.forward(x).dataSync()).toEqual(alone.dataSync());
    });
  });

  it('is nothing for a network without a tap', () => {
    using vgg = L.modelFromSpec({ ...L.vggSpec(11, options), stages: [[4]], hidden: [4, 4] }, 0);
    expect(L.isTapped(vgg)).toBe(false);
  });
});
