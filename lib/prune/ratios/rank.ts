import type { RatioMap } from './ratio-map.js';

/**
 * Linear in the rank of the sensitivity: (number of groups at least as sensitive) / (number of groups), so the most
 * sensitive group of n gets 1/n and the least sensitive gets 1. Ties get equal strengths.
 *
 * The default, and our choice: sensitivities are heavy-tailed, and ranks are not moved by a single large value.
 */
export const rank: RatioMap = {
  name: 'rank',
  needsSensitivity: true,
  strengths: (groups) =>
    groups.map(({ sensitivity }) => {
      const atLeastAsSensitive = groups.filter((other) => other.sensitivity >= sensitivity).length;
      return atLeastAsSensitive / groups.length;
    }),
};
