/** The configuration of a study. */

import { dirname, resolve } from 'node:path';
import { z } from 'zod';

import { readYaml, resolveConfig } from '../config.js';
import { WORKFLOW_NAMES } from './workflows/registry.js';

/** Names become parts of file names. */
const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9.+_-]*$/, 'expected letters, digits and . + _ - as a name');

const measureSchema = z.union([
  z.string().min(1),
  z.strictObject({
    /** As in `measures`, `timings` or `resources` of `result.json`, without the part's prefix. */
    name: z.string().min(1),
    title: z.string().optional(),
    unit: z.string().optional(),
    /** What values are multiplied by where they are shown, such as 100 for %. */
    factor: z.number().optional(),
  }),
]);

const distinct = (seeds: readonly number[]) => new Set(seeds).size === seeds.length;

export const studySchema = z.strictObject({
  /** What is run. */
  workflow: z.enum(WORKFLOW_NAMES),
  /** The configuration that all cells share; in a file it may be the path of another, relative to it. */
  base: z.record(z.string(), z.unknown()).default({}),
  /** Axes of named settings: each setting overrides keys such as `train.epochs`. A cell takes one of each axis. */
  grid: z.record(name, z.record(name, z.record(z.string(), z.unknown()))).default({}),
  /** Each cell is run once with each. */
  seeds: z
    .array(z.int().nonnegative())
    .min(1)
    .refine(distinct, 'expected seeds that differ')
    .default([0, 1, 2]),
  /**
   * Several rows of the table from each trial: by name, the prefix of their measures in `result.json`, as in
   * `mrs: l2-rank fine-tuned`. By default a trial is one row, and measures have no prefix.
   */
  parts: z.record(name, z.string().min(1)).default({}),
  /** The columns of the table. */
  measures: z.array(measureSchema).min(1),
  /** Rows to compare seed by seed: the first minus the second. A row is named CELL, PART or CELL/PART. */
  compare: z.array(z.tuple([z.string(), z.string()])).default([]),
  /** Keys of `metrics.jsonl` that are drawn over the epochs. */
  curves: z.array(z.string()).default(['clean']),
  statistics: z
    .strictObject({
      /** See `BootstrapOptions`. */
      interval: z.enum(['percentile', 'bca']).default('percentile'),
      resamples: z.int().min(100).default(10_000),
      confidence: z.number().gt(0).lt(1).default(0.95),
      /** Of the resamples. */
      seed: z.int().nonnegative().default(0),
    })
    .prefault({}),
});

export type StudyConfig = z.infer<typeof studySchema>;

/** A measure with all that is needed to show it. */
export interface Measure {
  readonly name: string;
  readonly title: string;
  readonly unit: string | undefined;
  readonly factor: number;
}

/** The measures of a study. */
export function measuresOf({ measures }: StudyConfig): Measure[] {
  return measures.map((measure) => {
    const { name, title, unit, factor } = typeof measure === 'string' ? { name: measure } : { ...measure };
    return { name, title: title ?? name, unit, factor: factor ?? 1 };
  });
}

/**
 * Resolves the configuration of a study.
 *
 * @param sets as of `--set`: they may reach into `base`, also where the file names another
 * @throws ConfigError, FileSystemError as `resolveConfig`
 */
export async function resolveStudyConfig(file: string, sets: readonly string[]): Promise<StudyConfig> {
  const content = await readYaml(file);
  const { base } = content;
  const inlined =
    typeof base === 'string' ? { ...content, base: await readYaml(resolve(dirname(file), base)) } : content;
  return resolveConfig(studySchema, { defaults: inlined, sets });
}
