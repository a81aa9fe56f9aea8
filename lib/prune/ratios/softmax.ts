import type { RatioMap } from './ratio-map.js';

/** Proportional to softmax(-MRS / T), T the standard deviation of the sensitivities. Our choice, as is T. */
export const softmax: RatioMap = {
  name: 'softmax',
  needsSensitivity: true,
  strengths(groups) {
    const values = groups.map(({ sensitivity }) => sensitivity);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    if (variance === 0) return groups.map(() => 1);
    const least = Math.min(...values);
    return values.map((value) => Math.exp(-(value - least) / Math.sqrt(variance)));
  },
};
