import { rand } from '../../ops/create.js';
import type { Criterion } from './criterion.js';

/** Uniform random numbers: the baseline that tells what a criterion is worth. */
export const random: Criterion = {
  name: 'random',
  scores: (filter, { seed, stream }) => rand([filter.shape[0]!], { seed, stream }),
};
