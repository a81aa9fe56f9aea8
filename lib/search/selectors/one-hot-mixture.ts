/** Mixtures in which some edges are decided, as selections look at them. */

import { tensor } from '../../ops/create.js';
import { add, mul } from '../../ops/elementwise.js';
import type { Choice, EdgeGroup, GroupMixture, Mixture } from '../supernet.js';

/** What is left of an edge: one candidate alone with weight 1, nothing, or the mixture with one candidate or none masked. */
export type EdgeView =
  | { readonly kind: 'decided'; readonly candidate: number }
  | { readonly kind: 'dropped' }
  | { readonly kind: 'mixed'; readonly masked: number | null };

/** A group's mixture with its edges as `views` say; candidates that do not count are not computed. */
export function viewedMixture(
  group: EdgeGroup,
  base: GroupMixture,
  views: readonly EdgeView[],
): GroupMixture {
  const [edges = 0, columns = 0] = base.weights.shape;
  const factors = new Float32Array(edges * columns);
  const addends = new Float32Array(edges * columns);
  const active = views.map((view, edge) => {
    if (view.kind === 'dropped') return [];
    if (view.kind === 'decided') {
      addends[edge * columns + view.candidate] = 1;
      return [view.candidate];
    }
    const places = base.active?.[edge] ?? Array.from({ length: columns }, (_, place) => place);
    const counted = places.filter((place) => place !== view.masked);
    for (const place of counted) factors[edge * columns + place] = 1;
    return counted;
  });
  const shape = [group.candidates.length, columns];
  const weights = add(mul(base.weights, tensor(factors, shape)), tensor(addends, shape));
  return { ...base, weights, active };
}

/** Only what a choice keeps, with weight 1. @param base a mixture of the same groups */
export function choiceMixture(groups: readonly EdgeGroup[], base: Mixture, choice: Choice): Mixture {
  return Object.fromEntries(
    groups.map((group) => [
      group.name,
      viewedMixture(group, base[group.name]!, viewsOf(group, choice[group.name]!)),
    ]),
  );
}

function viewsOf({ candidates }: EdgeGroup, kept: Choice[string]): EdgeView[] {
  return kept.map(
    ([name], edge): EdgeView =>
      name === undefined
        ? { kind: 'dropped' }
        : { kind: 'decided', candidate: candidates[edge]!.indexOf(name) },
  );
}
