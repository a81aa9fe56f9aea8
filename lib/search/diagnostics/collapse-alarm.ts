/** Tells when a search collapses into skip connections and other operations without weights. */

import { ArgumentError } from '../../errors.js';
import type { Choice, EdgeGroup } from '../supernet.js';
import { isParameterFree, isSkip } from './parameter-free.js';

export type CollapseLevel = 'none' | 'warn' | 'collapsed';

export interface CollapseFinding {
  readonly level: CollapseLevel;
  /** For a person: what was found and why it matters. */
  readonly sentence: string;
  /** Skips among the edges that the watched cells keep, in [0, 1]. */
  readonly skipShare: number;
}

/** Shares are of the edges that an architecture keeps in the cells that are watched; both limits are inclusive. */
export interface CollapseThresholds {
  /** Skips from which the search has collapsed. Default 5/8: five of the eight edges of a normal cell of DARTS. */
  readonly collapsedShare: number;
  /** Skips from which it warns. Default 4/8: one more than the normal cell of DARTS_V1 has. */
  readonly warnShare: number;
  /** Over so many epochs the share is watched for growth. Default 10. */
  readonly growthEpochs: number;
  /** It warns of growth by so much that never went back meanwhile, ... Default 2/8. */
  readonly growth: number;
  /** ... when the share is now at least this. Default 3/8. */
  readonly growthShare: number;
}

const DEFAULTS: CollapseThresholds = {
  collapsedShare: 5 / 8,
  warnShare: 4 / 8,
  growthEpochs: 10,
  growth: 2 / 8,
  growthShare: 3 / 8,
};

/**
 * Judges the architecture of an epoch. The thresholds are ours; DARTS+ stops a search of DARTS' space at two skips already
 * (the stopper `skip-count`).
 *
 * - `collapsed`: no operation with weights lies on a path from input to output (in NAS-Bench-201 such as an all-skip cell, in
 *   DARTS a normal cell of pools and skips), or the share of skips has reached `collapsedShare`.
 * - `warn`: the share has reached `warnShare`, or has grown as `growth` says.
 *
 * All cells but reduction cells are watched, together: published reduction cells are of pools and skips by themselves. An edge that
 * `none` cuts off is on no path. `skip` layers of layer-wise spaces count as skips.
 *
 * @param earlierShares `skipShare` of the epochs before, in their order
 * @throws ArgumentError when the choice does not fit the groups
 */
export function collapseAlarm(
  groups: readonly EdgeGroup[],
  choice: Choice,
  earlierShares: readonly number[] = [],
  thresholds: Partial<CollapseThresholds> = {},
): CollapseFinding {
  const { collapsedShare, warnShare, growthEpochs, growth, growthShare } = { ...DEFAULTS, ...thresholds };
  const watched = watchedGroups(groups);
  const kept = watched.flatMap((group) => keptOperations(group, choice).flat());
  if (kept.length === 0) {
    return {
      level: 'collapsed',
      skipShare: 0,
      sentence: 'The architecture keeps no edge in its normal cells: nothing leads from input to output.',
    };
  }
  const skips = kept.filter(isSkip).length;
  const skipShare = skips / kept.length;
  const found = `${skips} of ${kept.length} edges that the architecture keeps are skip connections`;
  const connected = watched.flatMap((group) => connectedOperations(group, keptOperations(group, choice)));
  if (connected.every(isParameterFree)) {
    return {
      level: 'collapsed',
      skipShare,
      sentence: `No operation with weights lies on a path from input to output (${found}): the search has collapsed.`,
    };
  }
  if (skipShare >= collapsedShare) {
    return { level: 'collapsed', skipShare, sentence: `${found}: the search has collapsed.` };
  }
  if (skipShare >= warnShare) {
    return {
      level: 'warn',
      skipShare,
      sentence: `${found}: the search may be collapsing; stop it earlier or regularise it.`,
    };
  }
  const window = [...earlierShares, skipShare].slice(-growthEpochs - 1);
  const rising = window.every((share, index) => index === 0 || share >= window[index - 1]!);
  if (rising && skipShare >= growthShare && skipShare - window[0]! >= growth) {
    return {
      level: 'warn',
      skipShare,
      sentence: `${found}, and their share has only grown for ${window.length - 1} epochs, from ${percent(window[0]!)} to ${percent(skipShare)}.`,
    };
  }
  return { level: 'none', skipShare, sentence: `${found}: no sign of collapse.` };
}

/** All but reduction cells: `reduce`, and of cells that are chosen one by one those at a third and two thirds. */
function watchedGroups(groups: readonly EdgeGroup[]): EdgeGroup[] {
  const cells = groups.filter(({ name }) => name.startsWith('cells.')).length;
  const reductions = [Math.floor(cells / 3), Math.floor((2 * cells) / 3)].map((index) => `cells.${index}`);
  return groups.filter(({ name }) => name !== 'reduce' && !reductions.includes(name));
}

function keptOperations(group: EdgeGroup, choice: Choice): readonly (readonly string[])[] {
  const kept = choice[group.name];
  if (kept?.length !== group.candidates.length) {
    throw new ArgumentError(
      `Expected a choice for ${group.candidates.length} edges of the group ${group.name}, got ${kept?.length ?? 'none'}.`,
    );
  }
  return kept;
}

/**
 * Operations on paths from an input to the output. A node's edges come from the inputs and the nodes before it, in order; as many
 * inputs as edges enter the first node. The output is all nodes where there are two inputs, else the last.
 */
function connectedOperations(group: EdgeGroup, kept: readonly (readonly string[])[]): string[] {
  const inputs = group.nodes[0]!.length;
  const states = inputs + group.nodes.length;
  const edges = group.nodes.flatMap((entering, node) =>
    entering.flatMap((edge, from) =>
      kept[edge]!.filter((name) => name !== 'none').map((name) => ({ name, from, to: inputs + node })),
    ),
  );
  const reached = new Set(Array.from({ length: inputs }, (_, state) => state));
  for (const { from, to } of edges) if (reached.has(from)) reached.add(to);
  const leading = new Set(inputs > 1 ? Array.from({ length: states }, (_, state) => state) : [states - 1]);
  // By descending nodes, so that an edge's end is decided before its beginning.
  for (const { from, to } of edges.toReversed()) if (leading.has(to)) leading.add(from);
  return edges.filter(({ from, to }) => reached.has(from) && leading.has(to)).map(({ name }) => name);
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
