/**
 * Writes a layer graph as ONNX, opset 17.
 *
 * Nothing is folded: weights keep their names and values, batch normalisations stay nodes (runtimes fold them when they
 * load). The batch is dynamic, height and width are those of the trace.
 */

import { ArgumentError, UnsupportedError } from '../../errors.js';
import { writeFileAtomic } from '../atomic-file.js';
import { bytesOf } from '../host-tensor.js';
import type { Layer, LayerGraph, LayerOperation } from './layer-graph.js';
import {
  encodeOnnx,
  ONNX_FLOAT,
  ONNX_INT64,
  type OnnxAttribute,
  type OnnxNode,
  type OnnxTensor,
} from './onnx-schema.js';

/** The operator set that files are written for; the lowest that onnxruntime 1.12 of 2022 and all later ones run in full. */
export const ONNX_OPSET = 17;
/** What protobuf can hold in one message. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

export interface OnnxOptions {
  /** What the file says of the network. */
  readonly name: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * The bytes of an ONNX file. The input is called `input` [N, C, H, W], the output `logits`.
 *
 * @throws UnsupportedError for an operation without counterpart in ONNX, or tensors of 2 GiB and more
 */
export function toOnnx(graph: LayerGraph, { name, metadata = {} }: OnnxOptions): Uint8Array {
  const initializers: OnnxTensor[] = [...graph.tensors].map(([name, tensor]) => ({
    name,
    dims: tensor.shape,
    dataType: ONNX_FLOAT,
    rawData: bytesOf(tensor),
  }));
  const total = initializers.reduce((sum, { rawData }) => sum + rawData.length, 0);
  if (total > MAX_FILE_BYTES) {
    throw new UnsupportedError(
      `An ONNX file holds less than 2 GiB, but the weights take ${total} bytes; export with --pytorch instead.`,
    );
  }
  const writer = new NodeWriter(graph);
  for (const layer of graph.layers) writer.write(layer);
  return encodeOnnx({
    opset: ONNX_OPSET,
    metadata,
    graph: {
      name,
      nodes: writer.nodes,
      initializers: [...initializers, ...writer.initializers],
      inputs: [
        {
          name: graph.input.name,
          dims: ['N', ...graph.input.shape.slice(1)],
          about: 'pixels in [0, 1], [N, C, H, W]; the network normalises them itself',
        },
      ],
      outputs: [{ name: OUTPUT, dims: ['N', ...graph.output.shape.slice(1)], about: 'logits' }],
    },
  });
}

/** Writes `toOnnx` to a file in one step. @throws FileSystemError, and as `toOnnx` */
export async function writeOnnx(path: string, graph: LayerGraph, options: OnnxOptions): Promise<void> {
  await writeFileAtomic(path, toOnnx(graph, options));
}

const OUTPUT = 'logits';

const UNARY_NODES: Readonly<Record<string, string>> = {
  relu: 'Relu',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
  exp: 'Exp',
  log: 'Log',
  sqrt: 'Sqrt',
  abs: 'Abs',
  negate: 'Neg',
  sign: 'Sign',
  reciprocal: 'Reciprocal',
  hard_swish: 'HardSwish',
};

const BINARY_NODES: Readonly<Record<string, string>> = {
  add: 'Add',
  subtract: 'Sub',
  multiply: 'Mul',
  divide: 'Div',
  maximum: 'Max',
  minimum: 'Min',
};

const COMPARISON_NODES: Readonly<Record<string, string>> = { equal: 'Equal', greater: 'Greater' };

const REDUCE_NODES = { sum: 'ReduceSum', mean: 'ReduceMean', max: 'ReduceMax', min: 'ReduceMin' } as const;

class NodeWriter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  readonly #output: string;

  constructor(graph: LayerGraph) {
    this.#output = graph.output.name;
    if (graph.output.source !== 'layer') {
      throw new ArgumentError(
        'The output of the network does not depend on its input; nothing can be exported.',
      );
    }
  }

  write({ name, operation, inputs, output }: Layer): void {
    const names = inputs.map((value) => this.#nameOf(value.name));
    this.nodes.push(...this.#nodesOf(name, operation, names, this.#nameOf(output.name)));
  }

  #nameOf(value: string): string {
    return value === this.#output ? OUTPUT : value;
  }

  #nodesOf(name: string, operation: LayerOperation, inputs: string[], output: string): OnnxNode[] {
    const node = (
      opType: string,
      attributes?: Record<string, OnnxAttribute>,
      more: string[] = [],
    ): OnnxNode[] => [
      {
        name,
        opType,
        input: [...inputs, ...more],
        output: [output],
        ...(attributes === undefined ? {} : { attributes }),
      },
    ];
    switch (operation.kind) {
      case 'convolution': {
        const { stride, padding, dilation, groups } = operation;
        return node('Conv', {
          strides: stride,
          pads: [...padding, ...padding],
          dilations: dilation,
          group: groups,
        });
      }
      case 'batchNorm':
        return node('BatchNormalization', { epsilon: { float: operation.eps } });
      case 'linear':
        return node('Gemm', { transB: 1 });
      case 'matmul':
        return node('Gemm', { transA: Number(operation.transposeA), transB: Number(operation.transposeB) });
      case 'unary':
        return this.#unaryNodes(name, operation, inputs, output);
      case 'binary': {
        const comparison = COMPARISON_NODES[operation.name];
        if (comparison !== undefined) return comparisonNodes(name, comparison, inputs, output);
        const opType = BINARY_NODES[operation.name];
        if (opType === undefined) throw noCounterpart(operation.name);
        return node(opType);
      }
      case 'pool': {
        const { window, stride, padding } = operation;
        const attributes = { kernel_shape: window, strides: stride, pads: [...padding, ...padding] };
        return operation.name === 'max'
          ? node('MaxPool', attributes)
          : node('AveragePool', { ...attributes, count_include_pad: Number(operation.countPadding) });
      }
      case 'reduce': {
        const keepdims = Number(operation.keepDims);
        // Opset 13 made the axes of ReduceSum alone an input.
        return operation.name === 'sum'
          ? node('ReduceSum', { keepdims }, [this.#integers(`${name}.axes`, operation.axes)])
          : node(REDUCE_NODES[operation.name], { keepdims, axes: operation.axes });
      }
      case 'softmax':
        return node(operation.log ? 'LogSoftmax' : 'Softmax', { axis: -1 });
      case 'reshape':
        return node('Reshape', undefined, [this.#integers(`${name}.shape`, operation.shape)]);
      case 'transpose':
        return node('Transpose', { perm: operation.permutation });
      case 'slice': {
        const { axis, start, length } = operation;
        const ends: [string, number][] = [
          ['start', start],
          ['end', start + length],
          ['axis', axis],
        ];
        return node(
          'Slice',
          undefined,
          ends.map(([field, value]) => this.#integers(`${name}.${field}`, [value])),
        );
      }
      case 'concat':
        return node('Concat', { axis: operation.axis });
      case 'pad': {
        const before = operation.widths.map(([width]) => width);
        const after = operation.widths.map(([, width]) => width);
        const widths = this.#integers(`${name}.widths`, [...before, ...after]);
        return node('Pad', undefined, [widths, this.#scalar(`${name}.value`, operation.value)]);
      }
    }
  }

  #unaryNodes(
    name: string,
    { name: kind, p0, p1 }: Extract<LayerOperation, { kind: 'unary' }>,
    [x = '']: string[],
    output: string,
  ): OnnxNode[] {
    const nodes: OnnxNode[] = [];
    const add = (
      opType: string,
      input: string[],
      result = output,
      attributes?: Record<string, OnnxAttribute>,
    ) => {
      const part = result === output ? name : result;
      const node = { name: part, opType, input, output: [result] };
      nodes.push(attributes === undefined ? node : { ...node, attributes });
      return result;
    };
    const scalar = (field: string, value: number) => this.#scalar(`${name}.${field}`, value);
    const direct = UNARY_NODES[kind];
    if (direct !== undefined) {
      add(direct, [x]);
      return nodes;
    }
    switch (kind) {
      case 'relu6':
        add('Clip', [x, scalar('low', 0), scalar('high', 6)]);
        break;
      case 'clamp':
        add('Clip', [x, scalar('low', p0), scalar('high', p1)]);
        break;
      case 'square':
        add('Mul', [x, x]);
        break;
      case 'affine': {
        const scaled = add('Mul', [x, scalar('factor', p0)], `${name}.scaled`);
        add('Add', [scaled, scalar('term', p1)]);
        break;
      }
      case 'silu':
        add('Mul', [x, add('Sigmoid', [x], `${name}.gate`)]);
        break;
      case 'step':
        return comparisonNodes(name, 'Greater', [x, scalar('zero', 0)], output);
      case 'hard_sigmoid':
        add('HardSigmoid', [x], output, { alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
        break;
      case 'elu':
        add('Elu', [x], output, { alpha: { float: p0 } });
        break;
      case 'leaky_relu':
        add('LeakyRelu', [x], output, { alpha: { float: p0 } });
        break;
      case 'gelu': // x (1 + erf(x / sqrt(2))) / 2
      case 'gelu_tanh': {
        // x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 = x (1 + tanh(x (a + b x^2))) / 2
        const a = kind === 'gelu' ? Math.SQRT1_2 : Math.sqrt(2 / Math.PI);
        let factor = scalar('a', a);
        if (kind === 'gelu_tanh') {
          const square = add('Mul', [x, x], `${name}.square`);
          const scaled = add('Mul', [square, scalar('b', 0.044715 * a)], `${name}.scaled`);
          factor = add('Add', [scaled, factor], `${name}.factor`);
        }
        const argument = add('Mul', [x, factor], `${name}.argument`);
        const odd = add(kind === 'gelu' ? 'Erf' : 'Tanh', [argument], `${name}.odd`);
        const gate = add('Add', [odd, scalar('one', 1)], `${name}.gate`);
        const half = add('Mul', [x, scalar('half', 0.5)], `${name}.halved`);
        add('Mul', [half, gate]);
        break;
      }
      default:
        throw noCounterpart(kind);
    }
    return nodes;
  }

  #integers(name: string, values: readonly number[]): string {
    const data = BigInt64Array.from(values, BigInt);
    this.initializers.push({
      name,
      dims: [values.length],
      dataType: ONNX_INT64,
      rawData: new Uint8Array(data.buffer),
    });
    return name;
  }

  #scalar(name: string, value: number): string {
    const rawData = new Uint8Array(Float32Array.of(value).buffer);
    this.initializers.push({ name, dims: [], dataType: ONNX_FLOAT, rawData });
    return name;
  }
}

function noCounterpart(name: string): UnsupportedError {
  return new UnsupportedError(
    `The function ${name} cannot be written to ONNX; export with --pytorch, or replace it in the model.`,
  );
}

/** A comparison gives booleans, which become 1 and 0. */
function comparisonNodes(name: string, opType: string, input: string[], output: string): OnnxNode[] {
  const truth = `${name}.truth`;
  return [
    { name: truth, opType, input, output: [truth] },
    { name, opType: 'Cast', input: [truth], output: [output], attributes: { to: ONNX_FLOAT } },
  ];
}
