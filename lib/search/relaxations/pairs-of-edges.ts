/** Pairs of the edges into a node, in the order in which DOTS numbers them. */

/** (0, 1), (0, 2), …, (1, 2), … of the edges given. */
export function pairsOfEdges(edges: readonly number[]): [first: number, second: number][] {
  return edges.flatMap((first, place) =>
    edges.slice(place + 1).map((second): [number, number] => [first, second]),
  );
}
