/** TRADES (Zhang et al., "Theoretically Principled Trade-off between Robustness and Accuracy", arXiv 1901.08573). */

import { z } from 'zod';

import { inEvaluationMode } from '../../attack/network-mode.js';
import { projectedAscent } from '../../attack/projected-ascent.js';
import type { Module } from '../../nn/module.js';
import { crossEntropy } from '../../ops/cross-entropy.js';
import { noGrad, scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import type { Objective } from '../objective.js';
import { checkedAscent, type NoisyAscentOptions, noisyAscentFields, noisyStart } from './noisy-ascent.js';

export const tradesSchema = z.strictObject({
  kind: z.literal('trades'),
  /** Weight of the robustness term. */
  beta: z.number().min(0).default(6),
  ...noisyAscentFields,
});

export interface TradesOptions extends NoisyAscentOptions {
  /** Weight of the robustness term, at least 0. Default 6, as for CIFAR-10. */
  readonly beta?: number;
}

/** Streams of successive steps are apart from those that initialise a model under the same seed. */
const FIRST_STREAM = 2 ** 32;

/**
 * CE(f(x), y) + beta * mean KL(p(x) || p(x')), with x' = argmax of that KL in the ball (equation 5; KL as in the
 * authors' code), climbed from x + 0.001 N(0, 1).
 *
 * The attack sees the network in evaluation mode; both terms of the loss are taken in training mode, on two forward
 * passes, each of which moves the running statistics, as in the authors' code. With beta 0 it is the plain cross-entropy.
 *
 * @throws ArgumentError when a setting is out of range
 */
export function tradesObjective(options: TradesOptions): Objective {
  const { beta = 6, seed } = options;
  const ascent = checkedAscent(options, beta);
  const findAdversarial = (model: Module, images: Tensor, step: number) =>
    inEvaluationMode(model, async () => {
      const clean = noGrad(() => scope(() => model.forward(images).logSoftmax()));
      return projectedAscent(model, {
        images,
        start: noisyStart(images, seed, FIRST_STREAM + step),
        loss: (logits) => klSum(clean, logits.logSoftmax()),
        ...ascent,
      });
    });

  return {
    name: 'trades',
    watchOverfitting: false,
    async evaluate(model, { images, labels }, { step }) {
      const adversarial = beta === 0 ? null : await findAdversarial(model, images, step);
      const logits = model.forward(images);
      const natural = crossEntropy(logits, labels);
      if (adversarial === null) return { loss: natural, logits };
      const divergence = klSum(logits.logSoftmax(), model.forward(adversarial).logSoftmax());
      return { loss: natural.add(divergence.mul(beta / labels.size)), logits };
    },
  };
}

/** sum over samples of KL(p || q), from log p and log q [N, classes]. */
function klSum(logP: Tensor, logQ: Tensor): Tensor {
  return logP.exp().mul(logP.sub(logQ)).sum();
}
