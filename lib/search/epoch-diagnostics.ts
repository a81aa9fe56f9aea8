/** What a search records on its architecture at the end of an epoch, and what stoppers are shown. */

import { z } from 'zod';

import {
  type AlphaStatistics,
  alphaStatistics,
  type OperationCounts,
  type WeightKind,
} from './diagnostics/alpha-statistics.js';
import { type CollapseFinding, collapseAlarm } from './diagnostics/collapse-alarm.js';
import type { WeightsByGroup } from './diagnostics/group-weights.js';
import type { Strengths } from './mixer.js';
import type { RelaxationConfig } from './relaxations/registry.js';
import type { Choice, EdgeGroup } from './supernet.js';

const countsSchema: z.ZodType<OperationCounts> = z.record(z.string(), z.int().nonnegative());

const statisticsSchema: z.ZodType<AlphaStatistics> = z.strictObject({
  strongest: countsSchema,
  strongestSkips: z.int().nonnegative(),
  entropy: z.number(),
  normalizedEntropy: z.number(),
  margin: z.strictObject({ mean: z.number(), least: z.number() }).nullable(),
  chosen: countsSchema,
});

const findingSchema: z.ZodType<CollapseFinding> = z.strictObject({
  level: z.enum(['none', 'warn', 'collapsed']),
  sentence: z.string(),
  skipShare: z.number().min(0).max(1),
});

export const architectureRecordSchema = z.strictObject({
  /** By group. */
  statistics: z.record(z.string(), statisticsSchema),
  collapse: findingSchema,
});

/** An architecture in numbers. Plain JSON. */
export type ArchitectureRecord = z.infer<typeof architectureRecordSchema>;

/**
 * Describes what strengths stand for.
 *
 * @param choice the architecture that they mean
 * @param earlierShares of skip connections, in the epochs of the stage before
 */
export function architectureRecord(
  groups: readonly EdgeGroup[],
  strengths: Strengths,
  choice: Choice,
  { relaxation, earlierShares }: { relaxation: RelaxationConfig; earlierShares: readonly number[] },
): ArchitectureRecord {
  return {
    statistics: alphaStatistics(groups, weightsByGroup(strengths), choice, weightKind(relaxation)),
    collapse: collapseAlarm(groups, choice, earlierShares),
  };
}

/** Strengths in the form of diagnostics and plots. */
export function weightsByGroup(strengths: Strengths): WeightsByGroup {
  return Object.fromEntries(
    Object.entries(strengths).map(([name, { candidates }]) => [
      name,
      {
        edges: candidates.length,
        candidates: candidates[0]?.length ?? 0,
        values: Float64Array.from(candidates.flat()),
      },
    ]),
  );
}

/** Means over groups, weighted by their edges. */
export function meanOver(
  groups: readonly EdgeGroup[],
  { statistics }: ArchitectureRecord,
  value: (one: AlphaStatistics) => number,
): number {
  const edges = groups.reduce((sum, { candidates }) => sum + candidates.length, 0);
  return (
    groups.reduce((sum, { name, candidates }) => sum + candidates.length * value(statistics[name]!), 0) /
    edges
  );
}

function weightKind({ kind }: RelaxationConfig): WeightKind {
  return kind === 'sigmoid' ? 'independent' : 'distribution';
}
