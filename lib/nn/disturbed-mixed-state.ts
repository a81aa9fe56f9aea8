/** `mixedState` for candidates of a search network, of which some are disturbed, or noise. */

import { dropout } from '../ops/dropout.js';
import { add } from '../ops/elementwise.js';
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
  const split = edges.map(({ candidates, searched, active, ...edge }) => {
    const places = [...(active ?? candidates.keys())];
    const isApart = (place: number): boolean =>
      candidates[place] instanceof NoiseCandidate ||
      (heeded !== null && place < searched && isDisturbed(candidates[place], heeded));
    const together: MixedEdge = {
      ...edge,
      candidates: candidates.map(({ operands }) => operands),
      active: places.filter((place) => !isApart(place)),
    };
    return { together, apart: places.filter(isApart) };
  });
  const outputs = mixedState(
    x,
    split.map(({ together }) => together),
    options,
  );
  return outputs.map((output, e) => {
    const { candidates, weights } = edges[e]!;
    return split[e]!.apart.reduce((addend, place) => {
      const candidate = candidates[place]!;
      const edge = { weights: slice(weights, 0, place, 1), addend };
      const [input, alone]: [Tensor, MixedEdge] =
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

function isDisturbed(candidate: Candidate | undefined, { kind }: SkipDisturbance): boolean {
  return candidate?.kind === 'skip_connect' && (kind === 'noise' || candidate.stride === 1);
}

function disturbed(x: Tensor, { kind, level, seed }: SkipDisturbance, candidate: Candidate): Tensor {
  const { site } = candidate.random;
  if (kind === 'dropout') return dropout(x, { rate: level, seed, site });
  return add(x, stepNormal(x.shape, { seed, site, deviation: level, device: x.device }));
}
