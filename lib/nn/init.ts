/** How weights begin. */

import { rand, randn, zeros } from '../ops/create.js';
import { assign } from '../ops/layout.js';
import { noGrad, scope } from '../scope.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { ParameterRandom } from './module.js';
import type { Parameter } from './parameter.js';

function fill(parameter: Parameter, draw: () => Tensor): void {
  noGrad(() => scope(() => assign(parameter, draw())));
}

/**
 * He et al., arXiv 1502.01852, for a ReLU after a convolution: normal, deviation sqrt(2 / (K R S)) for a filter
 * [K, R, S, C] (`kaiming_normal_(mode='fan_out')`, as torchvision's ResNets).
 */
export function kaimingNormalFanOut(filter: Parameter, random: ParameterRandom): void {
  const [k = 1, r = 1, s = 1] = filter.shape;
  fill(filter, () => randn(filter.shape, { ...random(filter), deviation: Math.sqrt(2 / (k * r * s)) }));
}

/** Uniform in +-1 / sqrt(fan in): PyTorch's default for weights and biases of linear layers. */
export function uniformFanIn(parameter: Parameter, fanIn: number, random: ParameterRandom): void {
  const bound = 1 / Math.sqrt(fanIn);
  fill(parameter, () => rand(parameter.shape, { ...random(parameter), low: -bound, high: bound }));
}

/** Normal around 0. */
export function normal(parameter: Parameter, deviation: number, random: ParameterRandom): void {
  fill(parameter, () => randn(parameter.shape, { ...random(parameter), deviation }));
}

/** All 0. */
export function zero(parameter: Parameter): void {
  fill(parameter, () => zeros(parameter.shape));
}

/** What one output of a weight [out, ...] is summed from. */
export function fanInOf(shape: Shape): number {
  return shape.slice(1).reduce((product, extent) => product * extent, 1);
}
