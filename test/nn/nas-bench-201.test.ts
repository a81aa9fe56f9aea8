import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { toOnnx } from '../../lib/io/graph/onnx.js';
import { decodeOnnx } from '../../lib/io/graph/onnx-schema.js';
import { toPyTorch } from '../../lib/io/graph/pytorch.js';

const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
const options = { classes: 10, normalization, channels: 4, cells: 1 };
/** Convolutions beside skips and pools, a node that nothing reaches, and one that nothing reads. */
const mixed = '|nor_conv_3x3~0|+|none~0|none~1|+|avg_pool_3x3~0|skip_connect~1|nor_conv_1x1~2|';

const specOf = (arch: string) => L.nasBench201Spec(L.nasBench201FromString(arch), options);

describe('strings', () => {
  it('names each of the 15,625 cells once', () => {
    const strings = Array.from({ length: L.nasBench201CellCount }, (_, number) =>
      L.nasBench201String(L.nasBench201FromNumber(number)),
    );
    expect(new Set(strings).size).toBe(15_625);
    expect(strings[0]).toBe('|none~0|+|none~0|none~1|+|none~0|none~1|none~2|');
    expect(L.nasBench201String(L.nasBench201FromString(strings[12_345]!))).toBe(strings[12_345]);
  });

  it.each([
    '',
    '|none~0|+|none~0|none~1|',
    '|none~0|+|none~0|none~1|+|none~0|none~1|none~1|',
    '|none~0|+|none~0|none~1|+|none~0|none~1|max_pool_3x3~2|',
    'none~0|+|none~0|none~1|+|none~0|none~1|none~2|',
    '|none~0|+|none~0|none~1|+|none~0|none~1|none~2|+|none~0|none~1|none~2|none~3|',
  ])("refuses '%s'", (text) => {
    expect(() => L.nasBench201FromString(text)).toThrow(L.ArgumentError);
  });

  it.each([-1, 0.5, 15_625])('refuses the number %s', (number) => {
    expect(() => L.nasBench201FromNumber(number)).toThrow(L.ArgumentError);
  });
});

describe('the network of a cell', () => {
  it('costs what the benchmark says of its best cell on CIFAR-10', () => {
    // 184.73 M and 1.289 MB (millions) in the table, architecture 9930.
    const best =
      '|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|';
    using model = L.modelFromSpec(
      L.nasBench201Spec(L.nasBench201FromString(best), { classes: 10, normalization }),
      null,
    );
    const { parameters, macs } = L.complexity(model, [32, 32, 3]);
    expect(parameters).toBe(1_288_506);
    expect(macs / 1e6).toBeCloseTo(184.73, 2);
  });

  it('is a function of each cell: in evaluation, as batch statistics, and with gradients', () => {
    const labels = L.tensor([1, 2, 3, 4], [4], { dtype: 'i32' });
    // A stride that meets every operation on every edge.
    for (let number = 0; number < L.nasBench201CellCount; number += 631) {
      L.scope(() => {
        const genotype = L.nasBench201FromNumber(number);
        using model = L.modelFromSpec(L.nasBench201Spec(genotype, options), 1);
        const x = L.rand([4, 8, 8, 3], { seed: 2 });
        const [gradient] = L.grad(L.crossEntropy(model.forward(x), labels), [model.classifier.weight]);
        expect(gradient!.dataSync().every(Number.isFinite)).toBe(true);
        model.eval();
        const alone = L.noGrad(() => model.forward(L.slice(x, 0, 0, 1)));
        const together = L.noGrad(() => model.forward(x));
        expect([...alone.dataSync()]).toEqual([...together.dataSync()].slice(0, 10));
      });
    }
  });

  it('does not compute what no output reads', () => {
    using model = L.modelFromSpec(
      specOf('|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|none~1|none~2|'),
      1,
    );
    const { layers } = L.complexity(model, [8, 8, 3]);
    const unread = layers.filter(({ name }) => /layers\.\d\.op\.1$/.test(name));
    expect(unread.length).toBeGreaterThan(0);
    expect(unread.every(({ macs }) => macs === 0)).toBe(true);
  });

  it.each([
    mixed,
    '|none~0|+|none~0|none~1|+|none~0|none~1|none~2|',
    '|none~0|+|none~0|none~1|+|none~0|nor_conv_1x1~1|skip_connect~2|',
  ])('exports %s', async (arch) => {
    using model = L.modelFromSpec(specOf(arch), 3);
    const graph = await L.layerGraph(model, [8, 8, 3]);
    const state = await L.toTorchState(model);
    const { tensors } = toPyTorch(graph, new Set(state.keys()), { title: arch, weightsFile: 'w' });
    expect([...state.keys()]).toEqual(expect.arrayContaining([...tensors.keys()]));
    const { graph: onnx } = decodeOnnx(toOnnx(graph, { name: 'cell' })) as unknown as {
      graph: {
        node: { input: string[]; output: string[] }[];
        input: { name: string }[];
        initializer: { name: string }[];
      };
    };
    const known = new Set([...onnx.input, ...onnx.initializer].map(({ name }) => name));
    for (const { input, output } of onnx.node) {
      expect(input.every((name) => known.has(name))).toBe(true);
      for (const name of output) known.add(name);
    }
    expect(known.has('logits')).toBe(true);
  });

  it('refuses a spec whose genotype is of another space', () => {
    expect(() =>
      L.modelFromSpec(
        { ...specOf(mixed), genotype: { space: 'nas-bench-201', nodes: [['none']] } } as never,
        1,
      ),
    ).toThrow(L.ArgumentError);
  });
});
