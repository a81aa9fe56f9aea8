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

/** Not a map: no ratios are set by layer, magnitudes of all layers are compared. For single weights only. */
export const GLOBAL = 'global';

export type RatioChoice = RatioMapName | typeof GLOBAL;

/** Whether the sensitivities must be measured for it. */
export function needsSensitivity(ratios: RatioChoice): boolean {
  return ratios !== GLOBAL && RATIO_MAPS[ratios].needsSensitivity;
}

export const RATIO_MAPS: Readonly<Record<RatioMapName, RatioMap>> = {
  rank,
  'linear-log': linearLog,
  inverse,
  softmax,
  uniform,
  random,
};
