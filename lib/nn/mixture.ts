/** What a search network is given besides its pixels: how edges mix their candidates, and what disturbs them. */

import { ArgumentError, ShapeError } from '../errors.js';
import { mul } from '../ops/elementwise.js';
import { reshape, slice } from '../ops/layout.js';
import type { MixedEdge } from '../ops/mixed-state.js';
import { sum } from '../ops/reduce.js';
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

/** What one edge mixes its candidates by: `weights` [candidates]. */
export interface EdgeMixture extends Pick<MixedEdge, 'weights' | 'active'> {
  /** [1]: what its whole output is multiplied by. Default 1. */
  readonly factor?: Tensor;
}

/** A group's mixture as cells read it: by edges, and for each node the number [] that is added to it. */
export interface CellMixture {
  readonly edges: readonly EdgeMixture[];
  readonly offsets?: readonly Tensor[];
}

export interface CellMixtureOptions {
  /** For each node the numbers of the edges that enter it, one after the other. */
  readonly nodes: readonly (readonly number[])[];
  /** Candidates of each edge, with an auxiliary skip connection. */
  readonly candidates: number;
  /** Whether channels bypass the candidates: if not, a factor of an edge is one of its candidates' weights. */
  readonly bypassed: boolean;
}

/**
 * What the cells of a group take of its mixture; made once for all of them.
 *
 * @param name of the group, for errors
 * @throws ArgumentError when there is no mixture; ShapeError when it has another number of edges or candidates
 */
export function cellMixture(
  name: string,
  mixture: GroupMixture | undefined,
  { nodes, candidates, bypassed }: CellMixtureOptions,
): CellMixture {
  if (mixture === undefined) throw new ArgumentError(`Expected a mixture of '${name}', got none.`);
  const { active, edges: factors, offsets } = mixture;
  const edges = nodes.flat().length;
  const check = (what: string, { shape }: Tensor, wanted: readonly number[]): void => {
    if (shape.length === wanted.length && wanted.every((extent, axis) => shape[axis] === extent)) return;
    throw new ShapeError(`Expected ${what} of '${name}' [${wanted.join(', ')}], got [${shape.join(', ')}].`);
  };
  check('weights [edges, candidates]', mixture.weights, [edges, candidates]);
  if (factors) check('factors [edges]', factors, [edges]);
  if (offsets) check('offsets [edges]', offsets, [edges]);
  if (active && active.length !== edges) {
    throw new ShapeError(
      `Expected active candidates of all ${edges} edges of '${name}', got ${active.length} lists.`,
    );
  }
  const folded = factors !== undefined && !bypassed;
  const weights = folded ? mul(mixture.weights, reshape(factors, [-1, 1])) : mixture.weights;
  const byEdge = Array.from({ length: edges }, (_, e) => ({
    weights: reshape(slice(weights, 0, e, 1), [-1]),
    ...(active === undefined ? {} : { active: active[e]! }),
    ...(factors === undefined || folded ? {} : { factor: slice(factors, 0, e, 1) }),
  }));
  if (offsets === undefined) return { edges: byEdge };
  return {
    edges: byEdge,
    offsets: nodes.map((entering) => sum(slice(offsets, 0, entering[0]!, entering.length))),
  };
}
