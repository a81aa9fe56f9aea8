import type { RatioMap } from './ratio-map.js';

/** The same ratio everywhere: the baseline against which the sensitivity is measured. */
export const uniform: RatioMap = {
  name: 'uniform',
  needsSensitivity: false,
  strengths: (groups) => groups.map(() => 1),
};
