/** What a selector is: how a search ends in one architecture. One file each beside this. */

import type { ImageSet } from '../../data/image-set.js';
import type { ProgressSink } from '../../train/progress-sink.js';
import type { Strengths } from '../mixer.js';
import type { Choice, EdgeGroup, Mixture, Supernet } from '../supernet.js';

/** What a selector may use. */
export interface SelectionContext {
  readonly groups: readonly EdgeGroup[];
  readonly strengths: Strengths;
  readonly supernet: Supernet;
  /** A mixture without chance, as at the end of the search. */
  mixture(): Mixture;
  /** Accuracy in [0, 1] of a mixture on the images of the architecture, or on the first of them. */
  accuracy(mixture: Mixture, options?: { readonly images?: number }): Promise<number>;
  /** Trains the weights on, under a mixture, for so many epochs; `rate` is the share of the search's first rate. */
  tune(mixture: () => Mixture, options: { readonly epochs: number; readonly rate: number }): Promise<void>;
  readonly images: ImageSet;
  readonly seed: number;
  readonly progress: ProgressSink;
}

/**
 * A selector goes round by round, and its state is plain JSON: a search that is resumed goes on with the round that it was in.
 */
export interface Selector<State = unknown> {
  /** Rounds in all, for progress; 1 for what is decided at once. */
  rounds(groups: readonly EdgeGroup[]): number;
  readonly initial: State;
  /** One round more: another state, or the choice. */
  next(
    state: State,
    context: SelectionContext,
  ): Promise<{ readonly state: State } | { readonly choice: Choice }>;
}
