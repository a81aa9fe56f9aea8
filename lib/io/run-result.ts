/**
 * `result.json`: what a run came to, in one form for every workflow. Studies, reports and scripts read it.
 *
 * The form has a version: fields may be added within a version, and are never renamed or given another meaning.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import { FileFormatError, FileSystemError, isSystemError, NonFiniteError } from '../errors.js';
import { writeFileAtomic } from './atomic-file.js';
import { jsonSha256 } from './json-digest.js';

export const RESULT_FILE = 'result.json';
const SCHEMA_VERSION = 1;

const numbers = z.record(z.string(), z.number());

export const runResultSchema = z.object({
  schemaVersion: z.literal(SCHEMA_VERSION),
  /** As the command is called: `train`, `prune`. */
  workflow: z.string(),
  /** Of the resolved configuration, see `jsonSha256`. */
  configSha256: z.string().regex(/^[0-9a-f]{64}$/),
  seed: z.int().nonnegative(),
  /**
   * What was measured, by a name such as `clean` or `dense.pgd`; shares lie in [0, 1]. A function of build, ISA, seed and
   * configuration: equal to the bit when the run is repeated.
   */
  measures: numbers,
  /** What was measured with a clock, in milliseconds; another number each time. */
  timings: numbers,
  /** What the run took of the machine, such as bytes of memory by `memory`; another number each time. */
  resources: numbers.default({}),
  /** The workflow's own account, in its own form. */
  details: z.unknown(),
});

/** The content of `result.json`. */
export type RunResult = z.infer<typeof runResultSchema>;

/** What a workflow hands over; the rest follows. */
export interface RunOutcome {
  readonly workflow: string;
  readonly config: { readonly seed: number };
  readonly measures: Readonly<Record<string, number>>;
  readonly timings?: Readonly<Record<string, number>>;
  readonly resources?: Readonly<Record<string, number>>;
  readonly details: unknown;
}

/**
 * Writes `result.json` into a run folder, in one step.
 *
 * @param folder of the run
 * @throws NonFiniteError when a measure is NaN or infinite, as JSON has neither; FileSystemError
 */
export async function writeRunResult(folder: string, outcome: RunOutcome): Promise<void> {
  const { workflow, config, measures, timings = {}, resources = {}, details } = outcome;
  for (const [name, value] of Object.entries({ ...measures, ...timings, ...resources })) {
    if (!Number.isFinite(value)) {
      throw new NonFiniteError(`Expected a finite number as the result's ${name}, got ${value}.`);
    }
  }
  const result: RunResult = {
    schemaVersion: SCHEMA_VERSION,
    workflow,
    configSha256: jsonSha256(config),
    seed: config.seed,
    measures: { ...measures },
    timings: { ...timings },
    resources: { ...resources },
    details,
  };
  await writeFileAtomic(join(folder, RESULT_FILE), `${JSON.stringify(result, null, 2)}\n`);
}

/**
 * Reads the `result.json` of a run folder.
 *
 * @throws FileSystemError when there is none; FileFormatError when it is not of this form, or of a later version
 */
export async function readRunResult(folder: string): Promise<RunResult> {
  const path = join(folder, RESULT_FILE);
  const text = await FileSystemError.during('read', path, () => readFile(path, 'utf8'));
  const result = runResultSchema.safeParse(parsed(text));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new FileFormatError(
    `${path}: expected the result of a run (version ${SCHEMA_VERSION}), but ${issue?.path.join('.') || 'the file'}: ${issue?.message}; run it again with this version of lapidary.`,
  );
}

/** As `readRunResult`; undefined where there is none yet. */
export async function readResultIfThere(folder: string): Promise<RunResult | undefined> {
  try {
    return await readRunResult(folder);
  } catch (error) {
    if (error instanceof FileSystemError && isSystemError(error.cause) && error.cause.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
