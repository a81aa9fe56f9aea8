/** Stochastic gradient descent. */

import { ArgumentError } from '../errors.js';
import type { Parameter } from '../nn/parameter.js';
import { assign, clone } from '../ops/layout.js';
import { sgd } from '../ops/optimizer.js';
import { noGrad } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { Optimizer, type OptimizerOptions, type StepLists } from './optimizer.js';

export interface SGDOptions extends OptimizerOptions {
  /** In [0, 1). Default 0. */
  readonly momentum?: number;
  readonly nesterov?: boolean;
}

/**
 * torch.optim.SGD: with momentum, Nesterov's variant and weight decay (L2); see `sgd` for the equations. Its state is
 * `momentum.*`, none without momentum.
 *
 * @throws ArgumentError when a number is out of its range, or Nesterov has no momentum; see `Optimizer`
 */
export class SGD extends Optimizer {
  readonly momentum: number;
  readonly nesterov: boolean;

  /** @param parameters with their names, as `module.namedParameters()` gives them */
  constructor(parameters: Iterable<readonly [name: string, parameter: Parameter]>, options: SGDOptions) {
    const { momentum = 0, nesterov = false } = options;
    if (!(momentum >= 0 && momentum < 1))
      throw new ArgumentError(`Expected a momentum in [0, 1), got ${momentum}.`);
    if (nesterov && momentum === 0)
      throw new ArgumentError('Expected a momentum above 0 for Nesterov, got 0.');
    super(parameters, options, momentum === 0 ? [] : ['momentum']);
    this.momentum = momentum;
    this.nesterov = nesterov;
  }

  protected override applyTo({ weights, gradients, states, ...rule }: StepLists): void {
    const { momentum, nesterov, rateSlot } = this;
    sgd(weights, gradients, states[0] ?? [], { ...rule, momentum, nesterov, rateSlot });
  }

  /**
   * Runs `fn` with the weights one step further along the gradients that they have: w' = w - rate (momentum v + g + decay w),
   * never by Nesterov's variant. Afterwards, also when `fn` throws, the weights have their bits again; momenta, gradients and
   * the count of steps are as if nothing had been. As the weights were written to, a tape that saved them before is stale.
   * Only the device's work: it can be captured.
   */
  ahead<T>(fn: () => T): T {
    const { momentum, rateSlot } = this;
    const lists = [...this.stepLists()];
    const saved = noGrad(() => lists.map(({ weights }) => weights.map(clone)));
    try {
      for (const { weights, gradients, states, ...rule } of lists) {
        const momenta = noGrad(() => (states[0] ?? []).map(clone));
        sgd(weights, gradients, momenta, { ...rule, momentum, nesterov: false, rateSlot });
      }
      return fn();
    } finally {
      noGrad(() => {
        for (const [i, { weights }] of lists.entries()) {
          for (const [j, weight] of weights.entries()) assign(weight, saved[i]![j]!);
        }
      });
    }
  }

  /** values -= rate directions, in place, whatever the values are: by the rate that the device has when it comes to it. */
  descend(values: readonly Tensor[], directions: readonly Tensor[]): void {
    sgd(values, directions, [], { momentum: 0, nesterov: false, decay: 0, rateSlot: this.rateSlot });
  }
}
