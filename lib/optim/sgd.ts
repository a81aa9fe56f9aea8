/** Stochastic gradient descent. */

import { ArgumentError } from '../errors.js';
import type { Parameter } from '../nn/parameter.js';
import { sgd } from '../ops/optimizer.js';
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
}
