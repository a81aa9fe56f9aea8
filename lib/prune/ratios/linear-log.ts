import type { RatioMap } from './ratio-map.js';

/** The most sensitive group keeps this share of the strength of the least sensitive one, so that no group is exempt. */
const FLOOR = 0.05;

/**
 * Linear in log(1 + MRS), scaled between the least and the most sensitive group.
 *
 * Our choice: without the logarithm the heavy tail of the sensitivities would put nearly all pruning on a few layers.
 */
export const linearLog: RatioMap = {
  name: 'linear-log',
  needsSensitivity: true,
  strengths(groups) {
    const logs = groups.map(({ sensitivity }) => Math.log1p(sensitivity));
    const low = Math.min(...logs);
    const span = Math.max(...logs) - low;
    return logs.map((value) => (span > 0 ? Math.max(FLOOR, 1 - (value - low) / span) : 1));
  },
};
