/** The fully connected layer. */

import { zeros } from '../ops/create.js';
import { linear } from '../ops/linear.js';
import type { Tensor } from '../tensor.js';
import { uniformFanIn } from './init.js';
import { observed } from './layer-observer.js';
import { Module, type ParameterRandom } from './module.js';
import { Parameter } from './parameter.js';

/** x W^T + b: [N, in] -> [N, out]. `weight` is [out, in], drawn as PyTorch does: uniform in +-1 / sqrt(in). */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(
    inFeatures: number,
    outFeatures: number,
    /** `bias` default true; `seed` default 0: a model initialises its layers again by its own seed. */
    options: { readonly bias?: boolean; readonly seed?: number } = {},
  ) {
    super();
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
    uniformFanIn(this.weight, this.inFeatures, random);
    if (this.bias !== null) uniformFanIn(this.bias, this.inFeatures, random);
  }

  override forward(x: Tensor): Tensor {
    return observed(this, linear(x, this.weight, this.bias));
  }
}
