/**
 * The graph of a network, found by running it once: every op call of one forward pass, in order, with what it read.
 *
 * A model's `forward` is ordinary TypeScript, so this is the one place that turns it into data, for all models, pruned
 * ones too. What varies with the input besides its values (a branch, a loop) is fixed as it was in that pass.
 */

import type { DType, HostArrays } from '../../dtype.js';
import { UnsupportedError } from '../../errors.js';
import type { Handle, OpRow } from '../../native.js';
import { addon } from '../../native-addon.js';
import type { Module } from '../../nn/module.js';
import { observeCalls } from '../../ops/call.js';
import { zeros } from '../../ops/create.js';
import { handleOf, native } from '../../resource.js';
import { noGrad, scope } from '../../scope.js';
import type { Shape } from '../../shape.js';

/** The extent of the batch while tracing: rare, so that a shape which holds it is recognised. */
export const TRACED_BATCH = 3;

/** Ops whose result is not a function of their inputs. */
const RANDOM_OPS: ReadonlySet<string> = new Set(['randomFill', 'dropout', 'augment', 'pgdStart']);

/** A tensor of the graph. */
export interface TracedValue {
  readonly shape: Shape;
  /**
   * Where it comes from: the network's input, a tensor of its state by name, a constant that `forward` made or computed
   * from such (its elements), or a call.
   */
  readonly source:
    | { readonly kind: 'input' }
    | { readonly kind: 'state'; readonly name: string }
    | { readonly kind: 'constant'; readonly data: HostArrays[DType] }
    | { readonly kind: 'call' };
}

/** One op call. Arguments have their names in native/ops/table.cpp. */
export interface TracedCall {
  readonly op: string;
  /** The name of the int `kind`, for an op of several kinds, else ''. */
  readonly kind: string;
  readonly ints: Readonly<Record<string, number>>;
  /** The ints of a variadic last argument. */
  readonly list: readonly number[];
  readonly scalars: Readonly<Record<string, number>>;
  readonly inputs: Readonly<Record<string, TracedValue | undefined>>;
  /** The tensors of a variadic last argument. */
  readonly inputList: readonly TracedValue[];
  readonly output: TracedValue;
}

export interface TracedGraph {
  /** [TRACED_BATCH, H, W, C]. */
  readonly input: TracedValue;
  readonly output: TracedValue;
  /** In the order of execution; each contributes to the output. */
  readonly calls: readonly TracedCall[];
}

/**
 * Runs `model` once, in evaluation mode, on zeros, and returns the graph of what it computed from input and state.
 *
 * @param imageShape of one input, [H, W, C]
 * @throws UnsupportedError when the pass has an op with several outputs, one that changes a tensor, or a random one
 */
export function trace(model: Module, imageShape: Shape): TracedGraph {
  const modes = [...model.modules()].map((module) => [module, module.training] as const);
  model.eval();
  try {
    return noGrad(() => scope(() => record(model, imageShape)));
  } finally {
    for (const [module, training] of modes) module.training = training;
  }
}

function record(model: Module, imageShape: Shape): TracedGraph {
  const values = new Map<Handle, TracedValue>();
  for (const [name, tensor] of model.stateDict()) {
    values.set(handleOf(tensor), { shape: tensor.shape, source: { kind: 'state', name } });
  }
  const x = zeros([TRACED_BATCH, ...imageShape]);
  const input: TracedValue = { shape: x.shape, source: { kind: 'input' } };
  values.set(handleOf(x), input);

  const traced = (handle: Handle): TracedValue => {
    let value = values.get(handle);
    if (value === undefined) {
      const data = native(() => addon.toHostSync(handle));
      value = { shape: shapeOf(handle), source: { kind: 'constant', data } };
      values.set(handle, value);
    }
    return value;
  };
  const calls: TracedCall[] = [];
  const y = observeCalls(
    (row, ints, scalars, inputs, outputs) => {
      const [output, ...more] = outputs;
      if (output === undefined || more.length > 0 || RANDOM_OPS.has(row.name)) throw notAFunction(row);
      const read = Array.from(inputs, (handle) => (handle === 0 ? undefined : traced(handle)));
      // What depends on constants alone, such as `full`, is a constant itself: its handle is left to `traced`.
      if (read.every((value) => value === undefined || value.source.kind === 'constant')) return;
      const call = describe(row, ints, scalars, read, { shape: shapeOf(output), source: { kind: 'call' } });
      values.set(output, call.output);
      calls.push(call);
    },
    () => model.forward(x),
  );
  const output = traced(handleOf(y));
  return { input, output, calls: contributing(calls, output) };
}

function describe(
  row: OpRow,
  ints: Int32Array,
  scalars: Float64Array,
  inputs: readonly (TracedValue | undefined)[],
  output: TracedValue,
): TracedCall {
  const fixedInts = row.ints.filter(isFixed);
  const fixedInputs = row.inputs.filter(isFixed);
  const namedInts = Object.fromEntries(fixedInts.map((name, i) => [name, ints[i]!]));
  return {
    op: row.name,
    kind: row.kinds[namedInts.kind ?? -1] ?? '',
    ints: namedInts,
    list: [...ints.subarray(fixedInts.length)],
    scalars: Object.fromEntries(row.scalars.map((name, i) => [name, scalars[i]!])),
    inputs: Object.fromEntries(fixedInputs.map((name, i) => [name.replace('?', ''), inputs[i]])),
    inputList: inputs.slice(fixedInputs.length).filter((value) => value !== undefined),
    output,
  };
}

function isFixed(name: string): boolean {
  return !name.startsWith('...');
}

function shapeOf(handle: Handle): Shape {
  return native(() => addon.info(handle).shape);
}

function contributing(calls: readonly TracedCall[], output: TracedValue): TracedCall[] {
  const needed = new Set([output]);
  const kept = calls.toReversed().filter((call) => {
    if (!needed.has(call.output)) return false;
    for (const value of [...Object.values(call.inputs), ...call.inputList]) {
      if (value !== undefined) needed.add(value);
    }
    return true;
  });
  return kept.reverse();
}

function notAFunction(row: OpRow): UnsupportedError {
  return new UnsupportedError(
    `Expected a forward pass of functions of its input with one result each, but it calls ${row.name}; such a network cannot be exported.`,
  );
}
