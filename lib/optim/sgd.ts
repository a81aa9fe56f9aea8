/** Stochastic gradient descent. */

import { device } from '../device.js';
import { ArgumentError } from '../errors.js';
import type { HostTensor } from '../io/host-tensor.js';
import type { Parameter } from '../nn/parameter.js';
import { StateBuffer } from '../nn/parameter.js';
import { loadState, type StateSource } from '../nn/state-dict.js';
import { zeros } from '../ops/create.js';
import { sgd } from '../ops/optimizer.js';
import type { Tensor } from '../tensor.js';

export interface SGDOptions {
  /** The learning rate, at least 0; change it by `optimizer.rate = …`. */
  readonly rate: number;
  /** In [0, 1). Default 0. */
  readonly momentum?: number;
  readonly nesterov?: boolean;
  /** Weight decay (L2), at least 0. Default 0. */
  readonly decay?: number;
  /** Whether vectors (biases, and scale and shift of batch normalisations) decay too. Default true, as in PyTorch. */
  readonly decayVectors?: boolean;
}

/** What a checkpoint keeps of an optimiser. */
export interface SGDState {
  readonly rate: number;
  /** The momentum of each parameter, by its name. */
  readonly tensors: Map<string, HostTensor>;
}

interface Slot {
  readonly parameter: Parameter;
  readonly momentum: StateBuffer | null;
}

/**
 * torch.optim.SGD: with momentum, Nesterov's variant and weight decay; see `sgd` for the equations. All parameters take
 * one launch. A parameter without a gradient is left alone.
 *
 * @throws ArgumentError when a number is out of its range, or Nesterov has no momentum
 */
export class SGD {
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly decay: number;
  readonly #slots: ReadonlyMap<string, Slot>;
  readonly #groups: readonly { readonly slots: readonly Slot[]; readonly decay: number }[];
  readonly #rateSlot: number;
  #rate = 0;

  /** @param parameters with their names, as `module.namedParameters()` gives them */
  constructor(parameters: Iterable<readonly [name: string, parameter: Parameter]>, options: SGDOptions) {
    const { rate, momentum = 0, nesterov = false, decay = 0, decayVectors = true } = options;
    if (!(momentum >= 0 && momentum < 1))
      throw new ArgumentError(`Expected a momentum in [0, 1), got ${momentum}.`);
    if (!(decay >= 0)) throw new ArgumentError(`Expected a weight decay of at least 0, got ${decay}.`);
    if (nesterov && momentum === 0)
      throw new ArgumentError('Expected a momentum above 0 for Nesterov, got 0.');
    checkRate(rate);
    this.momentum = momentum;
    this.nesterov = nesterov;
    this.decay = decay;
    const slots = new Map<string, Slot>();
    for (const [name, parameter] of parameters) {
      slots.set(name, {
        parameter,
        momentum: momentum === 0 ? null : new StateBuffer(zeros(parameter.shape)),
      });
    }
    this.#slots = slots;
    const all = [...slots.values()];
    const decays = (slot: Slot): boolean => decayVectors || slot.parameter.rank > 1;
    this.#groups = [
      { slots: all.filter(decays), decay },
      { slots: all.filter((slot) => !decays(slot)), decay: 0 },
    ].filter((group) => group.slots.length > 0);
    this.#rateSlot = device().stepBlock.allocateSlot();
    this.rate = rate;
  }

  /** The learning rate of the steps that are enqueued from now on. */
  get rate(): number {
    return this.#rate;
  }

  set rate(rate: number) {
    checkRate(rate);
    this.#rate = rate;
    device().stepBlock.set(this.#rateSlot, rate);
  }

  /** Moves every parameter that has a gradient; the gradients stay. */
  step(): void {
    for (const group of this.#groups) {
      const weights: Tensor[] = [];
      const gradients: Tensor[] = [];
      const momenta: Tensor[] = [];
      for (const { parameter, momentum } of group.slots) {
        const gradient = parameter.grad;
        if (gradient === null) continue;
        weights.push(parameter);
        gradients.push(gradient);
        if (momentum !== null) momenta.push(momentum);
      }
      sgd(weights, gradients, momenta, {
        rateSlot: this.#rateSlot,
        momentum: this.momentum,
        decay: group.decay,
        nesterov: this.nesterov,
      });
    }
  }

  /** Clears the gradients of all its parameters. */
  zeroGrad(): void {
    for (const { parameter } of this.#slots.values()) parameter.grad = null;
  }

  /** A copy in the host's memory. */
  async state(): Promise<SGDState> {
    const rate = this.#rate;
    const entries = [...this.#momenta()].map(async ([name, momentum]): Promise<[string, HostTensor]> => {
      return [name, { dtype: 'f32', shape: [...momentum.shape], data: await momentum.data() }];
    });
    return { rate, tensors: new Map(await Promise.all(entries)) };
  }

  /** Goes on from a state. @throws ArgumentError, ShapeError when it is that of other parameters */
  loadState(state: { readonly rate: number; readonly tensors: StateSource }): void {
    loadState(this.#momenta(), state.tensors, 'SGD');
    this.rate = state.rate;
  }

  /** Gives its memory and its slot of the step block back; the parameters stay. */
  dispose(): void {
    for (const momentum of this.#momenta().values()) momentum.dispose();
    device().stepBlock.releaseSlot(this.#rateSlot);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #momenta(): Map<string, StateBuffer> {
    const momenta = new Map<string, StateBuffer>();
    for (const [name, { momentum }] of this.#slots) {
      if (momentum !== null) momenta.set(name, momentum);
    }
    return momenta;
  }
}

function checkRate(rate: number): void {
  if (!(rate >= 0 && Number.isFinite(rate))) {
    throw new ArgumentError(`Expected a learning rate of at least 0, got ${rate}.`);
  }
}
