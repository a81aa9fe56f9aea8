/**
 * DARTS-PT (Wang et al., arXiv 2108.04392, algorithm 1; ruocwang/darts-pt, projection.py): what a candidate is worth is how much accuracy
 * the search network loses without it, not its alpha. In each round one undecided edge of each group, drawn at random, keeps the
 * candidate whose removal hurts most. When all edges have theirs, one node a round, drawn at random, drops edges one at a time, each
 * time the one whose removal hurts least. Between rounds the network is trained on.
 *
 * Choices of ours: `none` is not tried where the space forbids to keep it, and the alphas rest while the network is trained on, as in
 * the paper's "blank" variant; in the code they move then, although no decided edge reads them any more.
 */

import { z } from 'zod';

import { PhiloxSequence } from '../../data/philox.js';
import { noGrad, scope } from '../../scope.js';
import { DRAWING_PARTS } from '../pass.js';
import type { Choice, EdgeGroup, GroupMixture, Mixture } from '../supernet.js';
import { type EdgeView, viewedMixture } from './one-hot-mixture.js';
import type { SelectionContext, Selector } from './selector.js';

export interface PerturbationOptions {
  /** Epochs of training between two rounds. */
  readonly tuneEvery: number;
  /** The rate of that training begins with this share of the search's; one cosine over all rounds. */
  readonly tuneRate: number;
}

const stateSchema = z.strictObject({
  round: z.int().nonnegative(),
  /** By group, for each edge the place of the candidate that is decided, or null. */
  candidates: z.record(z.string(), z.array(z.int().nonnegative().nullable())),
  /** By group, for each node the edges that it keeps, or null. */
  edges: z.record(z.string(), z.array(z.array(z.int().nonnegative()).nullable())),
});

/** What is decided so far. Plain JSON. */
export type PerturbationState = z.infer<typeof stateSchema>;

export function perturbationSelector({ tuneEvery, tuneRate }: PerturbationOptions): Selector<unknown> {
  return {
    rounds,
    initial: null,
    async next(saved, context) {
      const state = saved === null ? begun(context.groups) : stateSchema.parse(saved);
      const decided = await decideRound(state, context);
      const total = rounds(context.groups);
      if (decided.round === total) return { choice: choiceOf(context.groups, decided) };
      if (tuneEvery > 0) {
        await context.tune(() => mixtureOf(context, decided), {
          epochs: tuneEvery,
          rate: tuneRate,
          before: (decided.round - 1) * tuneEvery,
          total: (total - 1) * tuneEvery + 1, // as in the code, where the last round is followed by one epoch more
        });
      }
      return { state: decided };
    },
  };
}

/** Nodes that more edges enter than an architecture keeps. */
function crowdedNodes({ nodes, edgesPerNode }: EdgeGroup): number[] {
  if (edgesPerNode === null) return [];
  return nodes.flatMap((edges, node) => (edges.length > edgesPerNode ? [node] : []));
}

function rounds(groups: readonly EdgeGroup[]): number {
  const most = (count: (group: EdgeGroup) => number) => Math.max(...groups.map(count));
  return most(({ candidates }) => candidates.length) + most((group) => crowdedNodes(group).length);
}

function begun(groups: readonly EdgeGroup[]): PerturbationState {
  const byName = <T>(make: (group: EdgeGroup) => T) =>
    Object.fromEntries(groups.map((group) => [group.name, make(group)]));
  return {
    round: 0,
    candidates: byName(({ candidates }) => candidates.map(() => null)),
    edges: byName(({ nodes, edgesPerNode }) =>
      nodes.map((edges) => (edgesPerNode === null || edges.length <= edgesPerNode ? [...edges] : null)),
    ),
  };
}

/** Group after group: what one has decided holds when the next is looked at. */
async function decideRound(state: PerturbationState, context: SelectionContext): Promise<PerturbationState> {
  const operationsLeft = Object.values(state.candidates).some((edges) => edges.includes(null));
  let now = state;
  for (const [index, group] of context.groups.entries()) {
    const random = new PhiloxSequence(
      context.seed,
      DRAWING_PARTS.selector * 2 ** 40 + state.round * context.groups.length + index,
    );
    now = operationsLeft
      ? await decideCandidate(now, group, context, random)
      : await decideEdges(now, group, context, random);
  }
  return { ...now, round: state.round + 1 };
}

async function decideCandidate(
  state: PerturbationState,
  group: EdgeGroup,
  context: SelectionContext,
  random: PhiloxSequence,
): Promise<PerturbationState> {
  const own = state.candidates[group.name]!;
  const edge = drawn(
    own.flatMap((candidate, e) => (candidate === null ? [e] : [])),
    random,
  );
  if (edge === undefined) return state;
  let best = { place: 0, accuracy: Number.POSITIVE_INFINITY };
  for (const [place, name] of group.candidates[edge]!.entries()) {
    if (name === 'none' && !group.noneAllowed) continue;
    const accuracy = await accuracyOf(context, state, group, edge, { kind: 'mixed', masked: place });
    if (accuracy < best.accuracy) best = { place, accuracy };
  }
  return {
    ...state,
    candidates: { ...state.candidates, [group.name]: own.with(edge, best.place) },
  };
}

async function decideEdges(
  state: PerturbationState,
  group: EdgeGroup,
  context: SelectionContext,
  random: PhiloxSequence,
): Promise<PerturbationState> {
  const own = state.edges[group.name]!;
  const node = drawn(
    own.flatMap((kept, n) => (kept === null ? [n] : [])),
    random,
  );
  if (node === undefined) return state;
  let kept = [...group.nodes[node]!];
  // As in the code, edges that have been found dispensable count again when the next one is looked for.
  while (kept.length > group.edgesPerNode!) {
    let worst = { edge: kept[0]!, accuracy: Number.NEGATIVE_INFINITY };
    for (const edge of kept) {
      const accuracy = await accuracyOf(context, state, group, edge, { kind: 'dropped' });
      if (accuracy >= worst.accuracy) worst = { edge, accuracy };
    }
    kept = kept.filter((edge) => edge !== worst.edge);
  }
  return { ...state, edges: { ...state.edges, [group.name]: own.with(node, kept) } };
}

function drawn(items: readonly number[], random: PhiloxSequence): number | undefined {
  return items.length === 0 ? undefined : items[random.below(items.length)];
}

/** With one edge of a group as `view` says, and all others as they are decided. */
async function accuracyOf(
  context: SelectionContext,
  state: PerturbationState,
  group: EdgeGroup,
  edge: number,
  view: EdgeView,
): Promise<number> {
  return scope(() => context.accuracy(mixtureOf(context, state, { group, edge, view })));
}

function mixtureOf(
  context: SelectionContext,
  state: PerturbationState,
  looked?: { readonly group: EdgeGroup; readonly edge: number; readonly view: EdgeView },
): Mixture {
  return noGrad(() => {
    const base = context.mixture();
    return Object.fromEntries(
      context.groups.map((group): [string, GroupMixture] => {
        const views = group.candidates.map((_, edge): EdgeView => {
          if (looked?.group.name === group.name && looked.edge === edge) return looked.view;
          return viewOf(state, group, edge);
        });
        return [group.name, viewedMixture(group, base[group.name]!, views)];
      }),
    );
  });
}

function viewOf(state: PerturbationState, { name, nodes }: EdgeGroup, edge: number): EdgeView {
  const kept = state.edges[name]![nodes.findIndex((edges) => edges.includes(edge))];
  if (kept && !kept.includes(edge)) return { kind: 'dropped' };
  const candidate = state.candidates[name]![edge]!;
  return candidate === null ? { kind: 'mixed', masked: null } : { kind: 'decided', candidate };
}

function choiceOf(groups: readonly EdgeGroup[], { candidates, edges }: PerturbationState): Choice {
  return Object.fromEntries(
    groups.map((group) => {
      const kept = new Set(edges[group.name]!.flatMap((own) => own ?? []));
      const choice = group.candidates.map((names, edge) =>
        kept.has(edge) ? [names[candidates[group.name]![edge]!]!] : [],
      );
      return [group.name, choice];
    }),
  );
}
