import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import '../collect-garbage.js';

const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
const imagenet = { classes: 1000, normalization };

/**
 * Of torchvision 0.28.0 with 1,000 classes: parameters, and a digest of the names and shapes of its `state_dict()`: SHA-256
 * of the sorted lines `name extent,extent,...`, without num_batches_tracked.
 */
const torchvision: Record<string, [parameters: number, digest: string]> = {
  resnet18: [11_689_512, '09ce7e9e01846250ca72a3be9e335bb7f6905b89a11905e73f4f584127a7c0fa'],
  resnet34: [21_797_672, 'bc79fc43acd9f853011263fdc971785e0f8d1badc7d63f8670c0d18b93d32ee2'],
  resnet50: [25_557_032, 'c67ecaef75aaf0f7ff01240e17727e9642664d14f9f2337cd070db9f0a218e26'],
  resnet101: [44_549_160, '8ab21a42b16f2c7ef7b70f13cdb622fae8639e5d04a15886b2204e72ad2cb9c8'],
  resnet152: [60_192_808, '574119cdff319c7f886c470dab36f22ecc0745c7792581e95c316a946a77b9cf'],
  vgg11_bn: [132_868_840, '686aec7cf8600ff369327914c46c969044b284f6fdfba33233099cd34387504c'],
  vgg16_bn: [138_365_992, 'cadfea32ace3820c8f42d8d6bdc32a00c715a9383a9786ca319d9567f35626b1'],
  mobilenet_v2: [3_504_872, '9d75a56bf145f32f8faca753d7beb2b877229be102f50ce3ab4780f5355ba355'],
};

/** Small networks of every family, with widths that differ from each other. */
const small: L.ModelSpec[] = [
  {
    model: 'resnet-cifar',
    classes: 3,
    normalization,
    stem: 4,
    stages: [
      { width: 4, inner: [5] },
      { width: 6, inner: [5] },
      { width: 8, inner: [7] },
    ],
  },
  ...(['cifar', 'imagenet'] as const).map(
    (kind): L.ResNetSpec => ({
      model: 'resnet',
      classes: 3,
      normalization,
      block: 'basic',
      stem: { kind, width: 4 },
      stages: [4, 6, 7, 8].map((width) => ({ width, inner: [[5], [3]] })),
    }),
  ),
  {
    model: 'resnet',
    classes: 3,
    normalization,
    block: 'bottleneck',
    stem: { kind: 'cifar', width: 8 },
    stages: [8, 12, 14, 16].map((width) => ({ width, inner: [[3, 4]] })),
  },
  {
    model: 'wide-resnet',
    classes: 3,
    normalization,
    stem: 4,
    stages: [4, 6, 8].map((width) => ({ width, inner: [5, 3] })),
  },
  { model: 'vgg', classes: 3, normalization, stages: [[4], [5, 6]], hidden: [9, 8], dropout: 0.5 },
  {
    model: 'mobilenet-v2',
    classes: 3,
    normalization,
    stem: 4,
    blocks: [
      { hidden: null, width: 6, stride: 1 },
      { hidden: 12, width: 6, stride: 1 },
      { hidden: 10, width: 8, stride: 2 },
    ],
    head: 16,
    dropout: 0.2,
  },
  {
    model: 'proxyless',
    classes: 3,
    normalization,
    stem: 4,
    blocks: [
      { window: 3, hidden: null, width: 6, stride: 1 },
      null,
      { window: 5, hidden: 12, width: 6, stride: 1 },
      { window: 7, hidden: 10, width: 8, stride: 2 },
    ],
    head: 16,
  },
  L.cellsSpec(
    L.publishedGenotype('DARTS_V2'),
    { classes: 3, normalization },
    { channels: 4, cells: 3, stem: 'imagenet' },
  ),
];

const labelOf = (spec: L.ModelSpec): string =>
  spec.model === 'resnet' ? `resnet, ${spec.block}, ${spec.stem.kind} stem` : spec.model;

const parametersOf = (model: L.SpecModel): number =>
  [...model.parameters()].reduce((total, { size }) => total + size, 0);

describe('sizes', () => {
  for (const [name, [parameters, digest]] of Object.entries(torchvision)) {
    it(`${name} has the parameters of torchvision, by number, name and shape`, () => {
      using model: L.SpecModel = L.modelFromSpec(L.modelSpec(name, imagenet), null);
      expect(parametersOf(model)).toBe(parameters);
      const lines = [...L.torchShapes(model)].map(([entry, shape]) => `${entry} ${shape.join(',')}\n`);
      expect(createHash('sha256').update(lines.sort().join('')).digest('hex')).toBe(digest);
    });
  }

  it.each([
    ['resnet8', 10, 78_042],
    ['resnet20', 10, 272_474],
    ['resnet32', 10, 466_906],
    ['resnet56', 10, 855_770],
    ['resnet18_cifar', 10, 11_173_962],
    ['resnet50_cifar', 10, 23_520_842],
    ['wide_resnet28_4', 10, 5_849_050],
    ['proxyless_w0.3', 1000, 754_280],
  ])('%s with %i classes has %i parameters', (name, classes, parameters) => {
    using model: L.SpecModel = L.modelFromSpec(L.modelSpec(name, { classes, normalization }), null);
    expect(parametersOf(model)).toBe(parameters);
  });

  it.each([
    ['resnet18', 224, 1_814_073_344],
    ['resnet50', 224, 4_089_184_256],
    ['mobilenet_v2', 224, 300_774_272],
    ['wide_resnet28_4', 32, 845_597_184],
  ])('%s computes at %i pixels the multiply-accumulates that hooks count in PyTorch', (name, size, macs) => {
    const classes = name === 'wide_resnet28_4' ? 10 : 1000;
    using model: L.SpecModel = L.modelFromSpec(L.modelSpec(name, { classes, normalization }), null);
    expect(L.complexity(model, [size, size, 3]).macs).toBe(macs);
  });

  it('MobileNetV2 rounds its widths to multiples of 8, and never by more than a tenth down', () => {
    const half = L.mobileNetV2Spec({ ...imagenet, width: 0.5 });
    expect([half.stem, half.head]).toEqual([16, 1280]);
    expect(half.blocks.map(({ width }) => width).filter((width, i, all) => width !== all[i - 1])).toEqual([
      8, 16, 32, 48, 80, 160,
    ]);
    expect(L.mobileNetV2Spec({ ...imagenet, width: 1.4 }).head).toBe(1792);
    // 0.35 * 32 = 11.2 would go to 8, which is more than a tenth less.
    expect(L.mobileNetV2Spec({ ...imagenet, width: 0.35 }).stem).toBe(16);
  });
});

describe.each(small.map((spec) => [labelOf(spec), spec] as const))('%s', (_, spec) => {
  it('is built again from its spec, and gives one row of logits an image', async () => {
    using model: L.SpecModel = L.modelFromSpec(spec, 3);
    const copy = JSON.parse(JSON.stringify(model.spec)) as L.ModelSpec;
    expect(copy).toEqual(spec);
    using again: L.SpecModel = L.modelFromSpec(copy, 3);
    expect(await again.hostState()).toEqual(await model.hostState());
    using empty: L.SpecModel = L.modelFromSpec(copy, null);
    L.fromTorchState(empty, await L.toTorchState(model));
    expect(await empty.hostState()).toEqual(await model.hostState());
    model.eval();
    L.scope(() => {
      const x = L.rand([3, 24, 20, 3], { seed: 2 });
      const logits = model.forward(x);
      expect(logits.shape).toEqual([3, 3]);
      expect(model.forward(x.slice(0, 1, 1)).dataSync()).toEqual(logits.dataSync().slice(3, 6));
    });
  });

  it('learns, with the same bits twice, and releases every tensor of a step', async () => {
    const train = async (): Promise<number[]> => {
      using model: L.SpecModel = L.modelFromSpec(spec, 3);
      using optimizer = new L.SGD(model.namedParameters(), { rate: 0.05, momentum: 0.9 });
      using x = L.rand([6, 16, 16, 3], { seed: 4 });
      using labels = L.tensor(Int32Array.from({ length: 6 }, (_, i) => i % 3));
      const losses: number[] = [];
      let live = 0;
      for (let step = 0; step < 12; step++) {
        await L.scope(async () => {
          L.device().stepBlock.manualStep(step);
          const loss = L.crossEntropy(model.forward(x), labels);
          loss.backward();
          for (const [name, { grad }] of model.namedParameters()) expect(grad, name).not.toBeNull();
          optimizer.step();
          optimizer.zeroGrad();
          losses.push(await loss.item());
        });
        if (step === 0) live = L.memory().liveTensors;
      }
      expect(L.memory().liveTensors).toBe(live);
      return losses;
    };
    const losses = await train();
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(Math.min(...losses.slice(6))).toBeLessThan(losses[0]!);
    expect(await train()).toEqual(losses);
  });
});

describe('the registry', () => {
  it('names the nearest model', () => {
    const build = (name: string) => () => L.buildModel(name, { ...imagenet, seed: 0 });
    expect(build('resnet-50')).toThrow(L.ArgumentError);
    expect(build('resnet-50')).toThrow(/did you mean resnet50\?/);
    expect(build('lenet')).toThrow(/got 'lenet'\.$/);
    expect(build('constructor')).toThrow(L.ArgumentError);
  });

  it('draws as torchvision does: filters by fan out, the linear layers of VGG and MobileNetV2 narrow, their bias at 0', () => {
    const deviation = (tensor: L.Tensor): number => {
      const values = tensor.dataSync();
      return Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
    };
    const spec = L.vggSpec(11, { classes: 10, normalization });
    using vgg = L.modelFromSpec({ ...spec, stages: [[64], [128]], hidden: [64, 64] }, 1);
    const [first, , , , second] = vgg.features as [L.Conv2d, unknown, unknown, unknown, L.Conv2d];
    expect(deviation(second.weight)).toBeCloseTo(Math.sqrt(2 / (9 * 128)), 3);
    expect(deviation(first.bias!)).toBe(0);
    const [linear] = vgg.classifier as [L.Linear];
    expect(deviation(linear.weight)).toBeCloseTo(0.01, 4);
    expect(deviation(linear.bias!)).toBe(0);
  });

  it('refuses specs that are none', () => {
    const [cifar, basic] = small as [L.ResNetCifarSpec, L.ResNetSpec];
    const refused = (spec: unknown) =>
      expect(() => L.modelFromSpec(spec as L.ModelSpec, 0)).toThrow(L.ArgumentError);
    refused({ ...cifar, model: 'resnext' });
    refused({ ...cifar, stem: 1.5 });
    refused({ ...cifar, width: 3 });
    refused({ ...basic, stages: basic.stages.slice(1) });
    refused({ ...basic, block: 'bottleneck' });
    refused({ ...basic, stages: basic.stages.map((stage) => ({ ...stage, inner: [[4, 5]] })) });
    refused(null);
  });
});

describe('Dropout', () => {
  it('draws by the seed of its model, its place in it, and the step; and does nothing in evaluation', () => {
    const ofSeed = (seed: number) =>
      new L.Sequential(new L.Dropout(0.5), new L.Dropout(0.5)).initialize(seed);
    const ones = L.ones([1000]);
    const masks = (model: L.Sequential, step: number): number[][] => {
      L.device().stepBlock.manualStep(step);
      return L.scope(() => model.layers.map((layer) => [...layer.forward(ones).dataSync()]));
    };
    const [first, second] = masks(ofSeed(1), 0);
    expect(new Set(first)).toEqual(new Set([0, 2]));
    expect(first).not.toEqual(second);
    expect(masks(ofSeed(1), 0)).toEqual([first, second]);
    expect(masks(ofSeed(2), 0)[0]).not.toEqual(first);
    expect(masks(ofSeed(1), 1)[0]).not.toEqual(first);
    expect(ofSeed(1).eval().forward(ones)).toBe(ones);
    ones.dispose();
    expect(() => new L.Dropout(1)).toThrow(L.ArgumentError);
  });
});
