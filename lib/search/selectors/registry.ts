/** All selectors by name: one file each, one entry here. */

import { z } from 'zod';

import type { Selector } from './selector.js';
import { strongestChoice } from './strongest.js';

/** A selector as a configuration names it. */
export const selectorSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('strongest') }),
]);

export type SelectorConfig = z.infer<typeof selectorSchema>;

/** The selector that a configuration names. */
export function createSelector(config: SelectorConfig): Selector {
  switch (config.kind) {
    case 'strongest':
      return {
        rounds: () => 1,
        initial: null,
        next: async (_, { groups, strengths }) => ({
          choice: Object.fromEntries(
            groups.map((group) => [group.name, strongestChoice(group, strengths[group.name]!)]),
          ),
        }),
      };
  }
}
