/**
 * DOTS' search of operations (Gu et al., arXiv 2010.04969): candidates without weights compete among themselves, and those with weights
 * among themselves, each by a softmax of its own.
 */

import { add } from '../../ops/elementwise.js';
import type { Tensor } from '../../tensor.js';
import { isParameterFree } from '../diagnostics/parameter-free.js';
import { CandidatePart } from './candidate-masks.js';
import { byGroup, type Relaxation, type RelaxationContext } from './relaxation.js';

export function groupedSoftmaxRelaxation({ architecture }: RelaxationContext): Relaxation {
  const parts = new Map(
    architecture.groups.map(({ name, candidates }) => [
      name,
      [
        new CandidatePart(candidates, isParameterFree),
        new CandidatePart(candidates, (candidate) => !isParameterFree(candidate)),
      ] as const,
    ]),
  );
  const weights = (alphas: Tensor, name: string) => {
    const [free, weighted] = parts.get(name)!;
    return add(free.softmax(alphas), weighted.softmax(alphas));
  };
  return {
    sampled: false,
    mixture: () => byGroup(architecture, (alphas, name) => ({ weights: weights(alphas, name) })),
    strengths: () => byGroup(architecture, weights),
    [Symbol.dispose]: () => {
      for (const part of [...parts.values()].flat()) part[Symbol.dispose]();
    },
  };
}
