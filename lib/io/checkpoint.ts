/**
 * Checkpoints: folders `step-N` that hold all a run needs to go on bit for bit.
 *
 * `tensors.safetensors` holds tensors by name, `state.json` everything else, `manifest.json` the size and SHA-256 of
 * both. A checkpoint appears in one step, so a killed run leaves its former ones; one that was damaged later is found
 * out by its manifest and passed over.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';

import { ArgumentError, CheckpointError, FileSystemError, isSystemError, LapidaryError } from '../errors.js';
import { REPLACED_SUFFIX, removeLeftovers, writeFolderAtomic } from './atomic-file.js';
import type { HostTensor } from './host-tensor.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';

const SCHEMA_VERSION = 1;
const TENSORS_FILE = 'tensors.safetensors';
const STATE_FILE = 'state.json';
const MANIFEST_FILE = 'manifest.json';
const STEP_FOLDER = new RegExp(`^step-(\\d+)(\\${REPLACED_SUFFIX})?$`);

/** A loaded checkpoint. `state` is what was saved; check it before use. */
export interface Checkpoint {
  path: string;
  step: number;
  tensors: Map<string, HostTensor>;
  state: unknown;
}

/** A checkpoint that could not be used, and why, as a sentence. */
export interface SkippedCheckpoint {
  path: string;
  reason: string;
}

/** The newest sound checkpoint of a folder, if there is one, and the newer ones that had to be passed over. */
export interface NewestCheckpoint {
  checkpoint: Checkpoint | undefined;
  skipped: SkippedCheckpoint[];
}

const fileRecord = z.strictObject({
  bytes: z.int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const manifestSchema = z.strictObject({
  schemaVersion: z.literal(SCHEMA_VERSION),
  step: z.int().nonnegative(),
  files: z.strictObject({ [TENSORS_FILE]: fileRecord, [STATE_FILE]: fileRecord }),
});

type Manifest = z.infer<typeof manifestSchema>;

/**
 * Saves `dir/step-N` in one step, then removes all but the `keep` newest checkpoints up to N.
 *
 * Checkpoints of later steps are removed too: a run that saves step N has gone back before them, and its next
 * resume must not find them. One that is already there for step N is replaced.
 *
 * @param step the number of finished steps, from 0
 * @param state plain JSON values: no NaN, infinity, undefined array element, typed array, Map, Set, class or bigint
 *   (-0 comes back as 0)
 * @returns the path of the new checkpoint
 * @throws ArgumentError when `step`, `keep`, a tensor or `state` is wrong
 * @throws FileSystemError when the disk is full and so on; the earlier checkpoints are then untouched
 */
export async function saveCheckpoint(
  dir: string,
  step: number,
  tensors: ReadonlyMap<string, HostTensor>,
  state: unknown,
  { keep = 2 }: { keep?: number } = {},
): Promise<string> {
  requireInteger('step', step, 0);
  requireInteger('keep', keep, 1);
  const stateText = encodeState(state);
  const path = join(dir, `step-${step}`);
  await FileSystemError.during('make', dir, () => mkdir(dir, { recursive: true }));
  await removeLeftovers(dir);

  await writeFolderAtomic(path, async (folder) => {
    const tensorsPath = join(folder, TENSORS_FILE);
    const statePath = join(folder, STATE_FILE);
    await writeSafetensors(tensorsPath, tensors);
    await writeFile(statePath, stateText);
    const manifest: Manifest = {
      schemaVersion: SCHEMA_VERSION,
      step,
      files: { [TENSORS_FILE]: await recordOf(tensorsPath), [STATE_FILE]: await recordOf(statePath) },
    };
    await writeFile(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
  });
  await removeSuperseded(dir, step, keep);
  return path;
}

/**
 * Loads one checkpoint after checking its files against its manifest.
 *
 * @throws CheckpointError that names the file and how it differs from the manifest
 * @throws FileSystemError when a file is there but cannot be read
 */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  const manifest = await readManifest(path);
  for (const [name, expected] of Object.entries(manifest.files)) {
    await checkFile(path, name, expected);
  }
  const { tensors } = await readSafetensors(join(path, TENSORS_FILE));
  const state: unknown = JSON.parse(await readFile(join(path, STATE_FILE), 'utf8'));
  return { path, step: manifest.step, tensors, state };
}

/**
 * Loads the newest sound checkpoint below `dir`. A folder that is missing or empty has none.
 *
 * @returns the checkpoint, and every newer one that was passed over with the reason: tell the user of them
 * @throws FileSystemError when `dir` itself cannot be read
 */
export async function loadNewestCheckpoint(dir: string): Promise<NewestCheckpoint> {
  const skipped: SkippedCheckpoint[] = [];
  for (const { name } of await listSteps(dir)) {
    const path = join(dir, name);
    try {
      return { checkpoint: await loadCheckpoint(path), skipped };
    } catch (error) {
      if (!(error instanceof LapidaryError)) throw error;
      skipped.push({ path, reason: error.message });
    }
  }
  return { checkpoint: undefined, skipped };
}

function requireInteger(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new ArgumentError(
    `A checkpoint's ${name} must be a whole number of at least ${least}, not ${value}.`,
  );
}

/** Step folders, the newest first. A folder that was set aside comes after the one that replaces it. */
async function listSteps(dir: string): Promise<{ name: string; step: number; setAside: boolean }[]> {
  let names: string[];
  try {
    names = await readdir(dir);
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return [];
    throw FileSystemError.from(error, 'list', dir);
  }
  return names
    .flatMap((name) => {
      const match = STEP_FOLDER.exec(name);
      return match === null ? [] : [{ name, step: Number(match[1]), setAside: match[2] !== undefined }];
    })
    .sort((a, b) => b.step - a.step || Number(a.setAside) - Number(b.setAside));
}

async function removeSuperseded(dir: string, step: number, keep: number): Promise<void> {
  const folders = await listSteps(dir);
  const kept = folders.filter((folder) => folder.step <= step && !folder.setAside).slice(0, keep);
  for (const folder of folders) {
    if (kept.includes(folder)) continue;
    const path = join(dir, folder.name);
    await FileSystemError.during('remove', path, () =>
      rm(path, { recursive: true, force: true, maxRetries: 3 }),
    );
  }
}

async function recordOf(path: string): Promise<z.infer<typeof fileRecord>> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash);
  return { bytes: (await stat(path)).size, sha256: hash.digest('hex') };
}

async function readManifest(path: string): Promise<Manifest> {
  const manifestPath = join(path, MANIFEST_FILE);
  const text = await readOrExplain(manifestPath, () => readFile(manifestPath, 'utf8'));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw damaged(manifestPath, 'JSON', 'text that is not');
  }
  const result = manifestSchema.safeParse(json);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw damaged(
      manifestPath,
      `a manifest of version ${SCHEMA_VERSION}`,
      `${issue?.path.join('.')}: ${issue?.message}`,
    );
  }
  return result.data;
}

async function checkFile(folder: string, name: string, expected: z.infer<typeof fileRecord>): Promise<void> {
  const path = join(folder, name);
  const actual = await readOrExplain(path, () => recordOf(path));
  if (actual.bytes !== expected.bytes) throw damaged(path, `${expected.bytes} bytes`, `${actual.bytes}`);
  if (actual.sha256 !== expected.sha256) {
    throw damaged(path, `SHA-256 ${expected.sha256}`, `${actual.sha256}`);
  }
}

async function readOrExplain<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') throw damaged(path, 'this file', 'none');
    throw FileSystemError.from(error, 'read', path);
  }
}

function damaged(path: string, expected: string, found: string): CheckpointError {
  return new CheckpointError(
    `${resolve(path)}: expected ${expected}, found ${found}; the checkpoint is damaged, so use an earlier one.`,
  );
}

/** JSON that gives back exactly what went in; `JSON.stringify` alone would turn NaN into null and a Map into {}. */
function encodeState(state: unknown): string {
  requireJson(state, 'state');
  return `${JSON.stringify(state, null, 2)}\n`;
}

function requireJson(value: unknown, path: string): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (Array.isArray(value)) {
    for (const [i, element] of value.entries()) requireJson(element, `${path}[${i}]`);
    return;
  }
  if (isPlainObject(value)) {
    for (const [key, field] of Object.entries(value)) {
      if (field !== undefined) requireJson(field, `${path}.${key}`);
    }
    return;
  }
  throw new ArgumentError(
    `A checkpoint's state must be plain JSON, but ${path} is ${describe(value)}; save it as a tensor, a string or null.`,
  );
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function describe(value: unknown): string {
  return typeof value === 'object' && value !== null ? `a ${value.constructor.name}` : String(value);
}
