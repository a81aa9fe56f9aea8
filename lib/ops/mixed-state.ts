/** One state of a DARTS cell and all edges that leave it: every candidate of every edge, mixed by weights, in fused passes. */

import { ArgumentError } from '../errors.js';
import { handleOf } from '../resource.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const mixedStateOp = new Op(
  'mixedState',
  'training update poolNorm edges ...packedEdges',
  'eps momentum',
  'x ...edgeTensors',
);

/** The candidates of DARTS (in the order of its code), then what NAS-Bench-201 has besides. */
export const candidateKinds = [
  'none',
  'max_pool_3x3',
  'avg_pool_3x3',
  'skip_connect',
  'sep_conv_3x3',
  'sep_conv_5x5',
  'dil_conv_3x3',
  'dil_conv_5x5',
  'nor_conv_1x1',
  'nor_conv_3x3',
] as const;

const kindNumbers = mixedStateOp.kinds(...candidateKinds);

/** A candidate operation, by its name in genotypes. */
export type CandidateKind = (typeof candidateKinds)[number];

/** Running statistics of one batch normalisation over C channels. */
export interface RunningStatistics {
  /** [C] */
  readonly mean: Tensor;
  /** [C]; the unbiased estimate. */
  readonly variance: Tensor;
}

/** One candidate of an edge. `candidateLayout` says which filters and how many normalisations its kind has. */
export interface MixedCandidate {
  readonly kind: CandidateKind;
  /** KRSC, in the order of the reference's state dict. Default none. */
  readonly filters?: readonly Tensor[];
  /** Of its normalisations, in the order of the reference's state dict. Default: not tracked. */
  readonly running?: readonly RunningStatistics[];
}

/** One edge: a weighted sum of candidates. */
export interface MixedEdge {
  readonly candidates: readonly MixedCandidate[];
  /** [candidates]: the factor of each, differentiable (a softmax of alphas, a sampled gate, …). */
  readonly weights: Tensor;
  /** Default 1. */
  readonly stride?: 1 | 2;
  /** Indices of the candidates that are computed; the others count as 0 and cost nothing. Default: all. */
  readonly active?: readonly number[];
  /** Of the output's shape; is added to it: the sum of the node's earlier edges. */
  readonly addend?: Tensor;
}

export interface MixedStateOptions {
  /** true: normalise by the batch's statistics; false: by the running ones, which each candidate must then have. */
  readonly training: boolean;
  /** Whether training moves the running statistics. Default: where there are any. */
  readonly update?: boolean;
  /** Whether pools carry a batch normalisation: as in DARTS (default), or not, as in NAS-Bench-201. */
  readonly poolNorm?: boolean;
  /** Added to the variances. Default 1e-5. */
  readonly eps?: number;
  /** Share of the new value in the running statistics. Default 0.1. */
  readonly momentum?: number;
}

/** What a candidate over C channels needs. */
export interface CandidateLayout {
  /** Shapes of its filters, KRSC (depthwise ones [C, R, S, 1]). */
  readonly filters: readonly (readonly number[])[];
  /** How many batch normalisations it has. */
  readonly norms: number;
}

/**
 * The filters and normalisations of a candidate, in the order of the reference's state dict:
 *
 * - sep_conv_k: depthwise k x k (stride s), 1x1, depthwise k x k, 1x1; two normalisations
 * - dil_conv_k: depthwise k x k of dilation 2, 1x1; one
 * - skip_connect: nothing at stride 1; at stride 2 (FactorizedReduce) two 1x1 of C/2 filters, the second for the input
 *   shifted by a pixel in both axes; one
 * - nor_conv_k: one k x k filter; one
 * - pools: one normalisation with `poolNorm`; none: nothing
 *
 * Normalisations have no gamma and beta (the search mode of the references).
 */
export function candidateLayout(
  kind: CandidateKind,
  channels: number,
  stride: 1 | 2 = 1,
  poolNorm = true,
): CandidateLayout {
  const depthwise = (size: number): readonly number[] => [channels, size, size, 1];
  const pointwise: readonly number[] = [channels, 1, 1, channels];
  const half: readonly number[] = [channels / 2, 1, 1, channels];
  switch (kind) {
    case 'none':
      return { filters: [], norms: 0 };
    case 'max_pool_3x3':
    case 'avg_pool_3x3':
      return { filters: [], norms: poolNorm ? 1 : 0 };
    case 'skip_connect':
      return stride === 1 ? { filters: [], norms: 0 } : { filters: [half, half], norms: 1 };
    case 'sep_conv_3x3':
      return { filters: [depthwise(3), pointwise, depthwise(3), pointwise], norms: 2 };
    case 'sep_conv_5x5':
      return { filters: [depthwise(5), pointwise, depthwise(5), pointwise], norms: 2 };
    case 'dil_conv_3x3':
      return { filters: [depthwise(3), pointwise], norms: 1 };
    case 'dil_conv_5x5':
      return { filters: [depthwise(5), pointwise], norms: 1 };
    case 'nor_conv_1x1':
      return { filters: [pointwise], norms: 1 };
    case 'nor_conv_3x3':
      return { filters: [[channels, 3, 3, channels]], norms: 1 };
  }
}

/** What an edge does not have in the native op's list, or has too many of, is said here; shapes are checked there. */
function checkCandidate(
  { kind, filters = [], running }: MixedCandidate,
  channels: number,
  stride: 1 | 2,
  poolNorm: boolean,
): void {
  const layout = candidateLayout(kind, channels, stride, poolNorm);
  if (filters.length !== layout.filters.length) {
    throw new ArgumentError(
      `[mixedState] Expected ${layout.filters.length} filters for ${kind} at stride ${stride}, got ${filters.length}.`,
    );
  }
  if (running !== undefined && running.length !== layout.norms) {
    throw new ArgumentError(
      `[mixedState] Expected running statistics of ${layout.norms} normalisations for ${kind} at stride ${stride}, ` +
        `got ${running.length}.`,
    );
  }
}

/**
 * All edges that leave one state x [N, H, W, C]: for each edge the sum over its active candidates of weight * candidate(x)
 * [N, ceil(H / stride), ceil(W / stride), C], plus its addend. The candidates are those of DARTS (Liu et al., arXiv
 * 1806.09055) and NAS-Bench-201 (Dong and Yang, arXiv 2001.00326) as their search code has them: convolutions are ReLU,
 * convolution, normalisation; normalisations have no gamma and beta; every candidate keeps C. Convolutions have no bias: the
 * one that NAS-Bench-201's search code adds before a normalisation cancels in it.
 *
 * What edges share (both pools and their statistics) is computed once. Gradients go to x, the weights, the filters and the
 * addends; only those asked for are computed. The gradient of a weight whose candidate is not active is 0; filters of
 * candidates that are not active get none.
 *
 * @throws ShapeError when a filter has another shape than `candidateLayout` says; when skip_connect at stride 2 meets an odd
 * height, width or number of channels (its two halves would differ in size; the reference fails there, too)
 * @throws ArgumentError for candidates without their filters, evaluation without running statistics, active indices that
 * repeat or are none, nor_conv candidates at stride 2
 */
export function mixedState(x: Tensor, edges: readonly MixedEdge[], options: MixedStateOptions): Tensor[] {
  const { training, update = true, poolNorm = true, eps = 1e-5, momentum = 0.1 } = options;
  const channels = x.shape.at(-1) ?? 1;
  const ints = [training ? 1 : 0, training && update ? 1 : 0, poolNorm ? 1 : 0, edges.length];
  const inputs = [handleOf(x)];
  for (const { candidates, weights, stride = 1, active, addend } of edges) {
    const chosen = active ?? candidates.keys();
    const places = [...chosen];
    if (weights.shape.length !== 1 || weights.shape[0] !== candidates.length) {
      throw new ArgumentError(
        `[mixedState] Expected one weight a candidate, [${candidates.length}], got [${weights.shape.join(', ')}].`,
      );
    }
    ints.push(stride, addend ? 1 : 0, places.length);
    inputs.push(handleOf(weights));
    if (addend) inputs.push(handleOf(addend));
    for (const place of places) {
      const candidate = candidates[place];
      if (candidate === undefined) {
        throw new ArgumentError(
          `[mixedState] Expected active candidates from 0 to ${candidates.length - 1}, got ${place}.`,
        );
      }
      checkCandidate(candidate, channels, stride, poolNorm);
      const { kind, filters = [], running } = candidate;
      ints.push(place, kindNumbers[kind], running ? 1 : 0);
      for (const filter of filters) inputs.push(handleOf(filter));
      for (const { mean, variance } of running ?? []) inputs.push(handleOf(mean), handleOf(variance));
    }
  }
  mixedStateOp.scalars[0] = eps;
  mixedStateOp.scalars[1] = momentum;
  return mixedStateOp
    .runAll(Int32Array.from(ints), mixedStateOp.scalars, Float64Array.from(inputs))
    .map((output) => wrap(output, 'f32'));
}
