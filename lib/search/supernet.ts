/** What every search network is: groups of edges that mix candidates, and a forward pass that takes the mixtures. */

import type { GroupMixture, SkipDisturbance } from '../nn/mixture.js';
import type { Module } from '../nn/module.js';
import type { Tensor } from '../tensor.js';

export type { GroupMixture, SkipDisturbance } from '../nn/mixture.js';

/** Edges that are decided together: those of one kind of cell, of one cell, or one layer. They have as many candidates each. */
export interface EdgeGroup {
  /** As in `normal`, `reduce`, `cell`, `cells.3`, `layers.12`. */
  readonly name: string;
  /** For each edge its candidates by name; in the order of the alphas. */
  readonly candidates: readonly (readonly string[])[];
  /** For each node the numbers of the edges that enter it. */
  readonly nodes: readonly (readonly number[])[];
  /** How many of the edges into a node an architecture keeps; all when null. */
  readonly edgesPerNode: number | null;
  /** Whether `none` may be chosen; in DARTS it takes part in the mixture and is never chosen. */
  readonly noneAllowed: boolean;
}

/** The mixtures of all groups, by name. */
export type Mixture = Readonly<Record<string, GroupMixture>>;

/**
 * A search network: [N, H, W, C] pixels in [0, 1] and mixtures -> logits [N, classes]. Its parameters are the weights; the
 * architecture is not among them.
 */
export interface Supernet extends Module<[x: Tensor, mixture: Mixture]> {
  readonly groups: readonly EdgeGroup[];
  /** Null, as at first: no disturbance. Only spaces with skip connections heed it, in training. */
  skipDisturbance: SkipDisturbance | null;
}

/** For each group and edge the names of the candidates that an architecture keeps; an edge that it drops has none. */
export type Choice = Readonly<Record<string, readonly (readonly string[])[]>>;
