/** Mixtures in which some edges are decided, as selections look at them. */

import { tensor } from '../../ops/create.js';
import { add, mul } from '../../ops/elementwise.js';
import type { EdgeGroup, GroupMixture } from '../supernet.js';

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
