/** All search spaces by name: one file each, three lines here. */

import { z } from 'zod';

import type { SearchSpace } from '../space.js';
import { distributedDartsSpace, distributedDartsSpaceSchema } from './d-darts.js';
import { dartsSpace, dartsSpaceSchema } from './darts.js';
import { layerwiseSpace, layerwiseSpaceSchema } from './layerwise.js';
import { nasBench201Space, nasBench201SpaceSchema } from './nas-bench-201.js';
import { robustDartsSpace, robustDartsSpaceSchema } from './r-darts.js';

/** A space and its size, as a configuration names it. */
export const spaceSchema = z.discriminatedUnion('name', [
  dartsSpaceSchema,
  distributedDartsSpaceSchema,
  robustDartsSpaceSchema,
  nasBench201SpaceSchema,
  layerwiseSpaceSchema,
]);

export type SpaceConfig = z.infer<typeof spaceSchema>;

const SPACES: Readonly<Record<SpaceConfig['name'], SearchSpace>> = {
  darts: erased(dartsSpace),
  'd-darts': erased(distributedDartsSpace),
  'r-darts': erased(robustDartsSpace),
  'nas-bench-201': erased(nasBench201Space),
  layerwise: erased(layerwiseSpace),
};

/** The space that a configuration names. */
export function spaceOf({ name }: SpaceConfig): SearchSpace {
  return SPACES[name];
}

/** A space for any configuration, which it checks itself. */
function erased<C>(space: SearchSpace<C>): SearchSpace {
  return {
    name: space.name,
    schema: space.schema,
    groups: (config) => space.groups(space.schema.parse(config)),
    supernet: (config, ...rest) => space.supernet(space.schema.parse(config), ...rest),
    genotype: (config, ...rest) => space.genotype(space.schema.parse(config), ...rest),
    choice: (config, ...rest) => space.choice(space.schema.parse(config), ...rest),
    network: (config, ...rest) => space.network(space.schema.parse(config), ...rest),
  };
}
