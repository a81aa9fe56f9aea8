import { rand } from '../../ops/create.js';
import type { RatioMap } from './ratio-map.js';

/** Strengths below this would leave a group as good as untouched. */
const LOWEST = 0.05;
/** Its random numbers are apart from those that initialise a model under the same seed. */
const STREAM = 0x7261;

/** Uniform random strengths: the baseline that tells what a map is worth. */
export const random: RatioMap = {
  name: 'random',
  needsSensitivity: false,
  async strengths(groups, seed) {
    using drawn = rand([groups.length], { seed, stream: STREAM, low: LOWEST });
    return [...(await drawn.data())];
  },
};
