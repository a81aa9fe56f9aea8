/**
 * Random search, the rival of every method (Li and Talwalkar, arXiv 1902.07638): architectures drawn at random are trained, each for
 * itself and shortly, and the one that validates best is chosen. A search network plays no part, so the search itself has no epochs.
 *
 * Draws are with replacement: of a space of 15,625 cells twenty agree in two with a chance of 1.2 %.
 */

import { z } from 'zod';

import { PhiloxSequence } from '../../data/philox.js';
import { type Recipe, recipeSchema } from '../../train/recipe.js';
import { DRAWING_PARTS } from '../pass.js';
import type { Choice, EdgeGroup } from '../supernet.js';
import type { Selector } from './selector.js';

export const randomSearchSchema = z.strictObject({
  kind: z.literal('random-search'),
  /** Architectures that are trained. */
  count: z.int().min(1).default(10),
  /** How each is trained, on the images of the weights. */
  train: recipeSchema,
});

const stateSchema = z.strictObject({
  /** Of the architectures so far, in the order of their draws. */
  accuracies: z.array(z.number().min(0).max(1)).min(1),
});

export function randomSearchSelector({
  count,
  train,
}: {
  readonly count: number;
  readonly train: Recipe;
}): Selector<unknown> {
  return {
    rounds: () => count,
    initial: null,
    async next(saved, { groups, seed, trainAlone }) {
      const before = saved === null ? [] : stateSchema.parse(saved).accuracies;
      const accuracy = await trainAlone(randomChoice(groups, seed, before.length), train);
      const accuracies = [...before, accuracy];
      if (accuracies.length < count) return { state: { accuracies } };
      return { choice: randomChoice(groups, seed, accuracies.indexOf(Math.max(...accuracies))) };
    },
  };
}

/** An architecture: of each node its edges, of each edge a candidate that may be kept, all equally likely. */
export function randomChoice(groups: readonly EdgeGroup[], seed: number, number: number): Choice {
  const random = new PhiloxSequence(seed, DRAWING_PARTS.randomSearch * 2 ** 40 + number);
  return Object.fromEntries(
    groups.map(({ name, candidates, nodes, edgesPerNode, noneAllowed }) => {
      const kept = new Set(nodes.flatMap((edges) => drawn(edges, edgesPerNode ?? edges.length, random)));
      const choice = candidates.map((names, edge) => {
        const allowed = noneAllowed ? names : names.filter((candidate) => candidate !== 'none');
        return kept.has(edge) ? [allowed[random.below(allowed.length)]!] : [];
      });
      return [name, choice];
    }),
  );
}

/** So many of the items, without replacement. */
function drawn<T>(items: readonly T[], count: number, random: PhiloxSequence): T[] {
  const left = [...items];
  return Array.from({ length: Math.min(count, items.length) }, () => {
    const [item] = left.splice(random.below(left.length), 1);
    return item!;
  });
}
