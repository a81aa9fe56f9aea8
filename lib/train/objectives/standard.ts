/** Plain cross-entropy. */

import { z } from 'zod';

import { crossEntropy } from '../../ops/cross-entropy.js';
import type { Objective } from '../objective.js';

export const standardSchema = z.strictObject({
  kind: z.literal('standard'),
  /** Label smoothing s: the target is (1 - s) one-hot + s / classes. */
  smoothing: z.number().min(0).lt(1).default(0),
});

/** Mean cross-entropy of the images as they are, with label smoothing in [0, 1). */
export function standardObjective({ smoothing = 0 }: { readonly smoothing?: number } = {}): Objective {
  return {
    name: 'standard',
    watchOverfitting: false,
    async evaluate(model, { images, labels }) {
      const logits = model.forward(images);
      return { loss: crossEntropy(logits, labels, { smoothing }), logits };
    },
  };
}
