/** All selectors by name: one file each, one entry here. */

import { z } from 'zod';

import type { GroupStrengths, Strengths } from '../mixer.js';
import type { Choice, EdgeGroup } from '../supernet.js';
import { strongestPairsChoice } from './edge-pairs.js';
import { perturbationSelector } from './perturbation.js';
import { randomSearchSchema, randomSearchSelector } from './random-search.js';
import { sampledBestSelector } from './sampled-best.js';
import type { Selector } from './selector.js';
import { skipLimitedChoice, skipLimits } from './skip-limit.js';
import { strongestChoice } from './strongest.js';
import { thresholdChoice } from './threshold.js';

/** A selector as a configuration names it. */
export const selectorSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('strongest') }),
  z.strictObject({
    kind: z.literal('threshold'),
    edges: z.enum(['strongest', 'all']).default('strongest'),
    threshold: z.number().default(0.85),
    most: z.int().min(1).default(2),
  }),
  z.strictObject({
    kind: z.literal('skip-limit'),
    /** Skip connections in `group`. */
    most: z.int().nonnegative().default(2),
    group: z.string().default('normal'),
  }),
  z.strictObject({
    kind: z.literal('perturbation'),
    tuneEvery: z.int().nonnegative().default(5),
    tuneRate: z.number().positive().default(0.1),
  }),
  z.strictObject({
    kind: z.literal('sampled-best'),
    count: z.int().min(1).default(100),
    images: z.int().min(1).default(512),
  }),
  z.strictObject({ kind: z.literal('edge-pairs') }),
  randomSearchSchema,
]);

export type SelectorConfig = z.infer<typeof selectorSchema>;

/** The selector that a configuration names. */
export function createSelector(config: SelectorConfig): Selector {
  switch (config.kind) {
    case 'strongest':
      return decidedAtOnce(strongestChoice);
    case 'threshold':
      return decidedAtOnce((group, strengths) => thresholdChoice(group, strengths, config));
    case 'skip-limit':
      return skipLimitSelector(config);
    case 'perturbation':
      return perturbationSelector(config);
    case 'sampled-best':
      return sampledBestSelector(config);
    case 'edge-pairs':
      return decidedAtOnce(strongestPairsChoice);
    case 'random-search':
      return randomSearchSelector(config);
  }
}

/**
 * The architecture that strengths alone mean, by which a search is watched while it goes: a selector's own rule where it has one,
 * else DARTS'.
 */
export function choiceByStrength(
  config: SelectorConfig,
  groups: readonly EdgeGroup[],
  strengths: Strengths,
): Choice {
  const choose = ruleOf(config);
  return Object.fromEntries(groups.map((group) => [group.name, choose(group, strengths[group.name]!)]));
}

type Rule = (group: EdgeGroup, strengths: GroupStrengths) => string[][];

function ruleOf(config: SelectorConfig): Rule {
  switch (config.kind) {
    case 'threshold':
      return (group, strengths) => thresholdChoice(group, strengths, config);
    case 'skip-limit':
      return (group, strengths) =>
        group.name === config.group
          ? skipLimitedChoice(group, strengths, config.most)
          : strongestChoice(group, strengths);
    case 'edge-pairs':
      // Earlier stages have no pairs yet.
      return (group, strengths) =>
        strengths.pairs === undefined
          ? strongestChoice(group, strengths)
          : strongestPairsChoice(group, strengths);
    default:
      return strongestChoice;
  }
}

/** One round, each group by its own strengths. */
function decidedAtOnce(choose: Rule): Selector {
  return {
    rounds: () => 1,
    initial: null,
    next: async (_, { groups, strengths }) => ({
      choice: Object.fromEntries(groups.map((group) => [group.name, choose(group, strengths[group.name]!)])),
    }),
  };
}

/** The choice under the limit; beside it those of every other limit that changes something, as in P-DARTS' log. */
function skipLimitSelector({ most, group: limited }: { most: number; group: string }): Selector {
  const { rounds, initial, next } = decidedAtOnce((group, strengths) =>
    group.name === limited ? skipLimitedChoice(group, strengths, most) : strongestChoice(group, strengths),
  );
  return {
    rounds,
    initial,
    async next(state, context) {
      const outcome = await next(state, context);
      const group = context.groups.find(({ name }) => name === limited);
      if (group === undefined || !('choice' in outcome)) return outcome;
      const unlimited = strongestChoice(group, context.strengths[limited]!);
      const alternatives = [
        { name: 'skips unlimited', kept: unlimited },
        ...skipLimits(group, context.strengths[limited]!).map(({ most, kept }) => ({
          name: `skips <= ${most}`,
          kept,
        })),
      ].map(({ name, kept }) => ({ name, choice: { ...outcome.choice, [limited]: kept } }));
      return { ...outcome, alternatives };
    },
  };
}
