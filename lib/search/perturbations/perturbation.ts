/** What a perturbation is: it moves the mixtures of the weights' steps, so that the loss becomes smooth in them. One file each beside this. */

import type { Tensor } from '../../tensor.js';
import type { Drawing } from '../pass.js';
import type { Mixture } from '../supernet.js';

export interface Perturbation extends Drawing, Disposable {
  /**
   * A mixture nearby. Only the device's work, off the tape.
   *
   * @param loss of the training batch under a mixture, the network in evaluation mode, differentiable in the mixture's weights
   */
  perturbed(mixture: Mixture, loss: (mixture: Mixture) => Tensor): Mixture;
}

/** What a perturbation is made from. */
export interface PerturbationContext {
  /** Of what it draws. */
  readonly seed: number;
  /** [edges, candidates] of each group's weights. */
  readonly shapes: ReadonlyMap<string, readonly [edges: number, candidates: number]>;
}

/** A mixture with other weights, and all else as it was. */
export function movedMixture(mixture: Mixture, move: (weights: Tensor, group: string) => Tensor): Mixture {
  return Object.fromEntries(
    Object.entries(mixture).map(([name, group]) => [name, { ...group, weights: move(group.weights, name) }]),
  );
}
