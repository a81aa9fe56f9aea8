/** The base of layers and models: a tree of modules with named parameters and buffers. */

import type { DType } from '../dtype.js';
import type { HostTensor } from '../io/host-tensor.js';
import type { Tensor } from '../tensor.js';
import { Parameter, StateBuffer } from './parameter.js';
import { loadState, type StateSource } from './state-dict.js';

/** Which random numbers initialise a parameter. */
export type ParameterRandom = (parameter: Parameter) => { readonly seed: number; readonly stream: number };

/** A module of any signature. */
export type AnyModule = Module<never, unknown>;

/**
 * A layer or model. Its fields decide: `Parameter`s are trained, `StateBuffer`s are saved with them, modules, and arrays
 * of modules, are its children. A name is the path of fields, as in PyTorch: `layer1.0.conv1.weight`.
 */
export abstract class Module<Inputs extends readonly unknown[] = [x: Tensor], Output = Tensor> {
  /** Whether layers such as batch normalisation behave as in training; see `train()` and `eval()`. */
  training = true;

  abstract forward(...inputs: Inputs): Output;

  /** Draws this module's own parameters, not those of its children. */
  protected drawParameters?(random: ParameterRandom): void;

  /** For modules that draw in `forward`: the seed of the whole, and this module's place among its `modules()`. */
  protected takeSeed?(seed: number, place: number): void;

  /**
   * Draws all parameters below anew. The stream of a parameter's random numbers is its place among `parameters()`, so
   * one seed gives the same weights everywhere.
   *
   * @param seed a whole number from 0 to 2^53 - 1
   */
  initialize(seed: number): this {
    if (undrawn) return this;
    const streams = new Map<Parameter, number>();
    for (const parameter of this.parameters()) streams.set(parameter, streams.size);
    for (const [place, module] of [...this.modules()].entries()) {
      module.drawParameters?.((parameter) => ({ seed, stream: streams.get(parameter)! }));
      module.takeSeed?.(seed, place);
    }
    return this;
  }

  /** The modules that are fields of this one, in the order of the fields. */
  *namedChildren(): Generator<[name: string, module: AnyModule]> {
    for (const [field, value] of Object.entries(this)) yield* modulesIn(field, value);
  }

  /** This module, named '', and all below it. */
  *namedModules(prefix = ''): Generator<[name: string, module: AnyModule]> {
    yield [prefix, this];
    for (const [name, child] of this.namedChildren()) yield* child.namedModules(join(prefix, name));
  }

  *modules(): Generator<AnyModule> {
    for (const [, module] of this.namedModules()) yield module;
  }

  *namedParameters(): Generator<[name: string, parameter: Parameter]> {
    for (const [name, value] of this.#namedTensors()) {
      if (value instanceof Parameter) yield [name, value];
    }
  }

  *parameters(): Generator<Parameter> {
    for (const [, parameter] of this.namedParameters()) yield parameter;
  }

  *namedBuffers(): Generator<[name: string, buffer: StateBuffer<DType>]> {
    for (const [name, value] of this.#namedTensors()) {
      if (value instanceof StateBuffer) yield [name, value];
    }
  }

  *#namedTensors(): Generator<[name: string, tensor: Parameter | StateBuffer<DType>]> {
    for (const [path, module] of this.namedModules()) {
      for (const [field, value] of Object.entries(module)) {
        if (value instanceof Parameter || value instanceof StateBuffer) yield [join(path, field), value];
      }
    }
  }

  /** All parameters and buffers by name: the tensors themselves, not copies. */
  stateDict(): Map<string, Tensor<DType>> {
    return new Map<string, Tensor<DType>>(this.#namedTensors());
  }

  /** Copies of all parameters and buffers in the host's memory, as files and checkpoints take them. */
  async hostState(): Promise<Map<string, HostTensor>> {
    const entries = [...this.#namedTensors()].map(async ([name, tensor]): Promise<[string, HostTensor]> => {
      return [name, { dtype: tensor.dtype, shape: [...tensor.shape], data: await tensor.data() }];
    });
    return new Map(await Promise.all(entries));
  }

  /**
   * Overwrites all parameters and buffers; nothing is written unless everything fits.
   *
   * @throws ArgumentError when names are missing or unexpected; ShapeError, DTypeError when a tensor does not fit
   */
  loadStateDict(state: StateSource): this {
    loadState(this.stateDict(), state, this.constructor.name);
    return this;
  }

  /** Sets `training` here and below. */
  train(training = true): this {
    for (const module of this.modules()) module.training = training;
    return this;
  }

  /** The opposite of `train()`. */
  eval(): this {
    return this.train(false);
  }

  /** Clears the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /** Gives the memory of all parameters and buffers back. */
  dispose(): void {
    for (const [, tensor] of this.#namedTensors()) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

// A plain variable will do: a constructor is synchronous.
let undrawn = false;

/** Runs `build`, in which no module draws its parameters: they will be drawn, or loaded, as a whole. */
export function withoutDrawing<T>(build: () => T): T {
  const outer = undrawn;
  undrawn = true;
  try {
    return build();
  } finally {
    undrawn = outer;
  }
}

function join(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}.${name}`;
}

function* modulesIn(name: string, value: unknown): Generator<[name: string, module: AnyModule]> {
  if (value instanceof Module) {
    yield [name, value];
  } else if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) yield* modulesIn(`${name}.${index}`, element);
  }
}
