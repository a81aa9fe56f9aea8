/**
 * Writes a layer graph as a Python file that needs nothing but torch.
 *
 * The modules have the paths of lapidary's, so the file's `state_dict()` has the names of the weights it is exported with
 * (torchvision's, for its networks); `forward` is the graph, line by line.
 */

import { UnsupportedError } from '../../errors.js';
import type { Shape } from '../../shape.js';
import type { HostTensor } from '../host-tensor.js';
import type { Layer, LayerGraph, LayerOperation, LayerValue } from './layer-graph.js';

export interface PyTorchOptions {
  /** What the file's first line says of the network. */
  readonly title: string;
  /** Name of the safetensors file beside it. */
  readonly weightsFile: string;
}

/** A Python module, and the tensors that its safetensors file must hold. */
export interface PyTorchSource {
  readonly source: string;
  readonly tensors: Map<string, HostTensor>;
}

/** Larger constants than this go into the weights file instead of the source. */
const MAX_LITERAL_ELEMENTS = 64;

/**
 * The source of `model.py`, with a class `Network` and a function `load`.
 *
 * @param stateNames what belongs into the weights file; small tensors of other names are written as numbers
 * @throws UnsupportedError for an operation without counterpart in PyTorch
 */
export function toPyTorch(
  graph: LayerGraph,
  stateNames: ReadonlySet<string>,
  { title, weightsFile }: PyTorchOptions,
): PyTorchSource {
  const tensors = new Map<string, HostTensor>();
  const tree = new ModuleTree();
  const layersOwning = declareLayers(graph, tree);
  for (const [name, tensor] of graph.tensors) {
    const literal = !stateNames.has(name) && tensor.data.length <= MAX_LITERAL_ELEMENTS;
    if (!literal) tensors.set(name, tensor);
    if (!layersOwning.has(name)) tree.declare(name, tensorExpression(tensor, literal));
  }
  const [, channels, height, width] = graph.input.shape;
  const source = `"""${title}

Written by lapidary; it needs nothing but torch. From this folder:

    from model import load
    logits = load()(images)  # [N, ${channels}, ${height}, ${width}], pixels in [0, 1]; normalisation is part of the network
"""

import json
import pathlib
import struct

import torch
import torch.nn.functional as F
from torch import nn

WEIGHTS = pathlib.Path(__file__).with_name(${JSON.stringify(weightsFile)})


class Block(nn.Module):
    """A group of named modules, parameters and constants."""

    def __init__(self, **members):
        super().__init__()
        for name, member in members.items():
            if isinstance(member, torch.Tensor) and not isinstance(member, nn.Parameter):
                self.register_buffer(name, member, persistent=False)
            else:
                setattr(self, name, member)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
${tree.assignments('        ')}

    def forward(self, x):
${new ForwardText(graph, tree).lines('        ')}


def read_safetensors(path):
    """The f32 tensors of a safetensors file: 8 bytes of length, a JSON header, the elements."""
    data = bytearray(pathlib.Path(path).read_bytes())
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"expected F32 for {name}, got {entry['dtype']}")
        begin, end = entry["data_offsets"]
        values = torch.frombuffer(data, dtype=torch.float32, count=(end - begin) // 4, offset=8 + length + begin)
        tensors[name] = values.reshape(entry["shape"]).clone()
    return tensors


def load(path=WEIGHTS):
    """The network with its weights, in evaluation mode."""
    network = Network()
    network.load_state_dict(read_safetensors(path))
    return network.eval()
`;
  return { source, tensors };
}

/** Declares a module for each layer with weights named as PyTorch's are. Returns the tensors that those modules own. */
function declareLayers(graph: LayerGraph, tree: ModuleTree): Set<string> {
  const owned = new Set<string>();
  for (const layer of graph.layers) {
    const module = moduleOf(layer);
    if (module === undefined) continue;
    tree.declare(module.path, module.expression);
    for (const value of layer.inputs.slice(1)) owned.add(value.name);
  }
  return owned;
}

const MODULE_FIELDS = {
  convolution: ['weight', 'bias'],
  linear: ['weight', 'bias'],
  batchNorm: ['weight', 'bias', 'running_mean', 'running_var'],
} as const;

/** The torch module that a layer is, when its weights have the names that this module gives them. */
function moduleOf({ operation, inputs }: Layer): { path: string; expression: string } | undefined {
  const { kind } = operation;
  if (kind !== 'convolution' && kind !== 'linear' && kind !== 'batchNorm') return undefined;
  const [x, ...weights] = inputs;
  const path = weights[0]?.name.replace(/\.weight$/, '');
  const named = weights.every(
    ({ name, source }, i) => source === 'state' && name === `${path}.${MODULE_FIELDS[kind][i]}`,
  );
  if (path === undefined || !named) return undefined;
  const [outputs = 1, inPerGroup = 1, ...window] = weights[0]!.shape;
  const bias = weights.length > 1 ? '' : ', bias=False';
  switch (operation.kind) {
    case 'convolution': {
      const { stride, padding, dilation, groups } = operation;
      const options = [
        option('stride', stride, 1),
        option('padding', padding, 0),
        option('dilation', dilation, 1),
        groups === 1 ? '' : `, groups=${groups}`,
      ].join('');
      const expression = `nn.Conv2d(${inPerGroup * groups}, ${outputs}, ${pair(window)}${options}${bias})`;
      return { path, expression };
    }
    case 'linear':
      return { path, expression: `nn.Linear(${inPerGroup}, ${outputs}${bias})` };
    case 'batchNorm': {
      const { eps, momentum } = operation;
      const dimensions = x!.shape.length === 4 ? 2 : 1;
      const options = `${eps === 1e-5 ? '' : `, eps=${eps}`}${momentum === 0.1 ? '' : `, momentum=${momentum}`}`;
      return { path, expression: `nn.BatchNorm${dimensions}d(${outputs}${options})` };
    }
    default:
      return undefined;
  }
}

function option(name: string, value: readonly number[], usual: number): string {
  return value.every((one) => one === usual) ? '' : `, ${name}=${pair(value)}`;
}

function pair(value: readonly number[]): string {
  return value[0] === value[1] ? String(value[0]) : `(${value.join(', ')})`;
}

function tuple(values: readonly number[]): string {
  return values.length === 1 ? `(${values[0]},)` : `(${values.join(', ')})`;
}

function tensorExpression({ shape, data }: HostTensor, literal: boolean): string {
  if (!literal) return `nn.Parameter(torch.zeros(${tuple(shape)}))`;
  const numbers = `torch.tensor([${Array.from(data, pythonNumber).join(', ')}])`;
  return shape.length === 1 ? numbers : `${numbers}.reshape(${tuple(shape)})`;
}

function pythonNumber(value: number): string {
  if (Number.isNaN(value)) return 'float("nan")';
  if (!Number.isFinite(value)) return value > 0 ? 'float("inf")' : 'float("-inf")';
  return Number.isInteger(value) && !Object.is(value, -0) ? value.toFixed(1) : String(value);
}

type Branch = Map<string, Branch | string>;

/** The tree of modules that dotted paths make up, as Python expressions. */
class ModuleTree {
  readonly #root: Branch = new Map();

  declare(path: string, expression: string): void {
    const names = path.split('.');
    let branch = this.#root;
    for (const name of names.slice(0, -1)) {
      let child = branch.get(name);
      if (!(child instanceof Map)) {
        child = new Map();
        branch.set(name, child);
      }
      branch = child;
    }
    branch.set(names.at(-1)!, expression);
  }

  /** How Python reaches what was declared under `path`. */
  access(path: string): string {
    let text = 'self';
    let branch: Branch | string | undefined = this.#root;
    for (const name of path.split('.')) {
      const dictionary: boolean = branch instanceof Map && branch !== this.#root && isNumbered(branch);
      text += dictionary ? `["${name}"]` : IDENTIFIER.test(name) ? `.${name}` : `.get_submodule("${name}")`;
      branch = branch instanceof Map ? branch.get(name) : undefined;
    }
    return text;
  }

  assignments(indent: string): string {
    return [...this.#root]
      .map(([name, child]) => {
        const value = expressionOf(child, indent);
        if (!IDENTIFIER.test(name)) return `${indent}self.add_module("${name}", ${value})`;
        // A constant of the root is a buffer, as in a Block.
        return value.startsWith('torch.tensor(')
          ? `${indent}self.register_buffer("${name}", ${value}, persistent=False)`
          : `${indent}self.${name} = ${value}`;
      })
      .join('\n');
  }
}

const IDENTIFIER = /^[A-Za-z_]\w*$/;

function isNumbered(branch: Branch): boolean {
  return [...branch.keys()].every((name) => /^\d+$/.test(name));
}

function expressionOf(node: Branch | string, indent: string): string {
  if (typeof node === 'string') return node;
  const inner = `${indent}    `;
  const members = [...node].map(([name, child]) => [name, expressionOf(child, inner)] as const);
  if (isNumbered(node)) {
    return `nn.ModuleDict({\n${members.map(([n, e]) => `${inner}"${n}": ${e},\n`).join('')}${indent}})`;
  }
  const list = members.map(([n, e]) => (IDENTIFIER.test(n) ? `${n}=${e}` : `**{"${n}": ${e}}`));
  return `Block(\n${list.map((member) => `${inner}${member},\n`).join('')}${indent})`;
}

/** A Python expression; `atom`: it needs no parentheses beside an operator or a dot. */
interface Expression {
  readonly text: string;
  readonly atom: boolean;
}

const VARIABLES = ['x', 'y', 'z', 'u', 'v', 'w'];
/** A value that is read once is written into its reader's line up to this length. */
const MAX_INLINE = 90;

/** The lines of `forward`. Variables are used again when what they held is read no more. */
class ForwardText {
  readonly #graph: LayerGraph;
  readonly #tree: ModuleTree;
  /** How often each value is still to be read. */
  readonly #reads = new Map<string, number>();
  readonly #expressions = new Map<string, Expression>();
  readonly #variables = new Map<string, string>();
  readonly #taken = new Set<string>();

  constructor(graph: LayerGraph, tree: ModuleTree) {
    this.#graph = graph;
    this.#tree = tree;
    for (const { inputs } of graph.layers) for (const { name } of inputs) this.#count(name, 1);
    this.#count(graph.output.name, 1);
  }

  lines(indent: string): string {
    const { input, output, layers } = this.#graph;
    this.#assign(input.name);
    const lines: string[] = [];
    for (const [index, layer] of layers.entries()) {
      const expression = this.#expressionFor(layer);
      if (this.#inlines(layer, layers.slice(index + 1), expression)) {
        this.#expressions.set(layer.output.name, expression);
        continue;
      }
      this.#release(layer);
      lines.push(`${this.#assign(layer.output.name)} = ${expression.text}`);
    }
    lines.push(`return ${this.#read(output).text}`);
    return lines.map((line) => `${indent}${line}`).join('\n');
  }

  /** Whether a value goes into its reader's line: when that is its only one, and one that merely goes on. */
  #inlines(layer: Layer, later: readonly Layer[], { text }: Expression): boolean {
    if (this.#reads.get(layer.output.name) !== 1 || text.length > MAX_INLINE) return false;
    const reader = later.find(({ inputs }) => inputs.some(({ name }) => name === layer.output.name));
    if (reader === undefined) return false;
    const { kind } = reader.operation;
    return kind === 'batchNorm' || kind === 'unary' || kind === 'binary' || kind === 'reshape';
  }

  /** Counts the reads of a line that is written, through what was inlined into it, and frees variables. */
  #release(layer: Layer): void {
    for (const { name } of layer.inputs) {
      const left = this.#count(name, -1);
      if (this.#expressions.has(name)) {
        const inner = this.#graph.layers.find(({ output }) => output.name === name);
        if (inner !== undefined) this.#release(inner);
      }
      const variable = this.#variables.get(name);
      if (left === 0 && variable !== undefined) this.#taken.delete(variable);
    }
  }

  #count(name: string, change: number): number {
    const count = (this.#reads.get(name) ?? 0) + change;
    this.#reads.set(name, count);
    return count;
  }

  #assign(name: string): string {
    let variable = VARIABLES.find((candidate) => !this.#taken.has(candidate));
    for (let i = 0; variable === undefined; i++) if (!this.#taken.has(`v${i}`)) variable = `v${i}`;
    this.#taken.add(variable);
    this.#variables.set(name, variable);
    return variable;
  }

  #read(value: LayerValue): Expression {
    const text = this.#variables.get(value.name);
    if (text !== undefined) return { text, atom: true };
    return this.#expressions.get(value.name) ?? { text: this.#tree.access(value.name), atom: true };
  }

  #expressionFor(layer: Layer): Expression {
    const module = moduleOf(layer);
    const inputs = layer.inputs.map((value) => this.#read(value));
    if (module !== undefined) return call(this.#tree.access(module.path), [inputs[0]!.text]);
    return pythonOf(layer.operation, inputs, layer.output.shape);
  }
}

function call(name: string, args: readonly string[]): Expression {
  return { text: `${name}(${args.join(', ')})`, atom: true };
}

const UNARY_FUNCTIONS: Readonly<Record<string, string>> = {
  relu: 'F.relu',
  relu6: 'F.relu6',
  sigmoid: 'torch.sigmoid',
  tanh: 'torch.tanh',
  exp: 'torch.exp',
  log: 'torch.log',
  sqrt: 'torch.sqrt',
  square: 'torch.square',
  abs: 'torch.abs',
  negate: 'torch.neg',
  sign: 'torch.sign',
  reciprocal: 'torch.reciprocal',
  silu: 'F.silu',
  hard_swish: 'F.hardswish',
  hard_sigmoid: 'F.hardsigmoid',
  gelu: 'F.gelu',
};

const OPERATORS: Readonly<Record<string, string>> = {
  add: '+',
  subtract: '-',
  multiply: '*',
  divide: '/',
};

function pythonOf(operation: LayerOperation, inputs: readonly Expression[], outputShape: Shape): Expression {
  const [x, y, ...more] = inputs.map(({ text }) => text);
  const atom = (i: number) => (inputs[i]!.atom ? inputs[i]!.text : `(${inputs[i]!.text})`);
  switch (operation.kind) {
    case 'convolution': {
      const { stride, padding, dilation, groups } = operation;
      const options = [
        option('stride', stride, 1),
        option('padding', padding, 0),
        option('dilation', dilation, 1),
      ].join('');
      return call('F.conv2d', [
        x!,
        y!,
        `${more[0] ?? 'None'}${options}${groups === 1 ? '' : `, groups=${groups}`}`,
      ]);
    }
    case 'batchNorm': {
      const [beta, mean, variance] = more;
      return call('F.batch_norm', [x!, mean!, variance!, y!, beta!, `eps=${operation.eps}`]);
    }
    case 'linear':
      return call('F.linear', [x!, y!, ...more]);
    case 'matmul': {
      const { transposeA, transposeB } = operation;
      return {
        text: `${atom(0)}${transposeA ? '.T' : ''} @ ${atom(1)}${transposeB ? '.T' : ''}`,
        atom: false,
      };
    }
    case 'unary':
      return unaryOf(operation, x!, atom(0));
    case 'binary':
      return binaryOf(operation.name, x!, y!, atom(0), atom(1));
    case 'pool': {
      const { name, window, stride, padding, countPadding } = operation;
      const options = `${option('stride', stride, Number.NaN)}${option('padding', padding, 0)}`;
      const exclude = name === 'average' && !countPadding ? ', count_include_pad=False' : '';
      return call(name === 'max' ? 'F.max_pool2d' : 'F.avg_pool2d', [
        x!,
        `${pair(window)}${options}${exclude}`,
      ]);
    }
    case 'reduce': {
      const names = { sum: 'torch.sum', mean: 'torch.mean', max: 'torch.amax', min: 'torch.amin' };
      const keep = operation.keepDims ? ', keepdim=True' : '';
      return call(names[operation.name], [x!, `dim=${tuple(operation.axes)}${keep}`]);
    }
    case 'softmax':
      return call(operation.log ? 'F.log_softmax' : 'F.softmax', [x!, 'dim=-1']);
    case 'reshape':
      return operation.shape.length === 2 && operation.shape[0] === -1
        ? call(`${atom(0)}.flatten`, ['1'])
        : call(`${atom(0)}.reshape`, [operation.shape.join(', ')]);
    case 'transpose':
      return call(`${atom(0)}.permute`, [operation.permutation.join(', ')]);
    case 'slice':
      return call(`${atom(0)}.narrow`, [operation.axis, operation.start, operation.length].map(String));
    case 'concat':
      return call('torch.cat', [`[${inputs.map(({ text }) => text).join(', ')}]`, `dim=${operation.axis}`]);
    case 'pad': {
      // From the last axis to the first; what is not mentioned stays.
      const widths = operation.widths.toReversed().flat();
      return call('F.pad', [
        x!,
        tuple(widths.slice(0, 2 * outputShape.length)),
        `value=${pythonNumber(operation.value)}`,
      ]);
    }
  }
}

function unaryOf(
  { name, p0, p1 }: Extract<LayerOperation, { kind: 'unary' }>,
  x: string,
  atom: string,
): Expression {
  const direct = UNARY_FUNCTIONS[name];
  if (direct !== undefined) return call(direct, [x]);
  switch (name) {
    case 'affine':
      if (p0 === 1) return { text: `${atom} + ${pythonNumber(p1)}`, atom: false };
      if (p1 === 0) return { text: `${atom} * ${pythonNumber(p0)}`, atom: false };
      return { text: `${atom} * ${pythonNumber(p0)} + ${pythonNumber(p1)}`, atom: false };
    case 'clamp':
      return call('torch.clamp', [x, pythonNumber(p0), pythonNumber(p1)]);
    case 'step':
      return call(`(${atom} > 0).to`, ['torch.float32']);
    case 'elu':
      return call('F.elu', [x, pythonNumber(p0)]);
    case 'leaky_relu':
      return call('F.leaky_relu', [x, pythonNumber(p0)]);
    case 'gelu_tanh':
      return call('F.gelu', [x, 'approximate="tanh"']);
    default:
      throw noCounterpart(name);
  }
}

function binaryOf(name: string, a: string, b: string, atomA: string, atomB: string): Expression {
  const operator = OPERATORS[name];
  if (operator !== undefined) return { text: `${atomA} ${operator} ${atomB}`, atom: false };
  switch (name) {
    case 'maximum':
      return call('torch.maximum', [a, b]);
    case 'minimum':
      return call('torch.minimum', [a, b]);
    case 'equal':
      return call(`(${atomA} == ${atomB}).to`, ['torch.float32']);
    case 'greater':
      return call(`(${atomA} > ${atomB}).to`, ['torch.float32']);
    default:
      throw noCounterpart(name);
  }
}

function noCounterpart(name: string): UnsupportedError {
  return new UnsupportedError(`The function ${name} cannot be written for PyTorch; replace it in the model.`);
}
