/** Weights to and from PyTorch: its names, its layouts. What reads and writes the files is in `lib/io`. */

import { ArgumentError } from '../errors.js';
import { checkHostTensor, type HostTensor } from '../io/host-tensor.js';
import { noGrad } from '../scope.js';
import { type Shape, sizeOf } from '../shape.js';
import { BatchNorm } from './batch-norm.js';
import { Linear } from './linear.js';
import type { AnyModule } from './module.js';
import { Normalize } from './normalize.js';
import { Parameter, StateBuffer } from './parameter.js';
import { listed } from './state-dict.js';

/** A parameter or buffer, and how PyTorch lays its elements out. */
interface TorchEntry {
  readonly tensor: Parameter | StateBuffer;
  readonly torchShape: Shape;
  /** [channels, positions] of each matrix that is [positions, channels] with us; null where the orders are the same. */
  readonly channelsFirst: readonly [channels: number, positions: number] | null;
}

/** A state that is not that of a module. The fields say all that does not fit; the message, some of each. */
export class StateMismatchError extends ArgumentError {
  /** Names that the module has and the state has not. */
  readonly missing: readonly string[];
  /** Names that the state has and the module has not. */
  readonly unexpected: readonly string[];
  /** What has another shape or element type: what was expected, and what came. */
  readonly misfits: readonly string[];

  constructor(what: string, difference: Pick<StateMismatchError, 'missing' | 'unexpected' | 'misfits'>) {
    const { missing, unexpected, misfits } = difference;
    const parts = [
      missing.length > 0 ? `missing: ${listed(missing)}` : '',
      unexpected.length > 0 ? `unexpected: ${listed(unexpected)}` : '',
      misfits.length > 0 ? `expected ${listed(misfits, '; expected ')}` : '',
    ];
    super(
      `Expected the weights of ${what}, but the state differs: ${parts.filter(Boolean).join('; ')}. ` +
        'Nothing was loaded; was it saved from another model, or with another number of classes?',
    );
    this.missing = missing;
    this.unexpected = unexpected;
    this.misfits = misfits;
  }
}

/**
 * Overwrites all parameters and buffers of a module with those of a PyTorch state; nothing is written unless everything
 * fits.
 *
 * Filters [K, C, R, S] become [K, R, S, C], and the columns of a linear layer behind a flattened map go from (C, H, W) to
 * (H, W, C). The counters `num_batches_tracked` are ignored. The constants of `Normalize` belong to a model's spec, not to
 * its weights, so no PyTorch state has them.
 *
 * @param tensors f32, by PyTorch's names, in PyTorch's layouts
 * @throws StateMismatchError that lists everything missing, unexpected, or of another shape or type
 * @throws ArgumentError when a tensor does not agree with itself
 */
export function fromTorchState(module: AnyModule, tensors: ReadonlyMap<string, HostTensor>): void {
  const entries = torchEntries(module);
  const counters = new Set(batchCounters(module));
  const missing = [...entries.keys()].filter((name) => !tensors.has(name));
  const unexpected = [...tensors.keys()].filter((name) => !entries.has(name) && !counters.has(name));
  const misfits: string[] = [];
  for (const [name, { torchShape }] of entries) {
    const source = tensors.get(name);
    if (source === undefined) continue;
    checkHostTensor(name, source);
    if (source.dtype !== 'f32' || !equal(source.shape, torchShape)) {
      misfits.push(`${name} f32[${torchShape.join(', ')}], got ${source.dtype}[${source.shape.join(', ')}]`);
    }
  }
  if (missing.length + unexpected.length + misfits.length > 0) {
    throw new StateMismatchError(module.constructor.name, { missing, unexpected, misfits });
  }
  noGrad(() => {
    for (const [name, { tensor, channelsFirst }] of entries) {
      const data = tensors.get(name)!.data as Float32Array;
      if (channelsFirst === null) {
        tensor.write(data);
      } else {
        const [channels, positions] = channelsFirst;
        tensor.write(transposeMatrices(data, channels, positions));
      }
    }
  });
}

/**
 * Copies of all parameters and buffers, as PyTorch names them and lays them out: the inverse of `fromTorchState`.
 *
 * There are no `num_batches_tracked`; PyTorch's `load_state_dict` sets them itself where a plain dictionary has none.
 */
export async function toTorchState(module: AnyModule): Promise<Map<string, HostTensor>> {
  const copies = [...torchEntries(module)].map(async ([name, entry]): Promise<[string, HostTensor]> => {
    const values = await entry.tensor.data();
    const data =
      entry.channelsFirst === null ? values : transposeMatrices(values, ...reversed(entry.channelsFirst));
    return [name, { dtype: 'f32', shape: [...entry.torchShape], data }];
  });
  return new Map(await Promise.all(copies));
}

/** Names and shapes of what `toTorchState` returns, without the values. */
export function torchShapes(module: AnyModule): Map<string, Shape> {
  return new Map([...torchEntries(module)].map(([name, { torchShape }]) => [name, torchShape]));
}

function torchEntries(root: AnyModule): Map<string, TorchEntry> {
  const entries = new Map<string, TorchEntry>();
  for (const [path, module] of root.namedModules()) {
    if (module instanceof Normalize) continue;
    for (const [field, value] of Object.entries(module)) {
      if (!(value instanceof Parameter || value instanceof StateBuffer)) continue;
      entries.set(path === '' ? field : `${path}.${field}`, torchEntry(module, field, value));
    }
  }
  return entries;
}

function torchEntry(module: AnyModule, field: string, tensor: Parameter | StateBuffer): TorchEntry {
  if (tensor.shape.length === 4) {
    const [k, r, s, c] = tensor.shape as [number, number, number, number];
    return { tensor, torchShape: [k, c, r, s], channelsFirst: [c, r * s] };
  }
  if (module instanceof Linear && field === 'weight' && module.flattenedFrom !== null) {
    const [h, w, c] = module.flattenedFrom;
    return { tensor, torchShape: tensor.shape, channelsFirst: [c, h * w] };
  }
  return { tensor, torchShape: tensor.shape, channelsFirst: null };
}

function* batchCounters(root: AnyModule): Generator<string> {
  for (const [path, module] of root.namedModules()) {
    if (module instanceof BatchNorm)
      yield path === '' ? 'num_batches_tracked' : `${path}.num_batches_tracked`;
  }
}

/** Transposes each [rows, columns] matrix of a row of matrices. */
function transposeMatrices(data: Float32Array, rows: number, columns: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(data.length);
  const size = sizeOf([rows, columns]);
  for (let start = 0; start < data.length; start += size) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        out[start + column * rows + row] = data[start + row * columns + column]!;
      }
    }
  }
  return out;
}

function reversed([a, b]: readonly [number, number]): [number, number] {
  return [b, a];
}

function equal(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}
