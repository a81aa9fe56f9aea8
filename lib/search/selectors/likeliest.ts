/** The likeliest architectures of a distribution whose edges are independent, without listing all of them. */

import type { Strengths } from '../mixer.js';
import type { Choice, EdgeGroup } from '../supernet.js';
import { rankedCandidates } from './strongest.js';

/** An architecture, or a part of one. */
export interface LikelyChoice {
  readonly choice: Choice;
  /** The sum of the logarithms of the strengths of what is kept. */
  readonly logProbability: number;
}

/** What one node keeps. */
interface NodeOption {
  readonly kept: readonly (readonly [edge: number, name: string])[];
  readonly logProbability: number;
}

/**
 * The `count` architectures with the highest sum of log strengths, the likeliest first. Nodes are independent: an option of one is a
 * set of its edges, as many as it keeps, with a candidate each. Lists of options are joined one by one, and of each joined list only
 * the best `count` go on, which is exact: what is behind them in a part is behind them in the whole.
 *
 * @param count at least 1; fewer come where there are fewer architectures
 */
export function likeliestChoices(
  groups: readonly EdgeGroup[],
  strengths: Strengths,
  count: number,
): LikelyChoice[] {
  let best: LikelyChoice[] = [
    {
      choice: Object.fromEntries(groups.map(({ name, candidates }) => [name, candidates.map(() => [])])),
      logProbability: 0,
    },
  ];
  for (const group of groups) {
    for (const options of optionsOfNodes(group, strengths, count)) {
      best = bestJoined(best, options, count, (part, { kept }) => ({
        ...part,
        [group.name]: part[group.name]!.map((own, e) => {
          const name = kept.find(([edge]) => edge === e)?.[1];
          return name === undefined ? own : [name];
        }),
      }));
    }
  }
  return best;
}

/** For each independent part of a group its options, the likeliest first. */
function optionsOfNodes(group: EdgeGroup, strengths: Strengths, count: number): NodeOption[][] {
  const byEdge = group.candidates.map((_, edge): NodeOption[] =>
    rankedCandidates(group, strengths[group.name]!, edge).map(({ name, strength }) => ({
      kept: [[edge, name]],
      logProbability: Math.log(strength),
    })),
  );
  const { edgesPerNode } = group;
  if (edgesPerNode === null) return byEdge;
  const nothing: NodeOption[] = [{ kept: [], logProbability: 0 }];
  return group.nodes.map((edges) =>
    subsets(edges, Math.min(edgesPerNode, edges.length))
      .flatMap((chosen) =>
        chosen.reduce<NodeOption[]>((options, edge) => joinedOptions(options, byEdge[edge]!, count), nothing),
      )
      .toSorted(likelierFirst),
  );
}

function joinedOptions(a: readonly NodeOption[], b: readonly NodeOption[], count: number): NodeOption[] {
  return productOfBest(a, b, count).map(([first, second]) => ({
    kept: [...first.kept, ...second.kept],
    logProbability: first.logProbability + second.logProbability,
  }));
}

function bestJoined(
  parts: readonly LikelyChoice[],
  options: readonly NodeOption[],
  count: number,
  join: (choice: Choice, option: NodeOption) => Choice,
): LikelyChoice[] {
  return productOfBest(parts, options, count).map(([part, option]) => ({
    choice: join(part.choice, option),
    logProbability: part.logProbability + option.logProbability,
  }));
}

/** The best `count` pairs of two lists that are in order. Pair (i, j) has (i + 1)(j + 1) - 1 pairs that are at least as good. */
function productOfBest<A extends { logProbability: number }, B extends { logProbability: number }>(
  a: readonly A[],
  b: readonly B[],
  count: number,
): [A, B][] {
  return a
    .flatMap((first, i) =>
      b.slice(0, Math.floor(count / (i + 1))).map((second) => ({
        pair: [first, second] as [A, B],
        logProbability: first.logProbability + second.logProbability,
      })),
    )
    .toSorted(likelierFirst)
    .slice(0, count)
    .map(({ pair }) => pair);
}

function likelierFirst(
  a: { readonly logProbability: number },
  b: { readonly logProbability: number },
): number {
  return a.logProbability === b.logProbability ? 0 : b.logProbability - a.logProbability;
}

function subsets(items: readonly number[], size: number): number[][] {
  if (size === 0) return [[]];
  return items.flatMap((item, place) =>
    subsets(items.slice(place + 1), size - 1).map((rest) => [item, ...rest]),
  );
}
