/**
 * `data.json`: which images a run works on, by their digests. A run that goes on with other images than it began with
 * would mix two experiments in one result, so it is refused.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import { DataChangedError, FileFormatError, FileSystemError, isSystemError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic-file.js';
import type { RunFolder } from '../io/run-folder.js';

export const DATA_FILE = 'data.json';

const digest = z.string().regex(/^[0-9a-f]{64}$/);

export const runDataSchema = z.object({
  schemaVersion: z.literal(1),
  /** As `--data` takes it. */
  source: z.string(),
  /** Images of the whole training part, before the split. */
  images: z.int().positive(),
  /** SHA-256 of the training images and labels. */
  trainSha256: digest,
  /** SHA-256 of the validation indices. */
  splitSha256: digest,
  /** SHA-256 of the test images and labels; null until they are read, at the end. */
  testSha256: digest.nullable(),
});

/** The content of `data.json`. */
export type RunData = z.infer<typeof runDataSchema>;

/** What is known of the images; `testSha256` once they were read. */
export type DataDigests = Omit<RunData, 'schemaVersion' | 'testSha256'> & { readonly testSha256?: string };

/**
 * Records the images of a new run. For a resumed run, compares them with those it began with.
 *
 * @throws DataChangedError that names what changed; FileFormatError when `data.json` is damaged
 */
export async function recordData(run: RunFolder, now: DataDigests): Promise<void> {
  const before = run.resumed ? await readDataIfThere(run.path) : undefined;
  if (before !== undefined) requireSame(run.path, before, now);
  const testSha256 = now.testSha256 ?? before?.testSha256 ?? null;
  const data: RunData = { ...now, schemaVersion: 1, testSha256 };
  await writeFileAtomic(join(run.path, DATA_FILE), `${JSON.stringify(data, null, 2)}\n`);
}

/** Reads the `data.json` of a run folder; undefined when there is none. @throws FileFormatError, FileSystemError */
export async function readDataIfThere(folder: string): Promise<RunData | undefined> {
  const path = join(folder, DATA_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return undefined;
    throw FileSystemError.from(error, 'read', path);
  }
  const result = runDataSchema.safeParse(parsed(text));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new FileFormatError(
    `${path}: expected the digests of a run's images, but ${issue?.path.join('.') || 'the file'}: ${issue?.message}.`,
  );
}

function requireSame(folder: string, before: RunData, now: DataDigests): void {
  const refuse = (what: string, was: string | number, is: string | number) => {
    throw new DataChangedError(
      `The run in ${folder} began with other images: ${what} was ${was} and is now ${is} (${now.source}). ` +
        'Put the data set back as it was, or start a new run with another --out.',
    );
  };
  if (before.images !== now.images) refuse('the number of training images', before.images, now.images);
  if (before.trainSha256 !== now.trainSha256)
    refuse('the SHA-256 of the training images', before.trainSha256, now.trainSha256);
  if (before.splitSha256 !== now.splitSha256)
    refuse('the SHA-256 of the split', before.splitSha256, now.splitSha256);
  if (before.testSha256 !== null && now.testSha256 !== undefined && before.testSha256 !== now.testSha256)
    refuse('the SHA-256 of the test images', before.testSha256, now.testSha256);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
