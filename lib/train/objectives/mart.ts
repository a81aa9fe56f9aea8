/** MART (Wang et al., "Improving Adversarial Robustness Requires Revisiting Misclassified Examples", ICLR 2020). */

import { z } from 'zod';

import { inEvaluationMode } from '../../attack/network-mode.js';
import { projectedAscent } from '../../attack/projected-ascent.js';
import { crossEntropy } from '../../ops/cross-entropy.js';
import { oneHot } from '../../ops/one-hot.js';
import { noGrad, scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import type { Objective } from '../objective.js';
import { checkedAscent, type NoisyAscentOptions, noisyAscentFields, noisyStart } from './noisy-ascent.js';

export const martSchema = z.strictObject({
  kind: z.literal('mart'),
  /** Weight of the misclassification-aware term. */
  beta: z.number().min(0).default(5),
  ...noisyAscentFields,
});

export interface MartOptions extends NoisyAscentOptions {
  /** Weight of the misclassification-aware term, at least 0. Default 5, as the paper for ResNet-18. */
  readonly beta?: number;
}

/** Streams of successive steps are apart from those that initialise a model under the same seed. */
const FIRST_STREAM = 2 ** 33;

/**
 * BCE(p(x'), y) + beta * mean KL(p(x) || p(x')) (1 - p_y(x)): see `martLoss`; x' climbs the cross-entropy in the ball from
 * x + 0.001 N(0, 1), as in the authors' code.
 *
 * The attack sees the network in evaluation mode; both passes of the loss are in training mode, and each moves the running
 * statistics, as in the authors' code.
 *
 * @throws ArgumentError when a setting is out of range
 */
export function martObjective(options: MartOptions): Objective {
  const { beta = 5, seed } = options;
  const ascent = checkedAscent(options, beta);
  return {
    name: 'mart',
    watchOverfitting: false,
    async evaluate(model, { images, labels }, { step }) {
      const adversarial = await inEvaluationMode(model, async () => {
        return projectedAscent(model, {
          images,
          start: noisyStart(images, seed, FIRST_STREAM + step),
          loss: (logits) => crossEntropy(logits, labels, { reduction: 'none' }).sum(),
          ...ascent,
        });
      });
      const logits = model.forward(images);
      return { loss: martLoss(logits, model.forward(adversarial), labels, beta), logits };
    },
  };
}

/**
 * The MART loss (equation 11) of logits [N, classes] on clean images and on adversarial ones, one element:
 *
 *     mean[ -log p'_y - log(1 - max_{k != y} p'_k) ] + beta * mean[ KL(p || p') (1 - p_y) ]
 *
 * with p and p' the softmax of `clean` and `adversarial`. The constants inside the logarithms are those of the authors' code.
 */
export function martLoss(clean: Tensor, adversarial: Tensor, labels: Tensor<'i32'>, beta: number): Tensor {
  const classes = clean.shape[1]!;
  const perturbed = adversarial.softmax();
  const right = noGrad(() => oneHot(labels, classes));
  // The wrong class that the network believes in most; which one it is has no gradient.
  const rival = noGrad(() => scope(() => oneHot(perturbed.sub(right.mul(2)).argMax(), classes)));
  const margin = perturbed
    .mul(rival)
    .sum([1])
    .affine(-1, 1.0001 + 1e-12)
    .log()
    .mean()
    .neg();
  const boosted = crossEntropy(adversarial, labels).add(margin);
  const natural = clean.softmax();
  const divergence = natural.mul(clean.logSoftmax().sub(perturbed.affine(1, 1e-12).log())).sum([1]);
  const doubt = natural.mul(right).sum([1]).affine(-1, 1.0000001);
  return boosted.add(divergence.mul(doubt).mean().mul(beta));
}
