/** All pruning criteria by name: one file each, one line here. */

import type { Criterion } from './criterion.js';
import { l1 } from './l1.js';
import { l2 } from './l2.js';
import { random } from './random.js';

export const CRITERION_NAMES = ['l1', 'l2', 'random'] as const;

export type CriterionName = (typeof CRITERION_NAMES)[number];

export const CRITERIA: Readonly<Record<CriterionName, Criterion>> = { l1, l2, random };
