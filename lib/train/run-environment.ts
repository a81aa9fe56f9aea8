/** `environment.json`: what the bits of a run's results depend on besides its configuration, and where it ran. */

import { readFile } from 'node:fs/promises';
import { cpus, hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

import { device } from '../device.js';
import { FileFormatError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic-file.js';
import type { RunFolder } from '../io/run-folder.js';
import { packageCommit, packageVersions } from './package-versions.js';
import { readDataIfThere, runDataSchema } from './run-data.js';

export const ENVIRONMENT_FILE = 'environment.json';
const SCHEMA_VERSION = 1;

const processSchema = z.object({
  /** ISO 8601, UTC. */
  startedAt: z.string(),
  /** Digest of the addon's sources. Results are equal to the bit only where build, `isa` and `precision` are. */
  build: z.string(),
  isa: z.string(),
  /** Where `isa` is cuda: its name and architecture, on which bits depend too. */
  gpu: z.string().optional(),
  /** Absent in runs from before there was a choice. */
  precision: z.enum(['default', 'strict']).default('default'),
  threads: z.int().positive(),
  /** Of this package, where it is a checkout. */
  git: z.object({ commit: z.string(), dirty: z.boolean() }).nullable(),
  version: z.string(),
  node: z.string(),
  platform: z.string(),
  /** Installed versions of the dependencies. */
  packages: z.record(z.string(), z.string()),
  host: z.string(),
  cpu: z.string(),
  /** What has run of the engine, as in `conv2d_fprop avx512:blocked`; written when the run is done. */
  implementations: z.array(z.string()).optional(),
});

/** A process that worked at a run. */
export type RunProcess = z.infer<typeof processSchema>;

export const environmentSchema = z.object({
  schemaVersion: z.literal(SCHEMA_VERSION),
  /** Of all random numbers. */
  seed: z.int().nonnegative(),
  /** The process that began, then one for each time the run was resumed. */
  processes: z.array(processSchema).min(1),
  /** The images, as in `data.json`; written when the run is done. */
  data: runDataSchema.optional(),
});

export type RunEnvironment = z.infer<typeof environmentSchema>;

/** The process that runs this. */
export async function currentProcess(): Promise<RunProcess> {
  const { build, description, isa, kind, precision, threads } = device();
  const { version, packages } = await packageVersions();
  return {
    startedAt: new Date().toISOString(),
    build,
    ...(kind === 'cuda' ? { gpu: description } : {}),
    isa,
    precision,
    threads,
    git: await packageCommit(),
    version,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    packages,
    host: hostname(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
  };
}

/**
 * Records the environment of a run. A resumed run adds the process that goes on, and compares it with the one that began.
 *
 * @returns what differs, as a sentence, or undefined
 */
export async function recordEnvironment(run: RunFolder, seed: number): Promise<string | undefined> {
  const path = join(run.path, ENVIRONMENT_FILE);
  const now = await currentProcess();
  // A run that was killed before it could say where it ran has nothing to compare with.
  const before = run.resumed ? await readEnvironment(run.path).catch(() => undefined) : undefined;
  const processes = [...(before?.processes ?? []), now];
  const environment: RunEnvironment = { ...before, schemaVersion: SCHEMA_VERSION, seed, processes };
  await writeFileAtomic(path, `${JSON.stringify(environment, null, 2)}\n`);
  const [first] = processes;
  if (first === undefined) return undefined;
  const samePrecision = first.precision === now.precision;
  if (first.build === now.build && first.isa === now.isa && first.gpu === now.gpu && samePrecision) {
    return undefined;
  }
  const told = ({ build, isa, gpu, precision }: RunProcess): string =>
    `${build} on ${gpu ?? isa}${samePrecision ? '' : ` at precision ${precision}`}`;
  return (
    `The run was started with build ${told(first)} and goes on with ${told(now)}: ` +
    'its bits will differ from an uninterrupted run.'
  );
}

/**
 * Adds what is known at the end: the implementations that the engine has run, and the digests of the images. Does nothing
 * for a run without `environment.json`, such as one that a program made without the command line.
 */
export async function completeEnvironment(run: RunFolder): Promise<void> {
  const environment = await readEnvironment(run.path).catch(() => undefined);
  const last = environment?.processes.at(-1);
  if (environment === undefined || last === undefined) return;
  const processes = [
    ...environment.processes.slice(0, -1),
    { ...last, implementations: [...device().usedImplementations] },
  ];
  const data = await readDataIfThere(run.path);
  const complete: RunEnvironment = { ...environment, processes, ...(data === undefined ? {} : { data }) };
  await writeFileAtomic(join(run.path, ENVIRONMENT_FILE), `${JSON.stringify(complete, null, 2)}\n`);
}

/** Reads the `environment.json` of a run folder. @throws FileFormatError when there is none, or it is of another form */
export async function readEnvironment(folder: string): Promise<RunEnvironment> {
  const path = join(folder, ENVIRONMENT_FILE);
  const content = await readFile(path, 'utf8')
    .then((text): unknown => JSON.parse(text))
    .catch(() => undefined);
  const result = environmentSchema.safeParse(content);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new FileFormatError(
    `${path}: expected the environment of a run (version ${SCHEMA_VERSION}), but ${issue?.path.join('.') || 'the file'}: ${issue?.message}.`,
  );
}
