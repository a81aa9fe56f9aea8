import { channelScores } from '../../ops/prune.js';
import type { Criterion } from './criterion.js';

/** The Euclidean norm of a filter's weights. */
export const l2: Criterion = { name: 'l2', scores: (filter) => channelScores(filter, 'l2') };
