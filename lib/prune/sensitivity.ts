/**
 * Module Robustness Sensitivity (MRS): how much the adversarial loss can grow when one module's weights move a little.
 *
 * The name and the role are those of Bai et al., arXiv 2410.15176; its formula could not be read, so the definition is
 * our reconstruction on Module Robust Criticality of RiFT (arXiv 2308.02533, equation 3 and its relaxation):
 *
 *     MRS_i(eps) = max over ||D|| <= eps ||theta_i|| of R(theta_i + D) - R(theta_i)
 *
 * with R the mean cross-entropy over adversarial images that are made once, at the original weights, and then kept.
 */

import type { LabelledImages } from '../attack/attack.js';
import { inEvaluationMode } from '../attack/network-mode.js';
import { ArgumentError, NonFiniteError } from '../errors.js';
import { Conv2d } from '../nn/conv2d.js';
import { Linear } from '../nn/linear.js';
import type { Module } from '../nn/module.js';
import type { Parameter } from '../nn/parameter.js';
import { grad } from '../ops/autograd.js';
import { crossEntropy } from '../ops/cross-entropy.js';
import { assign } from '../ops/layout.js';
import { norm2 } from '../ops/optimizer.js';
import { noGrad, scope } from '../scope.js';
import type { StopSignal } from '../signals.js';
import type { Tensor } from '../tensor.js';

export interface SensitivityOptions {
  /** Radii of the weight ball relative to the norm of the weights, rising, at least 0. Default 0.02, 0.05, 0.1. */
  readonly epsilons?: readonly number[];
  /** Ascent steps at each radius, each over the whole set. Default 2. */
  readonly stepsPerEpsilon?: number;
  /** Learning rate of the ascent. Default 1, as RiFT. */
  readonly rate?: number;
  readonly signal?: StopSignal;
  /** Called after each module with its result. */
  readonly onModule?: (module: ModuleSensitivity) => void;
}

/** The sensitivity of one module. */
export interface ModuleSensitivity {
  /** Module name, such as `layer1.0.conv1`. */
  readonly name: string;
  /** MRS at the largest radius: the growth of the mean cross-entropy, in nats, at least 0. */
  readonly sensitivity: number;
  /** MRS at each radius: never falls. */
  readonly curve: readonly { readonly epsilon: number; readonly increase: number }[];
}

/** The images an adversarial loss is measured on; `index` is not needed. */
export type AdversarialSet = readonly Pick<LabelledImages, 'images' | 'labels'>[];

const DEFAULT_EPSILONS = [0.02, 0.05, 0.1];

/**
 * MRS of every convolution and linear weight (biases and batch normalisations are left out, as in RiFT).
 *
 * Each module's weights climb by full-batch gradient ascent (SGD, no momentum), projected onto the ball after each
 * step, with all other modules frozen and batch normalisation by running statistics. The radii rise and each begins
 * where the last one ended, and the largest loss met so far is kept: so MRS is monotone in the radius by construction.
 * Full batches and the warm start are our choice; RiFT uses minibatches and one radius. All weights are as before
 * afterwards, to the bit, also when this throws.
 *
 * Costs 1 + radii * steps forward and backward passes over the set for each module.
 *
 * @param adversarial images f32 [N, H, W, C] and labels i32 [N]; make them from training images
 * @throws ArgumentError when the set is empty or the radii do not rise
 * @throws NonFiniteError when the loss becomes NaN or infinite: lower `rate`
 * @throws the reason of `signal`, once it is aborted
 */
export async function moduleSensitivities(
  model: Module,
  adversarial: AdversarialSet,
  options: SensitivityOptions = {},
): Promise<ModuleSensitivity[]> {
  const { epsilons = DEFAULT_EPSILONS, stepsPerEpsilon = 2, rate = 1, signal, onModule } = options;
  checkOptions(adversarial, epsilons, stepsPerEpsilon, rate);
  const measure = async () => {
    const results: ModuleSensitivity[] = [];
    for (const [name, weight] of sensitiveWeights(model)) {
      signal?.throwIfAborted();
      weight.requiresGrad = true;
      try {
        const curve = await climb(model, name, weight, adversarial, { epsilons, stepsPerEpsilon, rate });
        const result = { name, sensitivity: curve.at(-1)!.increase, curve };
        results.push(result);
        onModule?.(result);
      } finally {
        weight.requiresGrad = false;
      }
    }
    return results;
  };
  return inEvaluationMode(model, () => withoutGradients(model, measure));
}

async function climb(
  model: Module,
  name: string,
  weight: Parameter,
  adversarial: AdversarialSet,
  {
    epsilons,
    stepsPerEpsilon,
    rate,
  }: Required<Pick<SensitivityOptions, 'epsilons' | 'stepsPerEpsilon' | 'rate'>>,
): Promise<{ epsilon: number; increase: number }[]> {
  return scope(async () => {
    const original = noGrad(() => weight.clone());
    const norm = await scope(() => norm2([original]).item());
    try {
      let { loss, gradient } = await lossAndGradient(model, name, weight, adversarial);
      const base = loss;
      let increase = 0;
      const curve: { epsilon: number; increase: number }[] = [];
      for (const epsilon of epsilons) {
        for (let step = 0; step < stepsPerEpsilon; step++) {
          moveInBall(weight, original, gradient, rate, epsilon * norm);
          gradient.dispose();
          ({ loss, gradient } = await lossAndGradient(model, name, weight, adversarial));
          increase = Math.max(increase, loss - base);
        }
        curve.push({ epsilon, increase });
      }
      return curve;
    } finally {
      noGrad(() => assign(weight, original));
    }
  });
}

/** weight <- original + P(weight + rate * gradient - original), P scaling down to the radius in the 2-norm. */
function moveInBall(
  weight: Parameter,
  original: Tensor,
  gradient: Tensor,
  rate: number,
  radius: number,
): void {
  noGrad(() =>
    scope(() => {
      const moved = weight.sub(original).add(gradient.mul(rate));
      const scale = norm2([moved]).add(1e-12).reciprocal().mul(radius).minimum(1);
      assign(weight, original.add(moved.mul(scale)));
    }),
  );
}

/** The mean cross-entropy over the whole set, and its gradient by the weight. */
async function lossAndGradient(
  model: Module,
  name: string,
  weight: Parameter,
  adversarial: AdversarialSet,
): Promise<{ loss: number; gradient: Tensor }> {
  const count = adversarial.reduce((sum, { labels }) => sum + labels.size, 0);
  return scope(async () => {
    const losses: Promise<number>[] = [];
    let gradient: Tensor | undefined;
    for (const { images, labels } of adversarial) {
      const part = scope(() => {
        const sum = crossEntropy(model.forward(images), labels, { reduction: 'none' }).sum();
        losses.push(sum.item());
        const [ofBatch] = grad(sum.mul(1 / count), [weight]);
        return gradient === undefined ? ofBatch : gradient.add(ofBatch);
      });
      gradient = part;
    }
    const sums = await Promise.all(losses);
    const loss = sums.reduce((total, sum) => total + sum, 0) / count;
    if (!Number.isFinite(loss)) {
      throw new NonFiniteError(
        `Expected a finite adversarial loss while the weights of ${name} climb, got ${loss}; lower the rate of the ascent.`,
      );
    }
    return { loss, gradient: gradient! };
  });
}

/** The weights whose sensitivity is measured, by module name: of every convolution and linear layer. */
export function* sensitiveWeights(model: Module): Generator<[name: string, weight: Parameter]> {
  for (const [name, module] of model.namedModules()) {
    if (module instanceof Conv2d || module instanceof Linear) yield [name, module.weight];
  }
}

/** Runs `fn` with no parameter asking for a gradient, and puts back what asked for one. */
async function withoutGradients<T>(model: Module, fn: () => Promise<T>): Promise<T> {
  const needs = [...model.parameters()].map((parameter) => [parameter, parameter.requiresGrad] as const);
  for (const [parameter] of needs) parameter.requiresGrad = false;
  try {
    return await fn();
  } finally {
    for (const [parameter, requiresGrad] of needs) parameter.requiresGrad = requiresGrad;
  }
}

function checkOptions(
  adversarial: AdversarialSet,
  epsilons: readonly number[],
  stepsPerEpsilon: number,
  rate: number,
): void {
  const rising = epsilons.every((epsilon, i) => epsilon >= 0 && (i === 0 || epsilon > epsilons[i - 1]!));
  if (epsilons.length === 0 || !rising) {
    throw new ArgumentError(`Expected rising radii of at least 0, got [${epsilons.join(', ')}].`);
  }
  if (!Number.isSafeInteger(stepsPerEpsilon) || stepsPerEpsilon < 1 || !(rate > 0)) {
    throw new ArgumentError(
      `Expected at least one ascent step a radius and a rate above 0, got ${stepsPerEpsilon} and ${rate}.`,
    );
  }
  if (adversarial.length === 0)
    throw new ArgumentError('Expected adversarial images to measure on, got none.');
}
