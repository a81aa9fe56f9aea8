/** What every optimiser is made of: parameters in groups, a rate in the step block, tensors of state. */

import { eachReplay } from '../capture.js';
import { device } from '../device.js';
import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import type { HostTensor } from '../io/host-tensor.js';
import { type Parameter, StateBuffer } from '../nn/parameter.js';
import { loadState, type StateSource } from '../nn/state-dict.js';
import { zeros } from '../ops/create.js';
import { assign } from '../ops/layout.js';
import { noGrad, scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { type ParameterGroup, requireAtLeastZero, type StepRule, stepRules } from './parameter-groups.js';

/** Settings of every optimiser. */
export interface OptimizerOptions {
  /** The learning rate, at least 0; change it by `optimizer.rate = …`. */
  readonly rate: number;
  /** Weight decay, at least 0. Default 0. */
  readonly decay?: number;
  /** Whether vectors (biases, and scale and shift of batch normalisations) decay too. Default true, as in PyTorch. */
  readonly decayVectors?: boolean;
  /** Parameters with a rate or decay of their own. */
  readonly groups?: readonly ParameterGroup[];
  /**
   * By name, in the shape of the parameter: 1 where a weight is trained, 0 where it is pruned. Pruned weights and their
   * moments are exactly 0 after each step, whatever their gradient. The masks stay the caller's.
   */
  readonly masks?: ReadonlyMap<string, Tensor<'u8'>>;
}

/** What a checkpoint keeps of an optimiser. */
export interface OptimizerState {
  readonly rate: number;
  /** Steps so far. */
  readonly steps: number;
  /** By kind and parameter, as in `momentum.conv1.weight`. */
  readonly tensors: Map<string, HostTensor>;
}

/** Parameters that one launch steps, by the same rule, with what it needs. Lists are in the same order. */
export interface StepLists extends StepRule {
  readonly weights: readonly Tensor[];
  readonly gradients: readonly Tensor[];
  /** By kind of state, in the order of the optimiser's kinds. */
  readonly states: readonly (readonly Tensor[])[];
  readonly masks?: readonly Tensor<'u8'>[];
}

interface Slot extends StepRule {
  readonly parameter: Parameter;
  readonly states: readonly StateBuffer[];
  readonly mask: Tensor<'u8'> | undefined;
}

/**
 * The base of all optimisers. One launch takes all parameters that follow the same rule. A parameter without a gradient is
 * left alone.
 *
 * A step has two halves: `advance()` writes what changes from step to step to the step block, `apply()` enqueues the
 * kernels, which read it. A captured step does both in each replay: see `eachReplay`.
 */
export abstract class Optimizer implements Disposable {
  readonly #slots: ReadonlyMap<string, Slot>;
  readonly #launches: readonly (readonly Slot[])[];
  readonly #kinds: readonly string[];
  readonly #rateSlot: number;
  #rate = 0;
  #steps = 0;

  /**
   * @param parameters with their names, as `module.namedParameters()` gives them
   * @param kinds of state that each parameter has, all zeros at first
   * @throws ArgumentError when a number is out of range, groups overlap or are empty, or a mask fits no parameter
   */
  protected constructor(
    parameters: Iterable<readonly [name: string, parameter: Parameter]>,
    options: OptimizerOptions,
    kinds: readonly string[],
  ) {
    const { rate, decay = 0, decayVectors = true, groups = [], masks = new Map() } = options;
    requireAtLeastZero('learning rate', rate);
    requireAtLeastZero('weight decay', decay);
    const byName = new Map(parameters);
    const rules = stepRules(byName, groups, { decay, decayVectors });
    checkMasks(byName, masks);
    const slots = new Map<string, Slot>();
    for (const [name, parameter] of byName) {
      const states = kinds.map(() => new StateBuffer(zeros(parameter.shape)));
      slots.set(name, { ...rules.get(name)!, parameter, states, mask: masks.get(name) });
    }
    this.#kinds = kinds;
    this.#slots = slots;
    this.#launches = byRule(slots.values());
    this.#rateSlot = device().stepBlock.allocateSlot();
    this.rate = rate;
  }

  /** The learning rate of the steps that are enqueued from now on. */
  get rate(): number {
    return this.#rate;
  }

  set rate(rate: number) {
    requireAtLeastZero('learning rate', rate);
    this.#rate = rate;
    device().stepBlock.set(this.#rateSlot, rate);
  }

  /** Steps so far. */
  get steps(): number {
    return this.#steps;
  }

  /** The step-block slot of the rate. */
  protected get rateSlot(): number {
    return this.#rateSlot;
  }

  /** Moves every parameter that has a gradient; the gradients stay. */
  step(): void {
    eachReplay(() => this.advance());
    this.apply();
  }

  /** Counts a step, and writes what is other for it than for the one before to the step block. */
  advance(): void {
    this.#steps++;
  }

  /** Enqueues the kernels of a step. */
  apply(): void {
    for (const lists of this.stepLists()) this.applyTo(lists);
  }

  /** What a step launches: all parameters that have a gradient now, by their rules. */
  protected *stepLists(): Generator<StepLists> {
    for (const launch of this.#launches) {
      const moving = launch.filter(({ parameter }) => parameter.grad !== null);
      if (moving.length === 0) continue;
      const { rateFactor, decay, mask } = moving[0]!;
      yield {
        rateFactor,
        decay,
        weights: moving.map(({ parameter }) => parameter),
        gradients: moving.map(({ parameter }) => parameter.grad!),
        states: this.#kinds.map((_, kind) => moving.map(({ states }) => states[kind]!)),
        ...(mask === undefined ? {} : { masks: moving.map((slot) => slot.mask!) }),
      };
    }
  }

  /** One launch of the optimiser's kernel. */
  protected abstract applyTo(lists: StepLists): void;

  /** Clears the gradients of all its parameters. */
  zeroGrad(): void {
    for (const { parameter } of this.#slots.values()) parameter.grad = null;
  }

  /** The tensors of state themselves, by kind and parameter. */
  protected stateTensors(): Map<string, Tensor<DType>> {
    return new Map(
      [...this.#slots].flatMap(([name, { states }]) =>
        this.#kinds.map((kind, i) => [`${kind}.${name}`, states[i]!] as const),
      ),
    );
  }

  /** A copy in the host's memory. */
  async state(): Promise<OptimizerState> {
    const { rate, steps } = this;
    const entries = [...this.stateTensors()].map(async ([name, tensor]): Promise<[string, HostTensor]> => {
      return [name, { dtype: tensor.dtype, shape: [...tensor.shape], data: await tensor.data() }];
    });
    return { rate, steps, tensors: new Map(await Promise.all(entries)) };
  }

  /** Goes on from a state. @throws ArgumentError, ShapeError when it is that of other parameters */
  loadState(state: Omit<OptimizerState, 'tensors'> & { readonly tensors: StateSource }): void {
    loadState(this.stateTensors(), state.tensors, this.constructor.name);
    this.rate = state.rate;
    this.#steps = state.steps;
  }

  /** Forgets all steps: its state is what it was at first, its rate stays. */
  restart(): void {
    noGrad(() =>
      scope(() => {
        for (const state of this.stateTensors().values()) {
          assign(state, zeros(state.shape, { dtype: state.dtype }));
        }
      }),
    );
    this.#steps = 0;
  }

  /** Gives its memory and its slots of the step block back; the parameters stay. */
  dispose(): void {
    for (const { states } of this.#slots.values()) for (const state of states) state.dispose();
    device().stepBlock.releaseSlot(this.#rateSlot);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Parameters that one launch can take. */
function byRule(slots: Iterable<Slot>): Slot[][] {
  const launches = new Map<string, Slot[]>();
  for (const slot of slots) {
    const rule = `${slot.rateFactor} ${slot.decay} ${slot.mask !== undefined}`;
    const others = launches.get(rule);
    if (others === undefined) launches.set(rule, [slot]);
    else others.push(slot);
  }
  return [...launches.values()];
}

function checkMasks(
  parameters: ReadonlyMap<string, Parameter>,
  masks: ReadonlyMap<string, Tensor<'u8'>>,
): void {
  for (const [name, mask] of masks) {
    const parameter = parameters.get(name);
    if (parameter !== undefined && String(mask.shape) === String(parameter.shape)) continue;
    throw new ArgumentError(
      `Expected the mask ${name} to have the name and shape of a parameter, got [${mask.shape.join(', ')}] ` +
        `${parameter === undefined ? 'and no such parameter' : `for [${parameter.shape.join(', ')}]`}.`,
    );
  }
}
