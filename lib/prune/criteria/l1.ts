import { channelScores } from '../../ops/prune.js';
import type { Criterion } from './criterion.js';

/** The sum of a filter's absolute weights (Li et al., arXiv 1608.08710). */
export const l1: Criterion = { name: 'l1', scores: (filter) => channelScores(filter, 'l1') };
