/**
 * Turns a traced graph ([N, H, W, C], fused ops) into a layer graph ([N, C, H, W], one operation a layer).
 *
 * Every tensor of four axes is held with its last axis moved to the second place, filters too (KRSC to KCRS). Where the
 * order of elements matters, as when a map is flattened, a transposition is put in; the weight of a linear layer that
 * reads a flattened map has its columns permuted instead, as PyTorch's own weights have them.
 */

import { DTypeError, InternalError, UnsupportedError } from '../../errors.js';
import { type Shape, sizeOf } from '../../shape.js';
import type { HostTensor } from '../host-tensor.js';
import { transposeHost } from '../host-tensor.js';
import type { Layer, LayerGraph, LayerOperation, LayerValue } from './layer-graph.js';
import { TRACED_BATCH, type TracedCall, type TracedGraph, type TracedValue } from './trace.js';

const TO_CHANNELS_FIRST = [0, 3, 1, 2] as const;
const TO_CHANNELS_LAST = [0, 2, 3, 1] as const;
/** Where an axis of [N, H, W, C] lies in [N, C, H, W]. */
const PLACE_OF_AXIS = [0, 2, 3, 1] as const;

/**
 * Lowers a traced graph.
 *
 * @param state the tensors of the traced model by name, as `hostState()` returns them
 * @throws UnsupportedError for an op that has no counterpart elsewhere; DTypeError for tensors that are not f32
 */
export function toChannelsFirst(graph: TracedGraph, state: ReadonlyMap<string, HostTensor>): LayerGraph {
  return new Lowering(graph, state).run();
}

class Lowering {
  readonly #graph: TracedGraph;
  readonly #state: ReadonlyMap<string, HostTensor>;
  readonly #values = new Map<TracedValue, LayerValue>();
  readonly #producers: ReadonlyMap<TracedValue, TracedCall>;
  readonly #tensors = new Map<string, HostTensor>();
  readonly #layers: Layer[] = [];
  readonly #names = new Set<string>(['input']);
  /** Flattened maps that linear layers alone read: the map's [H, W, C]. */
  readonly #flattened = new Map<TracedValue, Shape>();

  constructor(graph: TracedGraph, state: ReadonlyMap<string, HostTensor>) {
    this.#graph = graph;
    this.#state = state;
    this.#producers = new Map(graph.calls.map((call) => [call.output, call]));
  }

  run(): LayerGraph {
    const { input, output, calls } = this.#graph;
    const held = { name: 'input', shape: channelsFirst(input.shape), source: 'input' as const };
    this.#values.set(input, held);
    for (const call of calls) this.#values.set(call.output, this.#lower(call));
    return this.#withoutUnused(held, this.#held(output));
  }

  #lower(call: TracedCall): LayerValue {
    switch (call.op) {
      case 'normalize':
      case 'detach':
      case 'clone':
        return this.#held(need(call, 'x'));
      case 'conv2d':
        return this.#convolution(call);
      case 'convBnAct': {
        const normalized = this.#batchNorm(call, this.#convolution(call));
        const { residual } = call.inputs;
        const sum = residual ? this.#combine('add', normalized, this.#held(residual)) : normalized;
        if (call.ints.relu6 === 1) return this.#unary('relu6', sum);
        return call.ints.relu === 1 ? this.#unary('relu', sum) : sum;
      }
      case 'batchNorm':
        return this.#batchNorm(call, this.#held(need(call, 'x')));
      case 'residual': {
        const sum = this.#binary('add', need(call, 'a'), need(call, 'b'));
        return call.ints.relu === 1 ? this.#unary('relu', sum) : sum;
      }
      case 'linear':
        return this.#linear(call);
      case 'matmul': {
        const { transposeA, transposeB } = call.ints;
        const operation = {
          kind: 'matmul',
          transposeA: transposeA === 1,
          transposeB: transposeB === 1,
        } as const;
        return this.#plain(call, operation, [need(call, 'a'), need(call, 'b')]);
      }
      case 'unary':
        return this.#unary(call.kind, this.#held(need(call, 'x')), call.scalars.p0, call.scalars.p1);
      case 'binary':
        return this.#binary(call.kind, need(call, 'a'), need(call, 'b'));
      case 'pool':
        return this.#pool(call);
      case 'reduce':
        return this.#reduce(call);
      case 'softmax':
        return this.#plain(call, { kind: 'softmax', log: call.ints.log === 1 }, [need(call, 'x')]);
      case 'reshape':
        return this.#reshape(call);
      case 'transpose':
        return this.#transpose(call);
      case 'slice': {
        const x = this.#held(need(call, 'x'));
        const { axis = 0, start = 0, length = 0 } = call.ints;
        return this.#add({ kind: 'slice', axis: heldAxis(axis, x.shape.length), start, length }, [x], {
          shape: call.output.shape,
        });
      }
      case 'concat': {
        const xs = call.inputList.map((value) => this.#held(value));
        const axis = heldAxis(call.ints.axis ?? 0, call.output.shape.length);
        return this.#add({ kind: 'concat', axis }, xs, { shape: call.output.shape });
      }
      case 'pad': {
        const x = this.#held(need(call, 'x'));
        const widths = x.shape.map((_, axis) => [call.list[2 * axis]!, call.list[2 * axis + 1]!] as const);
        const operation = {
          kind: 'pad',
          widths: channelsFirst(widths),
          value: call.scalars.value ?? 0,
        } as const;
        return this.#add(operation, [x], { shape: call.output.shape });
      }
      default:
        throw new UnsupportedError(
          `The op ${call.op} has no counterpart in an exported network; replace it in the model's forward pass in evaluation mode.`,
        );
    }
  }

  #convolution(call: TracedCall): LayerValue {
    const { strideH, strideW, padH, padW, dilationH, dilationW, groups } = call.ints;
    const inputs = [need(call, 'x'), need(call, 'filter'), call.inputs.bias].filter((v) => v !== undefined);
    const operation = {
      kind: 'convolution',
      stride: [strideH!, strideW!],
      padding: [padH!, padW!],
      dilation: [dilationH!, dilationW!],
      groups: groups!,
    } as const;
    return this.#add(
      operation,
      inputs.map((v) => this.#held(v)),
      { shape: call.output.shape, of: call.inputs.filter },
    );
  }

  #batchNorm(call: TracedCall, x: LayerValue): LayerValue {
    if (call.ints.training === 1) {
      throw new UnsupportedError(
        'A batch normalisation uses the statistics of the batch in evaluation mode, which an exported network cannot.',
      );
    }
    const { gamma, beta } = call.inputs;
    const mean = need(call, 'runningMean');
    const variance = need(call, 'runningVariance');
    const deviation = this.#rootOf(variance);
    if (gamma === undefined && beta === undefined && call.scalars.eps === 0 && deviation !== undefined) {
      // How `Normalize` standardises pixels: as clear as it was written.
      const centred = this.#combine('subtract', x, this.#perChannel(mean, x));
      return this.#combine('divide', centred, this.#perChannel(deviation, x));
    }
    const fill = (value: number): LayerValue =>
      this.#constant({
        dtype: 'f32',
        shape: [...mean.shape],
        data: new Float32Array(sizeOf(mean.shape)).fill(value),
      });
    const inputs = [
      x,
      gamma === undefined ? fill(1) : this.#held(gamma),
      beta === undefined ? fill(0) : this.#held(beta),
      this.#held(mean),
      this.#held(variance),
    ];
    const { eps = 1e-5, momentum = 0.1 } = call.scalars;
    return this.#add({ kind: 'batchNorm', eps, momentum }, inputs, { held: x.shape, of: gamma ?? mean });
  }

  /** The value that `variance` is the square of, when it was computed so. */
  #rootOf(variance: TracedValue): TracedValue | undefined {
    const producer = this.#producers.get(variance);
    return producer?.op === 'unary' && producer.kind === 'square' ? producer.inputs.x : undefined;
  }

  #linear(call: TracedCall): LayerValue {
    const x = need(call, 'x');
    const weight = need(call, 'weight');
    const map = this.#flattened.get(x);
    const heldWeight = map === undefined ? this.#held(weight) : this.#flattenedWeight(weight, map);
    const bias = call.inputs.bias === undefined ? [] : [this.#held(call.inputs.bias)];
    return this.#add({ kind: 'linear' }, [this.#held(x), heldWeight, ...bias], {
      shape: call.output.shape,
      of: weight,
    });
  }

  /** A weight [out, H W C] with its columns in the order C H W. */
  #flattenedWeight(weight: TracedValue, [h = 1, w = 1, c = 1]: Shape): LayerValue {
    const [out = 1, columns = 1] = weight.shape;
    const { name, tensor } = this.#stateOf(weight);
    const permuted = transposeHost({ ...tensor, shape: [out, h, w, c] }, [0, 3, 1, 2]);
    return this.#hold(weight, name, { ...permuted, shape: [out, columns] });
  }

  #unary(name: string, x: LayerValue, p0 = 0, p1 = 0): LayerValue {
    return this.#add({ kind: 'unary', name, p0, p1 }, [x], { held: x.shape });
  }

  #binary(name: string, a: TracedValue, b: TracedValue): LayerValue {
    const [x, y] = [this.#held(a), this.#held(b)];
    if (x.shape.length === 4 && y.shape.length < 4) return this.#combine(name, x, this.#perChannel(b, x));
    if (y.shape.length === 4 && x.shape.length < 4) return this.#combine(name, this.#perChannel(a, y), y);
    return this.#combine(name, x, y);
  }

  #combine(name: string, a: LayerValue, b: LayerValue): LayerValue {
    return this.#add({ kind: 'binary', name }, [a, b], { held: broadcast(a.shape, b.shape) });
  }

  /** A tensor of fewer axes as it is broadcast over the channels of `x`. */
  #perChannel(value: TracedValue, x: LayerValue): LayerValue {
    const held = this.#held(value);
    if (x.shape.length !== 4 || sizeOf(value.shape) === 1) return held;
    if (value.shape.length === 1) {
      const shape = [value.shape[0]!, 1, 1];
      return this.#add({ kind: 'reshape', shape }, [held], { held: shape });
    }
    throw new UnsupportedError(
      `A tensor of shape [${value.shape.join(', ')}] is broadcast over images; only one by channel can be exported.`,
    );
  }

  #pool(call: TracedCall): LayerValue {
    const { r, s, strideH, strideW, padH, padW, countPadding } = call.ints;
    const operation = {
      kind: 'pool',
      name: call.kind === 'max' ? 'max' : 'average',
      window: [r!, s!],
      stride: [strideH!, strideW!],
      padding: [padH!, padW!],
      countPadding: countPadding === 1,
    } as const;
    return this.#add(operation, [this.#held(need(call, 'x'))], { shape: call.output.shape });
  }

  #reduce(call: TracedCall): LayerValue {
    const { kind: name, list, ints, output } = call;
    if (name !== 'sum' && name !== 'mean' && name !== 'max' && name !== 'min') {
      throw new UnsupportedError(`The reduction ${name} has no counterpart in an exported network.`);
    }
    const x = need(call, 'x');
    const keepDims = ints.keepDims === 1;
    const left = x.shape.length - list.length;
    // The axes that stay keep their order only where height and width go together, or nothing is dropped.
    const ordered = keepDims || left <= 1 || x.shape.length !== 4 || (left === 2 && list.join() === '1,2');
    const from = ordered ? this.#held(x) : this.#asWritten(x);
    const axes = ordered ? list.map((axis) => heldAxis(axis, x.shape.length)) : list;
    return this.#add({ kind: 'reduce', name, axes: axes.toSorted((a, b) => a - b), keepDims }, [from], {
      shape: output.shape,
    });
  }

  #reshape(call: TracedCall): LayerValue {
    const x = need(call, 'x');
    const to = call.output.shape;
    const [n, h = 1, w = 1, c = 1] = x.shape;
    const flattens = x.shape.length === 4 && to.length === 2 && to[0] === n;
    if (flattens && (h * w === 1 || c === 1)) return this.#reshapeTo(this.#held(x), to);
    if (flattens && this.#linearAlone(call.output)) {
      this.#flattened.set(call.output, [h, w, c]);
      return this.#reshapeTo(this.#held(x), to);
    }
    const flat = this.#reshapeTo(this.#asWritten(x), to);
    return to.length === 4 ? this.#permute(flat, TO_CHANNELS_FIRST) : flat;
  }

  #reshapeTo(x: LayerValue, shape: Shape): LayerValue {
    const batched = x.source === 'layer' || x.source === 'input';
    if (batched && (x.shape[0] !== TRACED_BATCH || shape[0] !== TRACED_BATCH)) {
      throw new UnsupportedError(
        `A reshape from [${x.shape.join(', ')}] to [${shape.join(', ')}] mixes the images of a batch, which cannot be exported.`,
      );
    }
    const operation = { kind: 'reshape', shape: batched ? [-1, ...shape.slice(1)] : shape } as const;
    return this.#add(operation, [x], { held: shape });
  }

  /** Whether linear layers with weights of the model are all that reads a value. */
  #linearAlone(value: TracedValue): boolean {
    if (value === this.#graph.output) return false;
    return this.#graph.calls.every((call) => {
      const readers = Object.entries(call.inputs).filter(([, input]) => input === value);
      if (call.inputList.includes(value)) return false;
      if (readers.length === 0) return true;
      const weight = call.inputs.weight;
      return call.op === 'linear' && readers.length === 1 && weight?.source.kind === 'state';
    });
  }

  #transpose(call: TracedCall): LayerValue {
    const x = this.#held(need(call, 'x'));
    if (x.shape.length !== 4) return this.#permute(x, call.list);
    const permutation = TO_CHANNELS_FIRST.map((axis) => PLACE_OF_AXIS[call.list[axis]!]!);
    return this.#permute(x, permutation);
  }

  /** A value in the order of axes in which the model wrote it. */
  #asWritten(value: TracedValue): LayerValue {
    const held = this.#held(value);
    return held.shape.length === 4 ? this.#permute(held, TO_CHANNELS_LAST) : held;
  }

  #permute(x: LayerValue, permutation: readonly number[]): LayerValue {
    const held = permutation.map((axis) => x.shape[axis]!);
    return this.#add({ kind: 'transpose', permutation }, [x], { held });
  }

  /** An operation that has no opinion about the order of axes, on values of fewer than four. */
  #plain(call: TracedCall, operation: LayerOperation, inputs: readonly TracedValue[]): LayerValue {
    const written = this.#add(
      operation,
      inputs.map((value) => this.#asWritten(value)),
      { held: call.output.shape },
    );
    return call.output.shape.length === 4 ? this.#permute(written, TO_CHANNELS_FIRST) : written;
  }

  /** The value as the layer graph holds it. */
  #held(value: TracedValue): LayerValue {
    const known = this.#values.get(value);
    if (known !== undefined) return known;
    const { source } = value;
    if (source.kind === 'state') {
      const { name, tensor } = this.#stateOf(value);
      return this.#hold(
        value,
        name,
        tensor.shape.length === 4 ? transposeHost(tensor, TO_CHANNELS_FIRST) : tensor,
      );
    }
    if (source.kind !== 'constant')
      throw new InternalError('A value of the traced graph is used before it is made.');
    const tensor = { dtype: 'f32' as const, shape: [...value.shape], data: f32Of(source.data) };
    const held = this.#constant(value.shape.length === 4 ? transposeHost(tensor, TO_CHANNELS_FIRST) : tensor);
    this.#values.set(value, held);
    return held;
  }

  #stateOf(value: TracedValue): { name: string; tensor: HostTensor } {
    const { source } = value;
    const tensor = source.kind === 'state' ? this.#state.get(source.name) : undefined;
    if (source.kind !== 'state' || tensor === undefined) {
      throw new InternalError('Expected a named tensor of the model as the weight of a linear layer.');
    }
    if (tensor.dtype !== 'f32') {
      throw new DTypeError(`Expected f32 for ${source.name} in a forward pass, got ${tensor.dtype}.`);
    }
    return { name: source.name, tensor };
  }

  #hold(value: TracedValue, name: string, tensor: HostTensor): LayerValue {
    if (this.#tensors.has(name)) {
      throw new UnsupportedError(
        `${name} is read by a flattening linear layer and by another, which cannot both be exported.`,
      );
    }
    this.#tensors.set(name, tensor);
    const held = { name, shape: tensor.shape, source: 'state' as const };
    this.#values.set(value, held);
    return held;
  }

  #constant(tensor: HostTensor): LayerValue {
    const name = this.#freshName('constant');
    this.#tensors.set(name, tensor);
    return { name, shape: tensor.shape, source: 'constant' };
  }

  /** Appends a layer. `shape`: of the output as the model wrote it; `held`: as it is held; `of`: whose module it is. */
  #add(
    operation: LayerOperation,
    inputs: readonly LayerValue[],
    result: { readonly of?: TracedValue | undefined } & (
      | { readonly shape: Shape }
      | { readonly held: Shape }
    ),
  ): LayerValue {
    const shape = 'held' in result ? result.held : channelsFirst(result.shape);
    const source = result.of?.source;
    const path = source?.kind === 'state' ? source.name.slice(0, source.name.lastIndexOf('.')) : '';
    const name = this.#freshName(path !== '' ? path : 'name' in operation ? operation.name : operation.kind);
    const output = { name, shape, source: 'layer' as const };
    this.#layers.push({ name, operation, inputs, output });
    return output;
  }

  #freshName(base: string): string {
    let name = base;
    for (let i = 1; this.#names.has(name); i++) name = `${base}_${i}`;
    this.#names.add(name);
    return name;
  }

  /** Drops what the output does not need, such as a square that became a division by its root. */
  #withoutUnused(input: LayerValue, output: LayerValue): LayerGraph {
    const needed = new Set([output.name]);
    const layers = this.#layers.toReversed().filter((layer) => {
      if (!needed.has(layer.output.name)) return false;
      for (const value of layer.inputs) needed.add(value.name);
      return true;
    });
    const tensors = new Map([...this.#tensors].filter(([name]) => needed.has(name)));
    return { input, output, layers: layers.reverse(), tensors };
  }
}

function need(call: TracedCall, name: string): TracedValue {
  const value = call.inputs[name];
  if (value === undefined)
    throw new InternalError(`Expected the call of ${call.op} to have the input ${name}.`);
  return value;
}

function channelsFirst<T>(list: readonly T[]): T[] {
  return list.length === 4 ? TO_CHANNELS_FIRST.map((axis) => list[axis]!) : [...list];
}

function heldAxis(axis: number, rank: number): number {
  return rank === 4 ? PLACE_OF_AXIS[axis]! : axis;
}

function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const extent = (shape: Shape, axis: number) => shape[axis - rank + shape.length] ?? 1;
  return Array.from({ length: rank }, (_, axis) => Math.max(extent(a, axis), extent(b, axis)));
}

function f32Of(data: HostTensor['data']): Float32Array {
  return data instanceof Float32Array ? data : Float32Array.from(data);
}
