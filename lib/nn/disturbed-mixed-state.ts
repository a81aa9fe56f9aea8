/** `mixedState` for candidates of a search network, of which some are disturbed, or noise. */

import { dropout } from '../ops/dropout.js';
import { add, affine } from '../ops/elementwise.js';
import { slice } from '../ops/layout.js';
import {
  type MixedCandidate,
  type MixedEdge,
  type MixedStateOptions,
  mixedState,
} from '../ops/mixed-state.js';
import { stepNormal } from '../ops/step-random.js';
import type { Tensor } from '../tensor.js';
import { type Candidate, NoiseCandidate } from './mixed-candidate.js';
import type { SkipDisturbance } from './mixture.js';

/** As `MixedEdge`, of modules. */
export interface CandidateEdge extends Omit<MixedEdge, 'candidates'> {
  readonly candidates: readonly Candidate[];
  /** How many of the first candidates may be disturbed: not the auxiliary skip connection. */
  readonly searched: number;
}

export interface DisturbedMixedStateOptions extends MixedStateOptions {
  /** Heeded in training only. */
  readonly disturbance: SkipDisturbance | null;
}

const identity: MixedCandidate = { kind: 'skip_connect' };

/**
 * All edges that leave one state: `mixedState`, but a disturbed skip connection gets an input of its own (dropout of an
 * identity's input is that of its output), and noise is added with its weight. What is apart costs one `mixedState` of one
 * candidate more, the rest of the edge its output as addend; without any there is the one call.
 */
export function disturbedMixedState(
  x: Tensor,
  edges: readonly CandidateEdge[],
  { disturbance, ...options }: DisturbedMixedStateOptions,
): Tensor[] {
  const heeded = options.training && disturbance !== null && disturbance.level > 0 ? disturbance : null;
  const isApart = (candidate: Candidate, place: number, searched: number): boolean =>
    candidate instanceof NoiseCandidate ||
    (heeded !== null &&
      place < searched &&
      candidate.kind === 'skip_connect' &&
      (heeded.kind === 'noise' || candidate.stride === 1));
  const apart = edges.map(({ candidates, active, searched }) =>
    [...(active ?? candidates.keys())].filter(
      (place) => place in candidates && isApart(candidates[place]!, place, searched),
    ),
  );
  const together = edges.map(({ candidates, searched, active, ...edge }, e): MixedEdge => {
    const rest =
      apart[e]!.length === 0
        ? active
        : [...(active ?? candidates.keys())].filter((place) => !apart[e]!.includes(place));
    return {
      ...edge,
      candidates: candidates.map(({ operands }) => operands),
      ...(rest === undefined ? {} : { active: rest }),
    };
  });
  return mixedState(x, together, options).map((output, e) => {
    const { candidates, weights } = edges[e]!;
    return apart[e]!.reduce((addend, place) => {
      const candidate = candidates[place]!;
      const edge = { weights: slice(weights, 0, place, 1), addend };
      const [input, alone] =
        candidate instanceof NoiseCandidate
          ? [candidate.forward(x), { ...edge, candidates: [identity] }]
          : [
              disturbed(x, heeded!, candidate),
              { ...edge, candidates: [candidate.operands], stride: candidate.stride },
            ];
      return mixedState(input, [alone], options)[0]!;
    }, output);
  });
}

function disturbed(x: Tensor, { kind, level, seed }: SkipDisturbance, candidate: Candidate): Tensor {
  const { site } = candidate.random;
  if (kind === 'dropout') return dropout(x, { rate: level, seed, site });
  return add(x, affine(stepNormal(x.shape, { seed, site, device: x.device }), level, 0));
}
