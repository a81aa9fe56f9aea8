/** The search network of layer-wise spaces: in each searched layer a mixture of inverted residuals and, where it fits, the identity. */

import { ArgumentError, ShapeError } from '../../errors.js';
import { disturbed } from '../../nn/mixed-edges.js';
import {
  blockAt,
  firstBlock,
  type LayerPlace,
  type LayerwiseSkeleton,
  layerPlaces,
} from '../../nn/models/layerwise.js';
import { Block, Classifier, ConvNorm, InvertedResidual } from '../../nn/models/proxyless-layers.js';
import { type AnyModule, Module } from '../../nn/module.js';
import { type ChannelStatistics, Normalize } from '../../nn/normalize.js';
import { add, mul } from '../../ops/elementwise.js';
import { detach, reshape, slice } from '../../ops/layout.js';
import type { Normed } from '../../ops/normed.js';
import { globalAvgPool2d } from '../../ops/pool.js';
import { noGrad, scope } from '../../scope.js';
import type { Shape } from '../../shape.js';
import { Tensor } from '../../tensor.js';
import type { EdgeGroup, GroupMixture, Mixture, SkipDisturbance, Supernet } from '../supernet.js';

/** A part of a search network that runs by itself, as costs are counted and measured by parts. */
export interface NetworkPart {
  /** The group that it is a candidate of; null for what every architecture has. */
  readonly group: string | null;
  readonly candidate: string | null;
  /** Null: the identity, which computes nothing. */
  readonly module: Module<[x: Tensor], unknown> | null;
  /** Of one sample. */
  readonly inputShape: Shape;
}

/** Members of a network with the order in which they run. They keep their names in the network. */
class Part extends Module {
  readonly members: readonly AnyModule[];
  readonly #run: (x: Tensor) => Tensor;

  constructor(members: readonly AnyModule[], run: (x: Tensor) => Tensor) {
    super();
    this.members = members;
    this.#run = run;
  }

  override forward(x: Tensor): Tensor {
    return this.#run(x);
  }
}

const stored = (x: Tensor | Normed): Tensor => (x instanceof Tensor ? x : x.tensor());

/** A searched layer: the sum of its active candidates, each times its weight. */
class MixedLayer extends Module<[x: Tensor, mixture: GroupMixture, disturbance: SkipDisturbance | null]> {
  readonly name: string;
  readonly place: LayerPlace;
  readonly names: readonly string[];
  /** Null: the identity. */
  readonly candidate_ops: readonly (InvertedResidual | null)[];
  #site = 0;

  constructor(name: string, place: LayerPlace, names: readonly string[]) {
    super();
    this.name = name;
    this.place = place;
    this.names = names;
    this.candidate_ops = names.map((candidate) => {
      const block = blockAt(candidate, place);
      return block === null ? null : new InvertedResidual(place.inChannels, block);
    });
  }

  protected override takeSeed(_seed: number, place: number): void {
    this.#site = place;
  }

  override forward(x: Tensor, mixture: GroupMixture, disturbance: SkipDisturbance | null): Tensor {
    const { weights, edges, offsets } = mixture;
    const active = mixture.active?.[0] ?? this.names.keys();
    const detached = mixture.detached?.[0] ?? [];
    // Products that the sum has taken up need not wait for the caller's scope.
    return scope(() => {
      let sum: Tensor | null = null;
      for (const c of active) {
        const y = detached.includes(c)
          ? noGrad(() => scope(() => detach(this.#candidate(c, x, disturbance))))
          : this.#candidate(c, x, disturbance);
        const term = mul(y, reshape(slice(weights, 1, c, 1), [1]));
        sum = sum === null ? term : add(sum, term);
      }
      if (sum === null) throw new ArgumentError(`Expected an active candidate of ${this.name}, got none.`);
      if (edges !== undefined) sum = mul(sum, edges);
      return offsets === undefined ? sum : add(sum, offsets);
    });
  }

  #candidate(index: number, x: Tensor, disturbance: SkipDisturbance | null): Tensor {
    const block = this.candidate_ops[index];
    if (block === undefined) {
      throw new ArgumentError(
        `Expected active candidates of ${this.name} below ${this.names.length}, got ${index}.`,
      );
    }
    if (block !== null) return stored(block.forward(x));
    if (disturbance === null || !this.training) return x;
    return disturbed(x, disturbance, this.#site);
  }
}

export interface LayerwiseSupernetOptions extends LayerwiseSkeleton {
  readonly classes: number;
  readonly normalization: ChannelStatistics;
  /** One for each searched layer, of one edge. */
  readonly groups: readonly EdgeGroup[];
}

/**
 * The blocks of all candidates of `Layerwise` networks (arXiv 1812.00332), mixed: a layer's output is the sum over its active
 * candidates of weight times block, shortcuts included. Their normalisations have gamma and beta, as in the reference.
 *
 * Parameters are named as in mit-han-lab/proxylessnas: `blocks.3.mobile_inverted_conv.candidate_ops.0.depth_conv.conv.weight`.
 * Only active candidates are computed and take memory.
 */
export class LayerwiseSupernet extends Module<[x: Tensor, mixture: Mixture]> implements Supernet {
  readonly groups: readonly EdgeGroup[];
  readonly normalize: Normalize;
  readonly first_conv: ConvNorm;
  readonly first_block: Block;
  readonly layers: readonly MixedLayer[];
  readonly feature_mix_layer: ConvNorm;
  readonly classifier: Classifier;
  skipDisturbance: SkipDisturbance | null = null;
  readonly #stem: Part;
  readonly #head: Part;

  /** @throws ArgumentError when a candidate does not fit its place */
  constructor({
    groups,
    classes,
    normalization,
    stem,
    stemStride,
    first,
    head,
    stages,
  }: LayerwiseSupernetOptions) {
    super();
    const places = layerPlaces({ first, stages });
    this.groups = groups;
    this.normalize = new Normalize(normalization);
    this.first_conv = new ConvNorm(normalization.mean.length, stem, 3, { stride: stemStride });
    this.first_block = new Block(stem, firstBlock(first));
    this.layers = places.map(
      (place, layer) => new MixedLayer(groups[layer]!.name, place, groups[layer]!.candidates[0]!),
    );
    this.feature_mix_layer = new ConvNorm(places.at(-1)!.width, head, 1);
    this.classifier = new Classifier(head, classes);
    this.#stem = new Part([this.normalize, this.first_conv, this.first_block], (x) =>
      stored(this.first_block.forward(this.first_conv.forward(this.normalize.forward(x)))),
    );
    this.#head = new Part([this.feature_mix_layer, this.classifier], (x) =>
      this.classifier.forward(globalAvgPool2d(this.feature_mix_layer.forward(x))),
    );
  }

  override *namedChildren(): Generator<[name: string, module: AnyModule]> {
    yield ['normalize', this.normalize];
    yield ['first_conv', this.first_conv];
    yield ['blocks.0', this.first_block];
    for (const [index, layer] of this.layers.entries()) {
      yield [`blocks.${index + 1}.mobile_inverted_conv`, layer];
    }
    yield ['feature_mix_layer', this.feature_mix_layer];
    yield ['classifier', this.classifier];
  }

  /** @throws ArgumentError when a group has no mixture, or none of its candidates is active; ShapeError when its weights are not [1, candidates] */
  override forward(x: Tensor, mixture: Mixture): Tensor {
    let y = this.#stem.forward(x);
    for (const layer of this.layers) {
      const own = mixture[layer.name];
      if (own === undefined) {
        throw new ArgumentError(
          `Expected a mixture of ${layer.name}, got ${Object.keys(mixture).join(', ')}.`,
        );
      }
      const { shape } = own.weights;
      if (shape.length !== 2 || shape[0] !== 1 || shape[1] !== layer.names.length) {
        throw new ShapeError(
          `Expected weights [1, ${layer.names.length}] of ${layer.name}, got [${shape.join(', ')}].`,
        );
      }
      y = layer.forward(y, own, this.skipDisturbance);
    }
    return this.#head.forward(y);
  }

  /**
   * All that architectures consist of: what they have in common, then every candidate of every layer.
   *
   * @param imageShape of one image, [H, W, C]
   */
  parts([height, width, channels]: readonly [
    height: number,
    width: number,
    channels: number,
  ]): NetworkPart[] {
    const halved = (size: readonly number[], stride: number): number[] =>
      size.map((extent) => Math.ceil(extent / stride));
    let size = halved([height, width], this.first_conv.conv.geometry.stride as number);
    const fixed = { group: null, candidate: null };
    const parts: NetworkPart[] = [{ ...fixed, module: this.#stem, inputShape: [height, width, channels] }];
    for (const { name, names, place, candidate_ops } of this.layers) {
      const inputShape = [...size, place.inChannels];
      for (const [index, candidate] of names.entries()) {
        parts.push({ group: name, candidate, module: candidate_ops[index]!, inputShape });
      }
      size = halved(size, place.stride);
    }
    const { inChannels } = this.feature_mix_layer.conv;
    return [...parts, { ...fixed, module: this.#head, inputShape: [...size, inChannels] }];
  }
}
