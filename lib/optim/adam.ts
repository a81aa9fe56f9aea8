/** Adam (Kingma and Ba, arXiv 1412.6980) and AdamW (Loshchilov and Hutter, arXiv 1711.05101). */

import { device } from '../device.js';
import { ArgumentError } from '../errors.js';
import type { Parameter } from '../nn/parameter.js';
import { adam } from '../ops/optimizer.js';
import { Optimizer, type OptimizerOptions, type StepLists } from './optimizer.js';

export interface AdamOptions extends OptimizerOptions {
  /** How slowly both moments change, each in [0, 1). Default [0.9, 0.999]. */
  readonly betas?: readonly [first: number, second: number];
  /** Added to the root of the second moment, at least 0. Default 1e-8. */
  readonly epsilon?: number;
}

/**
 * torch.optim.Adam without amsgrad; weight decay (L2) is added to the gradient. See `adam` for the equations. Its state is
 * `first.*` and `second.*`.
 *
 * All parameters share one count of steps, while PyTorch counts for each parameter the steps in which it had a gradient:
 * they differ where a parameter has none in some steps.
 *
 * @throws ArgumentError when a number is out of its range; see `Optimizer`
 */
export class Adam extends Optimizer {
  readonly betas: readonly [first: number, second: number];
  readonly epsilon: number;
  readonly #firstSlot = device().stepBlock.allocateSlot();
  readonly #secondSlot = device().stepBlock.allocateSlot();

  /** @param parameters with their names, as `module.namedParameters()` gives them */
  constructor(parameters: Iterable<readonly [name: string, parameter: Parameter]>, options: AdamOptions) {
    const { betas = [0.9, 0.999], epsilon = 1e-8 } = options;
    if (!betas.every((beta) => beta >= 0 && beta < 1))
      throw new ArgumentError(`Expected betas in [0, 1), got ${betas.join(' and ')}.`);
    if (!(epsilon >= 0 && Number.isFinite(epsilon)))
      throw new ArgumentError(`Expected an epsilon of at least 0, got ${epsilon}.`);
    super(parameters, options, ['first', 'second']);
    this.betas = betas;
    this.epsilon = epsilon;
  }

  /** Whether decay shrinks the weights themselves. */
  protected get decoupled(): boolean {
    return false;
  }

  override advance(): void {
    super.advance();
    const [beta1, beta2] = this.betas;
    const { stepBlock } = device();
    stepBlock.set(this.#firstSlot, 1 / (1 - beta1 ** this.steps));
    stepBlock.set(this.#secondSlot, 1 / Math.sqrt(1 - beta2 ** this.steps));
  }

  protected override applyTo({ weights, gradients, states, ...rule }: StepLists): void {
    const [firsts = [], seconds = []] = states;
    adam(weights, gradients, firsts, seconds, {
      ...rule,
      rateSlot: this.rateSlot,
      firstSlot: this.#firstSlot,
      secondSlot: this.#secondSlot,
      beta1: this.betas[0],
      beta2: this.betas[1],
      epsilon: this.epsilon,
      decoupled: this.decoupled,
    });
  }

  override dispose(): void {
    super.dispose();
    const { stepBlock } = device();
    for (const slot of [this.#firstSlot, this.#secondSlot]) stepBlock.releaseSlot(slot);
  }
}

/** torch.optim.AdamW: as Adam, but weight decay shrinks the weights themselves. Default decay 0.01, as there. */
export class AdamW extends Adam {
  /** @param parameters with their names, as `module.namedParameters()` gives them */
  constructor(parameters: Iterable<readonly [name: string, parameter: Parameter]>, options: AdamOptions) {
    super(parameters, { decay: 0.01, ...options });
  }

  protected override get decoupled(): boolean {
    return true;
  }
}
