import type { Tensor } from '../../tensor.js';

/** Ranks the output channels of a layer by importance: the least important go first. */
export interface Criterion {
  readonly name: string;
  /**
   * The importance of each output channel: filter [K, R, S, C] -> f32 [K], at least 0.
   *
   * @param random for criteria that draw: one `stream` a layer
   */
  scores(filter: Tensor, random: { readonly seed: number; readonly stream: number }): Tensor;
}
