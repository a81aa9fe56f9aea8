/** What every search network is: groups of edges that mix candidates, and a forward pass that takes the mixtures. */

import type { Module } from '../nn/module.js';
import type { Tensor } from '../tensor.js';

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

/** What the edges of one group mix their candidates by. */
export interface GroupMixture {
  /** [edges, candidates]: the factor of each candidate. */
  readonly weights: Tensor;
  /** For each edge the candidates that are computed; the others count as 0, and their weights get a gradient of 0. Default: all. */
  readonly active?: readonly (readonly number[])[];
  /** [edges]: a factor of each edge's whole output, with what bypasses partial channels. Default 1. */
  readonly edges?: Tensor;
  /** [edges]: a number that is added to all of an edge's output (GDAS in NAS-Bench-201). Default none. */
  readonly offsets?: Tensor;
}

/** The mixtures of all groups, by name. */
export type Mixture = Readonly<Record<string, GroupMixture>>;

/** How inputs of skip connections are disturbed while a search network trains. */
export interface SkipDisturbance {
  /** `dropout`: of the output of identities (P-DARTS); `noise`: N(0, level^2) on the input (NoisyDARTS). */
  readonly kind: 'dropout' | 'noise';
  /** Rate of the dropout in [0, 1), or deviation of the noise. */
  readonly level: number;
  readonly seed: number;
}

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
