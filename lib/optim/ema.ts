/** Exponential moving averages of weights. */

import { device } from '../device.js';
import { ArgumentError } from '../errors.js';
import type { HostTensor } from '../io/host-tensor.js';
import type { AnyModule } from '../nn/module.js';
import { type Parameter, StateBuffer } from '../nn/parameter.js';
import { loadState, type StateSource } from '../nn/state-dict.js';
import { zeros } from '../ops/create.js';
import { assign } from '../ops/layout.js';
import { lerp } from '../ops/optimizer.js';
import { noGrad, scope } from '../scope.js';

export interface WeightAverageOptions {
  /** How much of the average stays at each update, in [0, 1). */
  readonly decay: number;
  /**
   * Rises from 2/11 for the first update t = 1 on: decay_t = min(decay, (1 + t) / (10 + t)), as
   * tf.train.ExponentialMovingAverage does when it counts updates. Default false.
   */
  readonly warmup?: boolean;
}

/**
 * average += (1 - decay) (weight - average), for all parameters of a module in one launch: torch.optim.swa_utils with
 * `get_ema_multi_avg_fn`, but that the average starts as the weights are when it is made (there: at the first update).
 *
 * Buffers are not averaged: the averaged weights run with the module's own running statistics, as AveragedModel does by
 * default (timm averages them, too).
 *
 * @throws ArgumentError when decay is out of range
 */
export class WeightAverage implements Disposable {
  readonly decay: number;
  readonly warmup: boolean;
  readonly #parameters: ReadonlyMap<string, Parameter>;
  readonly #averages: ReadonlyMap<string, StateBuffer>;
  readonly #shareSlot: number;
  #updates = 0;

  constructor(module: AnyModule, { decay, warmup = false }: WeightAverageOptions) {
    if (!(decay >= 0 && decay < 1)) throw new ArgumentError(`Expected a decay in [0, 1), got ${decay}.`);
    this.decay = decay;
    this.warmup = warmup;
    this.#parameters = new Map(module.namedParameters());
    this.#averages = new Map(
      Array.from(this.#parameters, ([name, { shape }]) => [name, new StateBuffer(zeros(shape))] as const),
    );
    noGrad(() => {
      for (const [name, average] of this.#averages) assign(average, this.#parameters.get(name)!);
    });
    this.#shareSlot = device().stepBlock.allocateSlot();
  }

  /** Updates so far. */
  get updates(): number {
    return this.#updates;
  }

  /** Moves the average towards the weights as they are now: call it after each step. */
  update(): void {
    this.advance();
    this.apply();
  }

  /** Counts an update in the step block; a captured step replays `apply()` after it. See `Optimizer`. */
  advance(): void {
    const t = ++this.#updates;
    const decay = this.warmup ? Math.min(this.decay, (1 + t) / (10 + t)) : this.decay;
    device().stepBlock.set(this.#shareSlot, 1 - decay);
  }

  /** Enqueues the kernel of an update. */
  apply(): void {
    noGrad(() =>
      lerp([...this.#averages.values()], [...this.#parameters.values()], { shareSlot: this.#shareSlot }),
    );
  }

  /** Exchanges weights and averages: twice is as before. */
  swap(): void {
    noGrad(() =>
      scope(() => {
        for (const [name, average] of this.#averages) {
          const parameter = this.#parameters.get(name)!;
          const weights = parameter.detach().clone();
          assign(parameter, average);
          assign(average, weights);
        }
      }),
    );
  }

  /** Runs `fn` with the averages in place of the weights; afterwards all is as before, also when `fn` throws. */
  async during<T>(fn: () => Promise<T>): Promise<T> {
    this.swap();
    try {
      return await fn();
    } finally {
      this.swap();
    }
  }

  /** Copies of the averages in the host's memory, by the names of the parameters. */
  async hostState(): Promise<Map<string, HostTensor>> {
    const entries = [...this.#averages].map(async ([name, average]): Promise<[string, HostTensor]> => {
      return [name, { dtype: 'f32', shape: [...average.shape], data: await average.data() }];
    });
    return new Map(await Promise.all(entries));
  }

  /** Goes on from a state. @throws ArgumentError, ShapeError when it is that of other parameters */
  loadState({ updates, tensors }: { readonly updates: number; readonly tensors: StateSource }): void {
    loadState(this.#averages, tensors, 'WeightAverage');
    this.#updates = updates;
  }

  /** Gives its memory and its slot of the step block back; the module stays. */
  dispose(): void {
    for (const average of this.#averages.values()) average.dispose();
    device().stepBlock.releaseSlot(this.#shareSlot);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
