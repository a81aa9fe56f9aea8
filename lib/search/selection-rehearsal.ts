/** A selection with nothing computed: what it will cost, and an architecture of its kind. */

import type { TrainingData } from '../train/data-recipe.js';
import { silentProgress } from '../train/progress-sink.js';
import type { Recipe } from '../train/recipe.js';
import type { SearchPhase } from './phase.js';
import type { Selector } from './selectors/selector.js';
import type { Choice } from './supernet.js';

/** What a selection works through. */
export interface SelectionWork {
  /** Images that mixtures are measured on, all measurements together. */
  readonly measured: number;
  /** Epochs in which the weights are trained on. */
  readonly tuned: number;
  /** Architectures that are trained for themselves. */
  readonly alone: readonly { readonly choice: Choice; readonly recipe: Recipe }[];
  readonly choice: Choice;
}

/** Goes through all rounds of a selector; every accuracy that it asks for is one half. */
export async function rehearseSelection(
  selector: Selector,
  phase: SearchPhase,
  data: TrainingData,
  { images, seed }: { readonly images: number; readonly seed: number },
): Promise<SelectionWork> {
  let [measured, tuned] = [0, 0];
  const alone: { choice: Choice; recipe: Recipe }[] = [];
  const context = {
    groups: phase.groups,
    strengths: await phase.mixer.strengths(),
    supernet: phase.supernet,
    mixture: () => phase.settledMixture(),
    accuracy: async (_: unknown, { images: asked = images } = {}) => {
      measured += asked;
      return 0.5;
    },
    tune: async (_: unknown, { epochs }: { readonly epochs: number }) => {
      tuned += epochs;
    },
    trainAlone: async (choice: Choice, recipe: Recipe) => {
      alone.push({ choice, recipe });
      return 0.5;
    },
    images: data.dataset.train,
    seed,
    progress: silentProgress,
  };
  for (let state = selector.initial; ; ) {
    const outcome = await selector.next(state, context);
    if ('choice' in outcome) return { measured, tuned, alone, choice: outcome.choice };
    state = outcome.state;
  }
}
