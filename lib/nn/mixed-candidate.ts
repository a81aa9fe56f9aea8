/** Layers of a search network: candidates that `mixedState` mixes, and what they consist of. */

import { ones, zeros } from '../ops/create.js';
import { type CandidateKind, candidateLayout, type MixedCandidate, mixedState } from '../ops/mixed-state.js';
import { stepNormal } from '../ops/step-random.js';
import type { Tensor } from '../tensor.js';
import { BatchNorm } from './batch-norm.js';
import { fanInOf, uniformFanIn } from './init.js';
import { Module, type ParameterRandom } from './module.js';
import { Parameter } from './parameter.js';

/** A filter (KRSC) without a bias, drawn as PyTorch draws convolutions: uniform in +-1 / sqrt(fan in). */
export class SearchFilter extends Module<[]> {
  readonly weight: Parameter;

  constructor(shape: readonly number[]) {
    super();
    this.weight = new Parameter(zeros(shape));
  }

  protected override drawParameters(random: ParameterRandom): void {
    uniformFanIn(this.weight, fanInOf(this.weight.shape), random);
  }

  override forward(): Tensor {
    return this.weight;
  }
}

/** A batch normalisation without gamma and beta, as search networks have it. */
export function searchNorm(channels: number): BatchNorm {
  return new BatchNorm(channels, { affine: false });
}

/** Where the filters and normalisations of a candidate stand in the reference's state dict. */
function memberNames(kind: CandidateKind): readonly [filters: readonly string[], norms: readonly string[]] {
  switch (kind) {
    case 'none':
      return [[], []];
    case 'max_pool_3x3':
    case 'avg_pool_3x3':
      return [[], ['1']];
    case 'skip_connect':
      return [['conv_1', 'conv_2'], ['bn']];
    case 'sep_conv_3x3':
    case 'sep_conv_5x5':
      return [
        ['op.1', 'op.2', 'op.5', 'op.6'],
        ['op.3', 'op.7'],
      ];
    case 'dil_conv_3x3':
    case 'dil_conv_5x5':
      return [['op.1', 'op.2'], ['op.3']];
    case 'nor_conv_1x1':
    case 'nor_conv_3x3':
      return [['op.1'], ['op.2']];
  }
}

export interface CandidateOptions {
  readonly stride?: 1 | 2;
  /** Whether pools carry a batch normalisation; see `mixedState`. Default true. */
  readonly poolNorm?: boolean;
}

/** One candidate of an edge with its filters and statistics; named as quark0/darts and AutoDL-Projects name them. */
export class Candidate extends Module {
  readonly kind: CandidateKind;
  readonly filters: readonly SearchFilter[];
  readonly norms: readonly BatchNorm[];
  /** As `mixedState` takes it. */
  readonly operands: MixedCandidate;
  readonly #options: Required<CandidateOptions>;
  #seed = 0;
  #site = 0;

  /** @param channels that enter and leave it */
  constructor(kind: CandidateKind, channels: number, { stride = 1, poolNorm = true }: CandidateOptions = {}) {
    super();
    const layout = candidateLayout(kind, channels, stride, poolNorm);
    this.kind = kind;
    this.filters = layout.filters.map((shape) => new SearchFilter(shape));
    this.norms = Array.from({ length: layout.norms }, () => searchNorm(channels));
    this.operands = {
      kind,
      filters: this.filters.map(({ weight }) => weight),
      running: this.norms.map(({ running_mean, running_var }) => ({
        mean: running_mean,
        variance: running_var,
      })),
    };
    this.#options = { stride, poolNorm };
  }

  get stride(): 1 | 2 {
    return this.#options.stride;
  }

  /** The seed of the whole, and the site of what is drawn for this candidate: its place among the modules of the whole. */
  get random(): { readonly seed: number; readonly site: number } {
    return { seed: this.#seed, site: this.#site };
  }

  protected override takeSeed(seed: number, place: number): void {
    this.#seed = seed;
    this.#site = place;
  }

  override *namedChildren(): Generator<[name: string, module: SearchFilter | BatchNorm]> {
    const [filters, norms] = memberNames(this.kind);
    for (const [index, filter] of this.filters.entries()) yield [filters[index]!, filter];
    for (const [index, norm] of this.norms.entries()) yield [norms[index]!, norm];
  }

  /** The candidate alone, [N, H, W, C] -> [N, ceil(H / stride), ceil(W / stride), C]. */
  override forward(x: Tensor): Tensor {
    const { stride, poolNorm } = this.#options;
    const edge = { candidates: [this.operands], weights: ones([1]), stride };
    return mixedState(x, [edge], { training: this.training, poolNorm })[0]!;
  }
}

/**
 * The candidate `noise` of R-DARTS (Zela et al., arXiv 1909.09656, space S4): N(0, 1) of the output's shape, new in each step,
 * in evaluation, too (as its code has it). It takes nothing from its input. To `mixedState` it is a `none`.
 */
export class NoiseCandidate extends Candidate {
  constructor(channels: number, { stride = 1 }: CandidateOptions = {}) {
    super('none', channels, { stride });
  }

  /** [N, H, W, C] -> [N, ceil(H / stride), ceil(W / stride), C]; by its seed, its place and the step of `device().stepBlock`. */
  override forward(x: Tensor): Tensor {
    const [batch, height, width, channels] = x.shape as [number, number, number, number];
    const extent = (size: number): number => Math.ceil(size / this.stride);
    const shape = [batch, extent(height), extent(width), channels];
    return stepNormal(shape, { ...this.random, device: x.device });
  }
}
