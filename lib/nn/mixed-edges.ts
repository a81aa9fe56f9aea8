/** Edges of search networks: `mixedState` for candidates that are modules, some of them disturbed, or noise. */

import { dropout } from '../ops/dropout.js';
import { add, mul } from '../ops/elementwise.js';
import { slice } from '../ops/layout.js';
import {
  type MixedCandidate,
  type MixedEdge,
  type MixedStateOptions,
  mixedState,
} from '../ops/mixed-state.js';
import { throughPart } from '../ops/partial-mixed-state.js';
import { stepNormal } from '../ops/step-random.js';
import type { Tensor } from '../tensor.js';
import { type Candidate, NoiseCandidate } from './mixed-candidate.js';
import type { EdgeMixture, SkipDisturbance } from './mixture.js';

/** As `MixedEdge`, of modules. */
export interface CandidateEdge extends EdgeMixture, Pick<MixedEdge, 'stride' | 'addend'> {
  readonly candidates: readonly Candidate[];
  /** How many of the first candidates may be disturbed: not the auxiliary skip connection. */
  readonly searched: number;
}

export interface MixedEdgesOptions extends MixedStateOptions {
  /** Only the first 1 / portion of the channels goes through the candidates; see `partialMixedState`. */
  readonly portion: number;
  /** Heeded in training only. */
  readonly disturbance: SkipDisturbance | null;
}

const identity: MixedCandidate = { kind: 'skip_connect' };

/**
 * All edges that leave one state x [N, H, W, C]: factor * (the mixture of candidates, with what bypasses them) + addend.
 *
 * @throws as `mixedState` and `partialMixedState`
 */
export function mixedEdges(
  x: Tensor,
  edges: readonly CandidateEdge[],
  { portion, ...options }: MixedEdgesOptions,
): Tensor[] {
  if (portion === 1 && edges.every(({ factor }) => factor === undefined)) return mixed(x, edges, options);
  const bare = edges.map(({ addend: _, factor: __, ...edge }) => edge);
  const strides = edges.map(({ stride }) => stride ?? 1);
  const outputs = throughPart(x, { portion, strides }, (part) => mixed(part, bare, options));
  return outputs.map((output, e) => {
    const { factor, addend } = edges[e]!;
    const scaled = factor === undefined ? output : mul(output, factor);
    return addend === undefined ? scaled : add(addend, scaled);
  });
}

/**
 * `mixedState`, but a disturbed skip connection gets an input of its own, and noise is added with its weight. What is apart
 * costs one `mixedState` of one candidate more, the rest of the edge its addend; without any there is the one call.
 */
function mixed(
  x: Tensor,
  edges: readonly CandidateEdge[],
  { disturbance, ...options }: Omit<MixedEdgesOptions, 'portion'>,
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
              disturbed(x, heeded!, candidate.random.site),
              { ...edge, candidates: [candidate.operands], stride: candidate.stride },
            ];
      return mixedState(input, [alone], options)[0]!;
    }, output);
  });
}

function isDisturbed(candidate: Candidate | undefined, { kind }: SkipDisturbance): boolean {
  return candidate?.kind === 'skip_connect' && (kind === 'noise' || candidate.stride === 1);
}

/**
 * What a skip connection gets for x while it is disturbed; of an identity also what it gives. New in each step of
 * `device().stepBlock`.
 *
 * @param site tells skip connections apart
 */
export function disturbed(x: Tensor, { kind, level, seed }: SkipDisturbance, site: number): Tensor {
  if (level === 0) return x;
  if (kind === 'dropout') return dropout(x, { rate: level, seed, site });
  return add(x, stepNormal(x.shape, { seed, site, deviation: level, device: x.device }));
}
