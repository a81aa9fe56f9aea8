/** The convolution layer. */

import { ArgumentError } from '../errors.js';
import { type ConvGeometry, conv2d } from '../ops/conv2d.js';
import { zeros } from '../ops/create.js';
import type { Pair } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { fanInOf, kaimingNormalFanOut, uniformFanIn, zero } from './init.js';
import { observed } from './layer-observer.js';
import { Module, type ParameterRandom } from './module.js';
import { Parameter } from './parameter.js';

export interface Conv2dLayerOptions extends ConvGeometry {
  /**
   * Default true, as in PyTorch: uniform in +-1 / sqrt(fan in); `zero`: begins at 0, as in torchvision's VGG. Pass false
   * before a batch normalisation.
   */
  readonly bias?: boolean | 'zero';
  /**
   * What the filter is drawn from. Default `kaiming-normal`; `uniform`: uniform in +-1 / sqrt(fan in), PyTorch's own way, which
   * is that of networks that say nothing else.
   */
  readonly filter?: 'kaiming-normal' | 'uniform';
  /** Default 0. A model initialises its layers again by its own seed. */
  readonly seed?: number;
}

/**
 * 2-D convolution, [N, H, W, in] -> [N, P, Q, out].
 *
 * `weight` is [out, R, S, in / groups] (KRSC; PyTorch's is [out, in / groups, R, S]), drawn as torchvision does it for
 * ResNets: Kaiming normal, fan out, where nothing else is said.
 */
export class Conv2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly geometry: Required<ConvGeometry>;
  readonly #zeroBias: boolean;
  readonly #uniform: boolean;

  constructor(inChannels: number, outChannels: number, window: Pair, options: Conv2dLayerOptions = {}) {
    super();
    const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new ArgumentError(
        `Expected channels that ${groups} groups divide, got ${inChannels} in and ${outChannels} out.`,
      );
    }
    this.geometry = { stride, padding, dilation, groups };
    const [r, s] = typeof window === 'number' ? [window, window] : window;
    this.weight = new Parameter(zeros([outChannels, r, s, inChannels / groups]));
    this.bias = options.bias === false ? null : new Parameter(zeros([outChannels]));
    this.#zeroBias = options.bias === 'zero';
    this.#uniform = options.filter === 'uniform';
    this.initialize(options.seed ?? 0);
  }

  get inChannels(): number {
    return this.weight.shape[3]! * this.geometry.groups;
  }

  get outChannels(): number {
    return this.weight.shape[0]!;
  }

  protected override drawParameters(random: ParameterRandom): void {
    if (this.#uniform) uniformFanIn(this.weight, fanInOf(this.weight.shape), random);
    else kaimingNormalFanOut(this.weight, random);
    if (this.bias === null) return;
    if (this.#zeroBias) zero(this.bias);
    else uniformFanIn(this.bias, fanInOf(this.weight.shape), random);
  }

  override forward(x: Tensor): Tensor {
    return observed(this, conv2d(x, this.weight, { ...this.geometry, bias: this.bias }));
  }
}
