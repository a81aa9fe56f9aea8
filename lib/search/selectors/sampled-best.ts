/**
 * SETN (Dong and Yang, arXiv 1910.05733; AutoDL-Projects, search-setn): of the likeliest architectures the one that classifies a batch
 * best with the search network's weights. In the code each is scored on another batch; here all are on the same, so that their
 * scores compare.
 */

import { noGrad, scope } from '../../scope.js';
import type { Choice } from '../supernet.js';
import { likeliestChoices } from './likeliest.js';
import { choiceMixture } from './one-hot-mixture.js';
import type { Selector } from './selector.js';

export interface SampledBestOptions {
  /** Architectures that are scored. */
  readonly count: number;
  /** Images that each is scored on. */
  readonly images: number;
}

export function sampledBestSelector({ count, images }: SampledBestOptions): Selector<unknown> {
  return {
    rounds: () => 1,
    initial: null,
    async next(_, context) {
      let best: { choice: Choice; accuracy: number } | undefined;
      for (const { choice } of likeliestChoices(context.groups, context.strengths, count)) {
        const accuracy = await scope(() =>
          context.accuracy(
            noGrad(() => choiceMixture(context.groups, context.mixture(), choice)),
            { images },
          ),
        );
        if (best === undefined || accuracy > best.accuracy) best = { choice, accuracy };
      }
      return { choice: best!.choice };
    },
  };
}
