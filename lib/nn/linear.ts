/** The fully connected layer. */

import { ArgumentError } from '../errors.js';
import { zeros } from '../ops/create.js';
import { linear } from '../ops/linear.js';
import { sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { normal, uniformFanIn, zero } from './init.js';
import { observed } from './layer-observer.js';
import { Module, type ParameterRandom } from './module.js';
import { Parameter } from './parameter.js';

export interface LinearOptions {
  /** Default true. */
  readonly bias?: boolean;
  /**
   * The map [H, W, C] whose elements, flattened, are the inputs; default null. It changes nothing here. But in PyTorch the
   * same map is [C, H, W], so the columns of `weight` come in another order there: see `fromTorchState`.
   */
  readonly flattenedFrom?: readonly [height: number, width: number, channels: number] | null;
  /**
   * Draw weights from N(0, deviation^2) and let the bias begin at 0, as torchvision's VGG and MobileNetV2 do. Default null:
   * PyTorch's own way, both uniform in +-1 / sqrt(in).
   */
  readonly deviation?: number | null;
  /** Default 0. A model initialises its layers again by its own seed. */
  readonly seed?: number;
}

/** x W^T + b: [N, in] -> [N, out]. `weight` is [out, in]. */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly flattenedFrom: readonly [height: number, width: number, channels: number] | null;
  readonly #deviation: number | null;

  /** @throws ArgumentError when `flattenedFrom` has another number of elements than `inFeatures` */
  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    this.#deviation = options.deviation ?? null;
    this.flattenedFrom = options.flattenedFrom ?? null;
    if (this.flattenedFrom !== null && sizeOf(this.flattenedFrom) !== inFeatures) {
      throw new ArgumentError(
        `Expected ${inFeatures} inputs as elements of flattenedFrom, got [${this.flattenedFrom.join(', ')}].`,
      );
    }
    this.weight = new Parameter(zeros([outFeatures, inFeatures]));
    this.bias = options.bias === false ? null : new Parameter(zeros([outFeatures]));
    this.initialize(options.seed ?? 0);
  }

  get inFeatures(): number {
    return this.weight.shape[1]!;
  }

  get outFeatures(): number {
    return this.weight.shape[0]!;
  }

  protected override drawParameters(random: ParameterRandom): void {
    if (this.#deviation === null) {
      uniformFanIn(this.weight, this.inFeatures, random);
      if (this.bias !== null) uniformFanIn(this.bias, this.inFeatures, random);
    } else {
      normal(this.weight, this.#deviation, random);
      if (this.bias !== null) zero(this.bias);
    }
  }

  override forward(x: Tensor): Tensor {
    return observed(this, linear(x, this.weight, this.bias));
  }
}
