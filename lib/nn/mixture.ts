/** What a search network is given besides its pixels: how edges mix their candidates, and what disturbs them. */

import type { Tensor } from '../tensor.js';

/** What the edges of one group mix their candidates by. */
export interface GroupMixture {
  /** [edges, candidates]: the factor of each candidate. */
  readonly weights: Tensor;
  /** For each edge the candidates that are computed; the others count as 0, and their weights get a gradient of 0. Default: all. */
  readonly active?: readonly (readonly number[])[];
  /**
   * For each edge those of the active candidates that keep nothing for backward but their output: their weights get a gradient,
   * what they are made of and what enters them does not. Their weights are 0, as of ProxylessNAS' inactive paths, so that
   * heeding this saves memory and changes no gradient. Default: none.
   */
  readonly detached?: readonly (readonly number[])[];
  /** [edges, candidates]: what an expected cost is taken over where the weights are gates. Default: `weights`. */
  readonly probabilities?: Tensor;
  /** [edges]: a factor of each edge's whole output, with what bypasses partial channels. Default 1. */
  readonly edges?: Tensor;
  /** [edges]: a number that is added to all of an edge's output (GDAS in NAS-Bench-201). Default none. */
  readonly offsets?: Tensor;
}

/** How inputs of skip connections are disturbed while a search network trains. */
export interface SkipDisturbance {
  /** `dropout`: of the output of identities (P-DARTS); `noise`: N(0, level^2) on the input (NoisyDARTS). */
  readonly kind: 'dropout' | 'noise';
  /** Rate of the dropout in [0, 1), or deviation of the noise. */
  readonly level: number;
  readonly seed: number;
}
