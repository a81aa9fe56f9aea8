/** What a selector is: how a search ends in one architecture. One file each beside this. */

import type { ImageSet } from '../../data/image-set.js';
import type { ProgressSink } from '../../train/progress-sink.js';
import type { Recipe } from '../../train/recipe.js';
import type { Strengths } from '../mixer.js';
import type { Choice, EdgeGroup, Mixture, Supernet } from '../supernet.js';

/** A part of a training that goes on between the rounds of a selection. */
export interface TuneOptions {
  /** Of this part. */
  readonly epochs: number;
  /** The share of the search's first rate that the training begins with; half a cosine over `total` epochs. */
  readonly rate: number;
  /** Epochs of the parts before, and of all parts. */
  readonly before: number;
  readonly total: number;
}

/** An architecture that a selector names besides its choice. */
export interface Alternative {
  readonly name: string;
  readonly choice: Choice;
}

/** What a selector may use. */
export interface SelectionContext {
  readonly groups: readonly EdgeGroup[];
  readonly strengths: Strengths;
  readonly supernet: Supernet;
  /** A mixture without chance, as at the end of the search. */
  mixture(): Mixture;
  /** Accuracy in [0, 1] of a mixture on the images of the architecture, or on the first of them. */
  accuracy(mixture: Mixture, options?: { readonly images?: number }): Promise<number>;
  /** Trains the weights on, under a mixture. */
  tune(mixture: () => Mixture, options: TuneOptions): Promise<void>;
  /** Trains the network of an architecture from its beginning, and tells its accuracy on the images of the architecture. */
  trainAlone(choice: Choice, recipe: Recipe): Promise<number>;
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
  ): Promise<
    { readonly state: State } | { readonly choice: Choice; readonly alternatives?: readonly Alternative[] }
  >;
}
