/** All ratio maps by name: one file each, one line here. */

import { inverse } from './inverse.js';
import { linearLog } from './linear-log.js';
import { random } from './random.js';
import { rank } from './rank.js';
import type { RatioMap } from './ratio-map.js';
import { softmax } from './softmax.js';
import { uniform } from './uniform.js';

export const RATIO_MAP_NAMES = ['rank', 'linear-log', 'inverse', 'softmax', 'uniform', 'random'] as const;

export type RatioMapName = (typeof RATIO_MAP_NAMES)[number];

export const RATIO_MAPS: Readonly<Record<RatioMapName, RatioMap>> = {
  rank,
  'linear-log': linearLog,
  inverse,
  softmax,
  uniform,
  random,
};
