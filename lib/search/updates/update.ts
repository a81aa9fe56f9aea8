/** What an update is: how a step of the architecture gets its gradients. One file each beside this. */

import type { Parameter } from '../../nn/parameter.js';
import type { SGD } from '../../optim/sgd.js';
import type { Tensor } from '../../tensor.js';
import type { Supernet } from '../supernet.js';

/** The two problems, on the batches of a step. */
export interface UpdateContext {
  readonly supernet: Supernet;
  /** The architecture's own parameters. */
  readonly alphas: readonly Parameter[];
  /** Of the weights: its rate is that of this step. */
  readonly optimizer: SGD;
  /** The loss of the training batch in the present weights, differentiable in weights and alphas, under the architecture's mixture. */
  trainLoss(): Tensor;
  /** The same of the architecture's batch, with all regularisers. */
  searchLoss(): Tensor;
}

export interface ArchitectureUpdate {
  /**
   * Sets `.grad` of the alphas. Only the device's work, so that a step can be recorded.
   *
   * @returns the loss of the architecture's batch, off the tape
   */
  gradients(context: UpdateContext): Tensor;
}
