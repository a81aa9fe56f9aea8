import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memory } from '../../lib/device.js';
import { UnsupportedError } from '../../lib/errors.js';
import { exportOnnx, exportPyTorch, layerGraph } from '../../lib/io/graph/export.js';
import { toOnnx } from '../../lib/io/graph/onnx.js';
import { decodeOnnx } from '../../lib/io/graph/onnx-schema.js';
import { toPyTorch } from '../../lib/io/graph/pytorch.js';
import { trace } from '../../lib/io/graph/trace.js';
import { readSafetensors } from '../../lib/io/safetensors.js';
import { Linear } from '../../lib/nn/linear.js';
import { buildModel, type ModelSpec, modelFromSpec, modelSpec } from '../../lib/nn/models/index.js';
import { Module } from '../../lib/nn/module.js';
import { toTorchState } from '../../lib/nn/torch-state.js';
import { dropout } from '../../lib/ops/dropout.js';
import { add, affine, div, gelu, mul, silu } from '../../lib/ops/elementwise.js';
import { softmax } from '../../lib/ops/softmax.js';
import type { Tensor } from '../../lib/tensor.js';
import { temporaryFolder } from '../temporary-folder.js';

const options = { classes: 5, normalization: { mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0.3] } };

/** A network of one function. */
class Only extends Module {
  readonly #forward: (x: Tensor) => Tensor;

  constructor(forward: (x: Tensor) => Tensor) {
    super();
    this.#forward = forward;
  }

  override forward(x: Tensor): Tensor {
    return this.#forward(x);
  }
}

const forwardOf = async (fn: (x: Tensor) => Tensor, shape = [4, 4, 2]) => {
  using model = new Only(fn);
  const { source } = toPyTorch(await layerGraph(model, shape), new Set(), { title: 't', weightsFile: 'w' });
  return source
    .slice(source.indexOf('def forward'), source.indexOf('def read_safetensors'))
    .split('\n')
    .slice(1)
    .map((line) => line.trim())
    .filter(Boolean);
};

describe('trace', () => {
  it('records what contributes, restores the modes and leaves nothing behind', () => {
    using model = buildModel('resnet8', { ...options, seed: 1 });
    const before = memory().liveTensors;
    const graph = trace(model, [32, 32, 3]);
    expect(memory().liveTensors).toBe(before);
    expect(model.training).toBe(true);
    expect(graph.calls.filter(({ op }) => op === 'convBnAct').length).toBe(9);
    expect(graph.output.shape).toEqual([3, 5]);
  });

  it.each<[string, (x: Tensor) => Tensor]>([
    ['a random op', (x) => dropout(x, { rate: 0.5, seed: 1 })],
    ['a reshape that mixes images', (x) => x.reshape([-1, 2]).softmax()],
    ['an op without counterpart', (x) => x.reshape([x.shape[0]!, -1]).argMax() as unknown as Tensor],
  ])('refuses %s', async (_, fn) => {
    await expect(forwardOf(fn)).rejects.toThrow(UnsupportedError);
  });
});

describe('lowering', () => {
  it('writes elementwise arithmetic as it would be read', async () => {
    expect(await forwardOf((x) => div(add(mul(x, 2), x), 3).relu())).toEqual([
      'x = F.relu(((x * 2.0) + x) / self.constant)',
      'return x',
    ]);
  });

  it('keeps the order of elements where a map is flattened for another than a linear layer', async () => {
    expect(await forwardOf((x) => softmax(x.reshape([x.shape[0]!, -1])))).toEqual([
      'x = x.permute(0, 2, 3, 1).flatten(1)',
      'x = F.softmax(x, dim=-1)',
      'return x',
    ]);
  });

  it('moves axes of reductions, slices, concatenations and transpositions', async () => {
    expect(await forwardOf((x) => x.mean([1, 2], { keepDims: true }))).toEqual([
      'x = torch.mean(x, dim=(2, 3), keepdim=True)',
      'return x',
    ]);
    expect(await forwardOf((x) => x.slice(3, 1, 1))).toEqual(['x = x.narrow(1, 1, 1)', 'return x']);
    expect(await forwardOf((x) => x.transpose([0, 2, 1, 3]))).toEqual([
      'x = x.permute(0, 1, 3, 2)',
      'return x',
    ]);
    expect(
      await forwardOf((x) =>
        x.pad([
          [0, 0],
          [1, 2],
          [3, 4],
          [0, 0],
        ]),
      ),
    ).toEqual(['x = F.pad(x, (3, 4, 1, 2, 0, 0, 0, 0), value=0.0)', 'return x']);
  });

  it('keeps a value that is read later in a variable of its own', async () => {
    expect(await forwardOf((x) => add(x.relu().mean([1, 2], { keepDims: true }), x).sigmoid())).toEqual([
      'y = F.relu(x)',
      'x = torch.sigmoid(torch.mean(y, dim=(2, 3), keepdim=True) + x)',
      'return x',
    ]);
  });
});

/** Small widths, the structure of the real ones. */
function small(name: string): ModelSpec {
  const spec = modelSpec(name, options);
  if (spec.model !== 'vgg') return spec;
  return { ...spec, stages: spec.stages.map((stage) => stage.map(() => 4)), hidden: [8, 6] };
}

/** One of each family. */
const families = ['resnet8', 'resnet18', 'wide_resnet28_4', 'vgg11_bn', 'mobilenet_v2', 'proxyless_w0.3'];

describe.each(families)('%s', (name) => {
  it('exports the weights of toTorchState, and sound ONNX', async () => {
    using model = modelFromSpec(small(name), 3);
    const graph = await layerGraph(model, [40, 40, 3]);
    const state = await toTorchState(model);
    const { tensors } = toPyTorch(graph, new Set(state.keys()), { title: name, weightsFile: 'w' });
    expect([...tensors.keys()].sort()).toEqual([...state.keys()].sort());
    for (const [key, { shape, data }] of tensors) {
      const expected = state.get(key)!;
      expect(shape, key).toEqual(expected.shape);
      expect(Buffer.from(data.buffer).equals(Buffer.from(expected.data.buffer)), key).toBe(true);
    }
    checkOnnx(decodeOnnx(toOnnx(graph, { name })));
  });
});

it('gives the parts of composed functions names of their own in ONNX', async () => {
  using model = new Only((x) => gelu(gelu(silu(silu(affine(x, 2, 1)))), 'tanh').reshape([x.shape[0]!, -1]));
  checkOnnx(decodeOnnx(toOnnx(await layerGraph(model, [2, 2, 3]), { name: 'composed' })));
});

interface DecodedOnnx {
  readonly opsetImport: readonly { version: number }[];
  readonly graph: {
    readonly node: readonly { name: string; opType: string; input: string[]; output: string[] }[];
    readonly initializer: readonly { name: string }[];
    readonly input: readonly { name: string }[];
    readonly output: readonly { name: string }[];
  };
}

/** What ONNX's own checker asks for: every name is written once, and before it is read. */
function checkOnnx(model: Record<string, unknown>): void {
  const { opsetImport, graph } = model as unknown as DecodedOnnx;
  expect(opsetImport[0]?.version).toBe(17);
  const known = new Set([...graph.input, ...graph.initializer].map(({ name }) => name));
  expect(known.size).toBe(graph.input.length + graph.initializer.length);
  const names = new Set<string>();
  for (const { name, input, output } of graph.node) {
    expect(names.has(name), name).toBe(false);
    names.add(name);
    for (const value of input) expect(known.has(value), `${name} reads ${value}`).toBe(true);
    for (const value of output) {
      expect(known.has(value), value).toBe(false);
      known.add(value);
    }
  }
  expect(graph.output.map(({ name }) => name)).toEqual(['logits']);
  expect(known.has('logits')).toBe(true);
}

describe('files', () => {
  it('writes model.py, its weights and model.onnx', async () => {
    const folder = join(temporaryFolder(), 'new');
    using model = new Head();
    await exportPyTorch(folder, model, [2, 2, 3], 'A head.');
    await exportOnnx(join(folder, 'model.onnx'), model, [2, 2, 3], { name: 'head', metadata: { a: 'b' } });
    const source = await readFile(join(folder, 'model.py'), 'utf8');
    expect(source).toContain('self.fc = nn.Linear(12, 2)');
    expect(source).toContain('x = x.flatten(1)\n        x = self.fc(x)\n');
    const { tensors } = await readSafetensors(join(folder, 'model.safetensors'));
    expect([...tensors.keys()].sort()).toEqual(['fc.bias', 'fc.weight']);
    // Column (y, x, c) with us is column (c, y, x) there.
    const here = await model.fc.weight.data();
    const there = tensors.get('fc.weight')!.data;
    for (let c = 0; c < 3; c++) {
      for (let place = 0; place < 4; place++) expect(there[c * 4 + place]).toBe(here[place * 3 + c]);
    }
    const onnx = decodeOnnx(await readFile(join(folder, 'model.onnx')));
    expect(onnx.metadataProps).toEqual([{ key: 'a', value: 'b' }]);
  });
});

/** A linear layer on a flattened map. */
class Head extends Module {
  readonly fc = new Linear(12, 2, { seed: 4 });

  override forward(x: Tensor): Tensor {
    return this.fc.forward(x.reshape([x.shape[0]!, -1]));
  }
}
