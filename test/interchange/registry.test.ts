import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { exportOnnx, exportPyTorch } from '../../lib/io/graph/export.js';
import { bytesOf, type HostTensor } from '../../lib/io/host-tensor.js';
import { writeNpz } from '../../lib/io/npz.js';
import { readSafetensors } from '../../lib/io/safetensors.js';
import { BatchNorm2d } from '../../lib/nn/batch-norm.js';
import { cellsSpec } from '../../lib/nn/models/cells.js';
import {
  type ModelSpec,
  modelFromSpec,
  modelNames,
  modelSpec,
  type SpecModel,
} from '../../lib/nn/models/index.js';
import { Module } from '../../lib/nn/module.js';
import { publishedGenotype } from '../../lib/nn/published-genotypes.js';
import { toTorchState } from '../../lib/nn/torch-state.js';
import { rand } from '../../lib/ops/create.js';
import {
  affine,
  elu,
  gelu,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  relu6,
  silu,
} from '../../lib/ops/elementwise.js';
import { assign, concat } from '../../lib/ops/layout.js';
import { removeChannels } from '../../lib/prune/surgery.js';
import { noGrad, scope } from '../../lib/scope.js';
import type { Tensor } from '../../lib/tensor.js';
import { arrayIn, logitsByOnnx, logitsHere, relativeError } from './networks.js';
import { python, sharedFolder } from './python.js';

const NORMALIZATION = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0.3] };
const { folder, remove } = sharedFolder();

interface Subject {
  readonly name: string;
  readonly size: number;
  readonly build: () => Module;
}

/** Deeper ones of a family, which differ from others here in the number of blocks; torchvision.test.ts has some. */
const DEEPER = /^resnet(18|34|50|101|152)$|^resnet(34|50|101|152)_cifar$|^resnet(32|56)$|^vgg16_bn$/;

/** The models of the registry at a size at which maps are odd or small, and a network whose widths were pruned. */
const subjects: Subject[] = [
  ...modelNames
    .filter((name) => !DEEPER.test(name))
    .map((name) => ({
      name,
      size: /^resnet(8|20|32|56)$|cifar|wide/.test(name) ? 32 : 45,
      build: () => randomized(smallHead(modelSpec(name, { classes: 7, normalization: NORMALIZATION }))),
    })),
  { name: 'resnet20-pruned', size: 32, build: pruned },
  { name: 'darts-v2', size: 30, build: () => randomized(found('DARTS_V2')) },
  { name: 'fairdarts-c', size: 32, build: () => randomized(found('FairDARTS_c')) },
  { name: 'activations', size: 5, build: () => new Activations() },
];

/** The functions that networks use between layers, on values from -6 to 8. */
class Activations extends Module {
  override forward(x: Tensor): Tensor {
    const y = affine(x, 14, -6);
    const functions = [
      relu6(y),
      silu(y),
      hardSwish(y),
      hardSigmoid(y),
      elu(y, 0.7),
      leakyRelu(y, 0.2),
      gelu(y),
      gelu(y, 'tanh'),
    ];
    return concat(functions, 3).reshape([x.shape[0]!, -1]);
  }
}

/** VGG's linear layers are most of its weights, and all alike. */
function smallHead(spec: ModelSpec): ModelSpec {
  return spec.model === 'vgg' ? { ...spec, hidden: [40, 24] } : spec;
}

function randomized(spec: ModelSpec): SpecModel {
  const model = modelFromSpec(spec, 5);
  let stream = 1000;
  const between = (low: number, high: number, shape: readonly number[]) =>
    rand(shape, { seed: 5, stream: stream++, low, high });
  noGrad(() =>
    scope(() => {
      for (const module of model.modules()) {
        if (!(module instanceof BatchNorm2d)) continue;
        const shape = [module.channels];
        assign(module.running_mean, between(-0.2, 0.2, shape));
        assign(module.running_var, between(0.5, 1.5, shape));
        assign(module.weight, between(0.5, 1.2, shape));
        assign(module.bias, between(-0.2, 0.2, shape));
      }
    }),
  );
  return model;
}

/** A small network of a published genotype. */
function found(genotype: string): ModelSpec {
  const options = { classes: 7, normalization: NORMALIZATION };
  return cellsSpec(publishedGenotype(genotype), options, { channels: 6, cells: 4 });
}

function pruned(): SpecModel {
  using model = randomized(modelSpec('resnet20', { classes: 7, normalization: NORMALIZATION }));
  return removeChannels(
    model,
    new Map([
      ['layer1.0.inner', Int32Array.of(0, 3, 5)],
      ['layer3.2.inner', Int32Array.of(1, 2, 3, 5, 8, 13, 21, 34, 55)],
    ]),
  );
}

let expected: Map<string, Float32Array>;
const byOnnx = new Map<string, Float32Array>();
const states = new Map<string, ReadonlyMap<string, HostTensor>>();

beforeAll(async () => {
  expected = new Map();
  for (const { name, size, build } of subjects) {
    using model = build();
    const directory = join(folder, name);
    mkdirSync(directory);
    using pixels = rand([2, 3, size, size], { seed: 9, stream: 1 });
    const images: HostTensor = { dtype: 'f32', shape: [...pixels.shape], data: await pixels.data() };
    await writeNpz(join(directory, 'images.npz'), new Map([['images', images]]));
    expected.set(name, await logitsHere(model, images));
    states.set(name, await toTorchState(model));
    await exportPyTorch(directory, model, [size, size, 3], name);
    const onnx = join(directory, 'model.onnx');
    await exportOnnx(onnx, model, [size, size, 3], { name });
    byOnnx.set(name, await logitsByOnnx(onnx, images));
  }
  await python('run_exports.py', ...subjects.map(({ name }) => join(folder, name)));
});
afterAll(remove);

describe.each(subjects.map(({ name }) => name))('%s', (name) => {
  it('computes the same as model.py and in onnxruntime', async () => {
    const { data } = await arrayIn(join(folder, name, 'logits.npz'), 'logits');
    expect(relativeError(data, expected.get(name)!)).toBeLessThan(1e-4);
    expect(relativeError(byOnnx.get(name)!, expected.get(name)!)).toBeLessThan(1e-4);
  });

  it('exports the weights that toTorchState gives', async () => {
    const { tensors } = await readSafetensors(join(folder, name, 'model.safetensors'));
    expect([...tensors.keys()].sort()).toEqual([...states.get(name)!.keys()].sort());
    for (const [key, tensor] of tensors) {
      const { dtype, shape } = states.get(name)!.get(key)!;
      expect([dtype, shape], key).toEqual([tensor.dtype, tensor.shape]);
      expect(Buffer.compare(bytesOf(states.get(name)!.get(key)!), bytesOf(tensor)), key).toBe(0);
    }
  });
});
