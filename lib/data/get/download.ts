/** A file from a server: resumed where it stopped, tried again when the line breaks, checked at the end. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { z } from 'zod';

import { AbortedError, DownloadError, FileSystemError } from '../../errors.js';

/** A digest that a file must have. */
export interface Checksum {
  readonly algorithm: 'md5' | 'sha256';
  /** In lower-case hex. */
  readonly digest: string;
}

export interface DownloadOptions {
  readonly checksum?: Checksum;
  /** Tries in a row that bring nothing new before it is given up. Default 5. */
  readonly tries?: number;
  /** Milliseconds before the second try; twice as many before each further one, at most a minute. Default 1000. */
  readonly delay?: number;
  /** Milliseconds without a byte after which a connection counts as broken. Default 60,000. */
  readonly patience?: number;
  readonly signal?: AbortSignal;
  /** Hears the bytes that are there, and how many there will be where the server says so. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
  /** Hears why something is tried again. */
  readonly onNote?: (note: string) => void;
}

/** Worth another try. `asked` is how long the server wants to be left alone, in milliseconds. */
class TransientFault extends Error {
  readonly asked: number | undefined;
  constructor(message: string, asked?: number) {
    super(message);
    this.asked = asked;
  }
}

const longestDelay = 60_000;

/** What a partial file is part of. Only a server that still has the very same file may continue it. */
const originSchema = z.strictObject({ url: z.string(), validator: z.string() });

/**
 * Fetches `url` (http or https, redirects are followed) into `path`, which appears only when it is whole and its checksum
 * is right. What has come so far is kept in `path.part`; the next call, in another process too, goes on from there if the
 * server says by `If-Range` that its file is unchanged.
 *
 * @throws DownloadError when the server refuses (404 and so on), too many tries fail, or the checksum is wrong
 * @throws FileSystemError; AbortedError with `resumable`
 */
export async function download(url: string, path: string, options: DownloadOptions = {}): Promise<void> {
  const { tries = 5, delay = 1000, onNote } = options;
  await FileSystemError.during('make', dirname(path), () => mkdir(dirname(path), { recursive: true }));
  let failed = 0;
  let had = await sizeOf(partOf(path));
  for (;;) {
    try {
      await fetchOnce(url, path, options);
      break;
    } catch (error) {
      if (options.signal?.aborted === true) {
        throw new AbortedError(
          `The download of ${url} was stopped; what has come stays in ${partOf(path)}.`,
          {
            cause: error,
            resumable: true,
          },
        );
      }
      if (!(error instanceof TransientFault)) throw error;
      const has = await sizeOf(partOf(path));
      failed = has > had ? 1 : failed + 1;
      had = has;
      if (failed >= tries) {
        throw new DownloadError(
          `Could not fetch ${url}: ${error.message}, ${failed} times in a row. Call again to go on after ${has} bytes, or give another address.`,
          { cause: error },
        );
      }
      const wait = Math.min(error.asked ?? delay * 2 ** (failed - 1), longestDelay);
      onNote?.(`${url}: ${error.message}; trying again in ${(wait / 1000).toFixed(1)} s.`);
      await after(wait, undefined, options.signal && { signal: options.signal }).catch(() => {});
    }
  }
  await checkDigest(url, path, options.checksum);
  await FileSystemError.during('rename', path, () => rename(partOf(path), path));
  await rm(originOf(path), { force: true });
}

function partOf(path: string): string {
  return `${path}.part`;
}

function originOf(path: string): string {
  return `${path}.part.json`;
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

/** One request: whatever it brings is in the partial file afterwards. */
async function fetchOnce(url: string, path: string, options: DownloadOptions): Promise<void> {
  const [validator, size] = [await validatorOf(url, path), await sizeOf(partOf(path))];
  const resumed = validator !== undefined && size > 0;
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (resumed) {
    headers.range = `bytes=${size}-`;
    headers['if-range'] = validator;
  }
  const watch = new Watch(options.patience ?? 60_000, options.signal);
  try {
    const response = await watch.over(fetch(url, { headers, signal: watch.signal }));
    const { status } = response;
    if (status === 416 && resumed) {
      await response.body?.cancel();
      if (totalOf(response) === size) return; // it had come in full
      await rm(partOf(path), { force: true });
      throw new TransientFault('the server has another file than the one begun');
    }
    refuse(url, response);
    const start = status === 206 ? size : 0;
    if (status === 206 && !(resumed && startOf(response) === size)) {
      await response.body?.cancel();
      throw new TransientFault('the server sent another part than the one asked for');
    }
    if (start === 0) await rememberOrigin(url, path, response);
    await receive(response, partOf(path), start, watch, options);
  } finally {
    watch.end();
  }
}

async function validatorOf(url: string, path: string): Promise<string | undefined> {
  const text = await readFile(originOf(path), 'utf8').catch(() => '');
  try {
    const origin = originSchema.parse(JSON.parse(text));
    return origin.url === url ? origin.validator : undefined;
  } catch {
    return undefined; // none, or half written: begin anew
  }
}

/** A weak ETag promises no equal bytes, so that `If-Range` may not carry it. */
async function rememberOrigin(url: string, path: string, response: Response): Promise<void> {
  const etag = response.headers.get('etag');
  const validator = etag !== null && !etag.startsWith('W/') ? etag : response.headers.get('last-modified');
  await FileSystemError.during('write', originOf(path), async () => {
    await rm(originOf(path), { force: true });
    await rm(partOf(path), { force: true });
    if (validator === null) return;
    const file = await open(originOf(path), 'w');
    await file.writeFile(JSON.stringify({ url, validator })).finally(() => file.close());
  });
}

function refuse(url: string, response: Response): void {
  const { status, statusText } = response;
  if (status === 200 || status === 206) return;
  const said = `the server answered ${status} ${statusText}`.trimEnd();
  void response.body?.cancel();
  if (status >= 500 || status === 408 || status === 429) {
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
    throw new TransientFault(said, Number.isFinite(seconds) ? seconds * 1000 : undefined);
  }
  throw new DownloadError(`Could not fetch ${url}: ${said}; check the address, or give that of a mirror.`);
}

function startOf(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? Number.NaN);
}

/** Bytes of the whole file, where the server says so. */
function totalOf(response: Response): number | undefined {
  const range = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
  if (range !== undefined) return Number(range);
  const length = response.headers.get('content-length');
  return response.status === 200 && length !== null ? Number(length) : undefined;
}

async function receive(
  response: Response,
  part: string,
  start: number,
  watch: Watch,
  { onProgress }: DownloadOptions,
): Promise<void> {
  const total = totalOf(response);
  const file = await FileSystemError.during('write', part, () => open(part, start === 0 ? 'w' : 'r+'));
  let done = start;
  try {
    onProgress?.(done, total);
    const reader = response.body?.getReader();
    while (reader !== undefined) {
      const { value, done: ended } = await watch.over(reader.read());
      if (ended) break;
      const at = done;
      await FileSystemError.during('write', part, () => writeAll(file, value, at));
      done += value.length;
      onProgress?.(done, total);
    }
  } finally {
    await file.close();
  }
  if (total !== undefined && done !== total) {
    throw new TransientFault(`${done} of ${total} bytes came before the connection ended`);
  }
}

async function writeAll(
  file: Awaited<ReturnType<typeof open>>,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += (await file.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}

async function checkDigest(url: string, path: string, checksum: Checksum | undefined): Promise<void> {
  if (checksum === undefined) return;
  const hash = createHash(checksum.algorithm);
  await FileSystemError.during('read', partOf(path), async () => {
    for await (const bytes of createReadStream(partOf(path))) hash.update(bytes as Buffer);
  });
  const digest = hash.digest('hex');
  if (digest === checksum.digest) return;
  // Continuing a wrong file would never make it right.
  await rm(partOf(path), { force: true });
  await rm(originOf(path), { force: true });
  throw new DownloadError(
    `Expected ${url} to have the ${checksum.algorithm} ${checksum.digest}, got ${digest}; what came was removed. ` +
      'Fetch it again, or from another address.',
  );
}

/** Ends a request that brings nothing for too long, and turns its faults into ours. */
class Watch {
  readonly #stalled = new AbortController();
  readonly #patience: number;
  readonly signal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;

  constructor(patience: number, outer: AbortSignal | undefined) {
    this.#patience = patience;
    this.signal = outer === undefined ? this.#stalled.signal : AbortSignal.any([this.#stalled.signal, outer]);
  }

  async over<T>(work: Promise<T>): Promise<T> {
    this.end();
    this.#timer = setTimeout(() => this.#stalled.abort(), this.#patience);
    try {
      return await work;
    } catch (error) {
      if (this.#stalled.signal.aborted)
        throw new TransientFault(`nothing came for ${this.#patience / 1000} s`);
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      throw new TransientFault(cause instanceof Error ? cause.message : String(cause));
    } finally {
      this.end();
    }
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
