/** Picture files as an ImageSet: from the cache, or decoded and put into it. */

import { createHash } from 'node:crypto';

import { device, memory } from '../device.js';
import { ArgumentError, FileFormatError, FileSystemError, OutOfMemoryError } from '../errors.js';
import type { ChannelStatistics } from '../nn/normalize.js';
import { tensor } from '../ops/create.js';
import { concat } from '../ops/layout.js';
import { noGrad, own } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { ChannelMoments } from './channel-moments.js';
import { decoderName, decoderVersion } from './decode-picture.js';
import { decodePictures, type LabelledFile, type PictureBlock } from './decode-pictures.js';
import { CacheReader, CacheWriter, cacheKey } from './decoded-cache.js';
import { ImageSet } from './image-set.js';
import { type PictureOptions, type ReadNotes, tell } from './read-options.js';

/** Images and what their channels are like. */
export interface PictureSet {
  readonly set: ImageSet;
  readonly statistics: ChannelStatistics;
}

/**
 * Reads picture files into device memory, in their order. Host memory stays bounded by a block.
 *
 * @param source names the set in the cache's list
 * @throws ArgumentError when no picture is left, or `size` is out of range
 * @throws FileFormatError, FileSystemError, ShapeError as `decodePictures`
 * @throws OutOfMemoryError when the images do not fit into the device's memory
 */
export async function readPictures(
  source: string,
  files: readonly LabelledFile[],
  options: PictureOptions & ReadNotes,
): Promise<PictureSet> {
  const { size, kernel = 'lanczos3', corrupt = 'error' } = options;
  if (size !== undefined && (!Number.isInteger(size) || size < 1 || size > 4096)) {
    throw new ArgumentError(`Expected a size from 1 to 4096 pixels, got ${size}.`);
  }
  const decoder = `${await decoderName()}, ${decoderVersion}`;
  const key = await cacheKey(files, { decoder, size: size ?? null, kernel, corrupt });
  const cached = await fromCache(key, files.length, options);
  return cached ?? (await decodeAndCache(source, key, files, options));
}

async function fromCache(key: string, files: number, notes: ReadNotes): Promise<PictureSet | undefined> {
  let collected: Collector | undefined;
  try {
    await using reader = await CacheReader.open(key);
    if (reader === undefined) return undefined;
    const { count, mean, std } = reader.footer;
    collected = new Collector(count);
    for await (const block of reader.blocks()) {
      await collected.add(block);
      notes.onProgress?.(collected.size, count);
    }
    if (count < files) {
      tell(
        notes,
        `Left out ${files - count} of ${files} pictures, as when they were decoded into the cache.`,
      );
    }
    return { set: collected.finish(), statistics: { mean, std } };
  } catch (error) {
    collected?.dispose();
    if (!(error instanceof FileFormatError)) throw error;
    tell(notes, `${error.message} The pictures are decoded again.`);
    return undefined;
  }
}

async function decodeAndCache(
  source: string,
  key: string,
  files: readonly LabelledFile[],
  options: PictureOptions & ReadNotes,
): Promise<PictureSet> {
  const collected = new Collector(files.length);
  const moments = new ChannelMoments(3);
  const cache = new OptionalWriter(options);
  let shape: { height: number; width: number } | undefined;
  try {
    await cache.create(key);
    for await (const block of decodePictures(files, options)) {
      shape = { height: block.height, width: block.width };
      await collected.add(block);
      moments.add(block.pixels);
      await cache.attempt((writer) => writer.append(block.pixels));
    }
    if (shape === undefined) {
      throw new ArgumentError(
        `Expected pictures in ${source}, but none of its ${files.length} files is one.`,
      );
    }
    const { mean, std } = moments.statistics();
    const content = { source, ...shape, mean: [...mean], std: [...std] };
    await cache.attempt((writer) => writer.commit(collected.labels(), content));
    return { set: collected.finish(), statistics: { mean, std } };
  } catch (error) {
    collected.dispose();
    throw error;
  } finally {
    await cache.close();
  }
}

/** The cache is a convenience: where it cannot be written, the data set is read all the same. */
class OptionalWriter {
  readonly #notes: ReadNotes;
  #writer: CacheWriter | undefined;

  constructor(notes: ReadNotes) {
    this.#notes = notes;
  }

  async create(key: string): Promise<void> {
    await this.#guard(async () => {
      this.#writer = await CacheWriter.create(key);
    });
  }

  async attempt(write: (writer: CacheWriter) => Promise<void>): Promise<void> {
    const writer = this.#writer;
    if (writer !== undefined) await this.#guard(() => write(writer));
  }

  async close(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.[Symbol.asyncDispose]();
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      tell(this.#notes, `The decoded pictures are not kept. ${error.message}`);
      await this.close();
    }
  }
}

/** Blocks on their way to the device. */
class Collector {
  readonly #expected: number;
  readonly #images: Tensor<'u8'>[] = [];
  readonly #labels: Int32Array[] = [];
  readonly #hash = createHash('sha256');
  size = 0;

  constructor(expected: number) {
    this.#expected = expected;
  }

  async add({ pixels, labels, height, width }: PictureBlock): Promise<void> {
    if (this.size <= 1) checkRoom(this.#expected, height, width);
    await device().ready();
    this.#hash.update(pixels);
    this.#images.push(own(tensor(pixels, [labels.length, height, width, 3])));
    this.#labels.push(labels);
    this.size += labels.length;
  }

  labels(): Int32Array {
    return Int32Array.from(this.#labels.flatMap((some) => [...some]));
  }

  finish(): ImageSet {
    const hostLabels = this.labels();
    const sha256 = this.#hash.update(new Uint8Array(hostLabels.buffer)).digest('hex');
    const [only, ...others] = this.#images;
    const images = others.length === 0 ? only! : own(noGrad(() => concat(this.#images, 0)));
    if (others.length > 0) this.dispose();
    return new ImageSet(images, tensor(hostLabels), hostLabels, sha256);
  }

  dispose(): void {
    for (const images of this.#images) images.dispose();
  }
}

function checkRoom(count: number, height: number, width: number): void {
  const bytes = count * height * width * 3;
  const { active, limit } = memory();
  // Twice for a moment: as blocks, and as one tensor.
  if (2 * bytes <= limit - active) return;
  const gigabytes = (value: number): string => `${(value / 1e9).toFixed(1)} GB`;
  throw new OutOfMemoryError(
    `Expected room for ${count} images of ${width} x ${height}, which take ${gigabytes(bytes)} and twice that while they ` +
      `are read, but ${gigabytes(Math.max(limit - active, 0))} of ${gigabytes(limit)} are free; ask for a smaller size ` +
      '(as in size=64), or raise the limit (setMemoryLimit).',
  );
}
