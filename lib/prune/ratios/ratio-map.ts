/** From sensitivities to pruning ratios: the shape only; the solver scales it until the budget is met. */

/** A channel group as a ratio map sees it. */
export interface GroupSensitivity {
  readonly name: string;
  /** Channels of the group before pruning. */
  readonly channels: number;
  /** Module Robustness Sensitivity of the group, at least 0: the largest of its members'. */
  readonly sensitivity: number;
}

/**
 * How strongly each group is pruned relative to the others.
 *
 * The paper (arXiv 2410.15176) could not be read as far as its map; every map here is our reconstruction.
 */
export interface RatioMap {
  readonly name: string;
  /** Whether the map looks at the sensitivities at all: without need of them, measuring them can be left out. */
  readonly needsSensitivity: boolean;
  /**
   * Relative strengths, each greater than 0 unless the group shall never be pruned, in the order of `groups`. Only
   * their proportions matter.
   *
   * @param seed used by maps that draw at random
   */
  strengths(groups: readonly GroupSensitivity[], seed: number): number[];
}
