import { PhiloxSequence } from '../../data/philox.js';
import type { RatioMap } from './ratio-map.js';

/** Strengths below this would leave a group as good as untouched. */
const LOWEST = 0.05;
/** Its random numbers are apart from those that initialise a model under the same seed. */
const STREAM = 0x7261;

/** Uniform random strengths: the baseline that tells what a map is worth. */
export const random: RatioMap = {
  name: 'random',
  needsSensitivity: false,
  strengths(groups, seed) {
    const sequence = new PhiloxSequence(seed, STREAM);
    return groups.map(() => LOWEST + ((1 - LOWEST) * sequence.word()) / 2 ** 32);
  },
};
