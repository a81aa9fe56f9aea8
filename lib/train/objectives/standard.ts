/** Plain cross-entropy. */

import { z } from 'zod';

import { WithAuxiliaryHead } from '../../nn/auxiliary-head.js';
import { crossEntropy } from '../../ops/cross-entropy.js';
import type { Objective } from '../objective.js';

export const standardSchema = z.strictObject({
  kind: z.literal('standard'),
  /** Label smoothing s: the target is (1 - s) one-hot + s / classes. */
  smoothing: z.number().min(0).lt(1).default(0),
});

export interface StandardOptions {
  /** Label smoothing, in [0, 1). Default 0. */
  readonly smoothing?: number;
  /** Weight of an auxiliary head's loss, where the network has one (`WithAuxiliaryHead`). Default 0.4, as DARTS. */
  readonly auxiliaryWeight?: number;
}

/**
 * Mean cross-entropy of the images as they are, plus the weighted one of an auxiliary head (DARTS, arXiv 1806.09055,
 * section 4.1.2: weight 0.4).
 */
export function standardObjective({ smoothing = 0, auxiliaryWeight = 0.4 }: StandardOptions = {}): Objective {
  return {
    name: 'standard',
    watchOverfitting: false,
    async evaluate(model, { images, labels }) {
      if (!(model instanceof WithAuxiliaryHead)) {
        const logits = model.forward(images);
        return { loss: crossEntropy(logits, labels, { smoothing }), logits };
      }
      const [logits, auxiliary] = model.forwardWithAuxiliary(images);
      const loss = crossEntropy(logits, labels, { smoothing });
      if (auxiliary === null) return { loss, logits };
      return { loss: loss.add(crossEntropy(auxiliary, labels, { smoothing }).mul(auxiliaryWeight)), logits };
    },
  };
}
