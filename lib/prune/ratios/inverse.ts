import type { RatioMap } from './ratio-map.js';

/** Offset, as a share of the mean sensitivity: keeps a group of sensitivity 0 from taking all the pruning. */
const OFFSET = 0.1;

/** Proportional to 1 / (MRS + tau), tau a tenth of the mean MRS. Our choice, as is tau. */
export const inverse: RatioMap = {
  name: 'inverse',
  needsSensitivity: true,
  strengths(groups) {
    const mean = groups.reduce((sum, { sensitivity }) => sum + sensitivity, 0) / groups.length;
    if (mean === 0) return groups.map(() => 1);
    return groups.map(({ sensitivity }) => mean / (sensitivity + OFFSET * mean));
  },
};
