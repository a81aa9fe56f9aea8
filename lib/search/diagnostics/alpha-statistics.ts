/** Numbers on the architecture that a search records every epoch. */

import { ArgumentError } from '../../errors.js';
import type { Choice, EdgeGroup } from '../supernet.js';
import { edgeWeights, type WeightsByGroup } from './group-weights.js';
import { isSkip } from './parameter-free.js';

/**
 * What the weights of an edge are: one `distribution` over its candidates (softmax and its kin), or a probability of each
 * candidate by itself (`independent`: sigmoid).
 */
export type WeightKind = 'distribution' | 'independent';

/** Numbers of operations by name; those that never occur count 0. */
export type OperationCounts = Readonly<Record<string, number>>;

export interface AlphaStatistics {
  /** On how many edges each candidate has the largest weight, `none` among them; the first of several equal ones. */
  readonly strongest: OperationCounts;
  /** How many edges have a skip connection as the strongest. */
  readonly strongestSkips: number;
  /**
   * Mean over edges, in nats. Of a distribution its entropy, from 0 to ln candidates; of independent weights w the mean of
   * their binary entropies, -w ln w - (1 - w) ln (1 - w), from 0 to ln 2.
   */
  readonly entropy: number;
  /** `entropy` by the largest that it can be: 1 is undecided, 0 decided. 0 where there is one candidate. */
  readonly normalizedEntropy: number;
  /**
   * The strongest weight less the second, of candidates that may be chosen (in DARTS not `none`): mean and least over edges.
   * Null where there is no second. A choice by a margin near 0 is noise.
   */
  readonly margin: { readonly mean: number; readonly least: number } | null;
  /** Operations of the architecture that the weights mean. */
  readonly chosen: OperationCounts;
}

/**
 * Statistics of each group, by name. Plain JSON.
 *
 * @param choice the architecture that a selector derives from the weights
 * @throws ArgumentError when the choice lacks a group, or independent weights exceed 1; as `edgeWeights`
 */
export function alphaStatistics(
  groups: readonly EdgeGroup[],
  weights: WeightsByGroup,
  choice: Choice,
  kind: WeightKind = 'distribution',
): Record<string, AlphaStatistics> {
  return Object.fromEntries(
    groups.map((group) => [group.name, groupStatistics(group, edgeWeights(group, weights), choice, kind)]),
  );
}

function groupStatistics(
  group: EdgeGroup,
  edges: readonly Float64Array[],
  choice: Choice,
  kind: WeightKind,
): AlphaStatistics {
  const chosen = choice[group.name];
  if (chosen === undefined) {
    throw new ArgumentError(`Expected a choice for the group ${group.name}, got none.`);
  }
  const winners = edges.map((values, edge) => group.candidates[edge]![strongestOf(values)]!);
  const entropies = edges.map(kind === 'distribution' ? entropy : meanBinaryEntropy);
  const most = kind === 'distribution' ? Math.log(edges[0]!.length) : Math.LN2;
  const margins = edges.flatMap((values, edge) => margin(values, group, edge));
  const meanEntropy = mean(entropies);
  return {
    strongest: counts(group, winners),
    strongestSkips: winners.filter(isSkip).length,
    entropy: meanEntropy,
    normalizedEntropy: most === 0 ? 0 : meanEntropy / most,
    margin: margins.length === 0 ? null : { mean: mean(margins), least: Math.min(...margins) },
    chosen: counts(group, chosen.flat()),
  };
}

function strongestOf(values: Float64Array): number {
  return values.indexOf(Math.max(...values));
}

/** Of the weights divided by their sum, which a factor of the edge (PC-DARTS) and rounding keep from 1. */
function entropy(values: Float64Array): number {
  const sum = values.reduce((total, value) => total + value, 0);
  if (sum === 0) throw new ArgumentError('Expected a distribution over candidates, got weights of 0 only.');
  return values.reduce((total, value) => total + surprise(value / sum), 0);
}

function meanBinaryEntropy(values: Float64Array): number {
  if (values.some((value) => value > 1)) {
    throw new ArgumentError(`Expected independent weights of at most 1, got ${Math.max(...values)}.`);
  }
  return mean(Array.from(values, (value) => surprise(value) + surprise(1 - value)));
}

function surprise(probability: number): number {
  return probability === 0 ? 0 : -probability * Math.log(probability);
}

function margin(values: Float64Array, group: EdgeGroup, edge: number): number[] {
  const names = group.candidates[edge]!;
  const choosable = values.filter((_, index) => group.noneAllowed || names[index] !== 'none');
  const [second, first] = choosable.sort().slice(-2);
  return first === undefined ? [] : [first - second!];
}

function counts(group: EdgeGroup, operations: readonly string[]): OperationCounts {
  const found = Object.fromEntries(group.candidates.flat().map((name) => [name, 0]));
  for (const name of operations) {
    if (!(name in found)) {
      throw new ArgumentError(`Expected candidates of the group ${group.name} in its choice, got ${name}.`);
    }
    found[name]! += 1;
  }
  return found;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
