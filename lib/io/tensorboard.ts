/**
 * TensorBoard event files: scalars, histograms and images, appended record by record.
 *
 * A file is a sequence of records: the length (uint64), its masked CRC-32C, an `Event` message of TensorFlow's event.proto,
 * the message's masked CRC-32C, all little-endian. A record that a kill cut short ends the file for every reader.
 */

import { open, readdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { crc32c } from '@aws-crypto/crc32c';
import protobuf from 'protobufjs/light.js';

import { ArgumentError, FileFormatError, FileSystemError } from '../errors.js';
import { writeFileAtomic } from './atomic-file.js';

/** A value of one tag at one step. */
export interface TensorBoardValue {
  readonly tag: string;
  readonly simpleValue?: number;
  readonly image?: TensorBoardImage;
  readonly histo?: TensorBoardHistogram;
}

/** An encoded picture; `colorspace` is its number of channels. */
export interface TensorBoardImage {
  readonly height: number;
  readonly width: number;
  readonly colorspace: number;
  /** PNG. */
  readonly encodedImageString: Uint8Array;
}

/** Counts by buckets that end at `bucketLimit`; the first begins at minus infinity. */
export interface TensorBoardHistogram {
  readonly min: number;
  readonly max: number;
  readonly num: number;
  readonly sum: number;
  readonly sumSquares: number;
  readonly bucketLimit: readonly number[];
  readonly bucket: readonly number[];
}

/** One record of an event file. */
export interface TensorBoardEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  readonly fileVersion?: string;
  readonly summary?: { readonly value: readonly TensorBoardValue[] };
}

/** The part of event.proto and summary.proto that is written here; field numbers are TensorFlow's. */
const messages: Record<string, protobuf.IType> = {
  Event: {
    oneofs: { what: { oneof: ['fileVersion', 'summary'] } },
    fields: {
      wallTime: { type: 'double', id: 1 },
      step: { type: 'int64', id: 2 },
      fileVersion: { type: 'string', id: 3 },
      summary: { type: 'Summary', id: 5 },
    },
  },
  Summary: { fields: { value: { rule: 'repeated', type: 'Value', id: 1 } } },
  Value: {
    oneofs: { value: { oneof: ['simpleValue', 'image', 'histo'] } },
    fields: {
      tag: { type: 'string', id: 1 },
      simpleValue: { type: 'float', id: 2 },
      image: { type: 'Image', id: 4 },
      histo: { type: 'HistogramProto', id: 5 },
    },
  },
  Image: {
    fields: {
      height: { type: 'int32', id: 1 },
      width: { type: 'int32', id: 2 },
      colorspace: { type: 'int32', id: 3 },
      encodedImageString: { type: 'bytes', id: 4 },
    },
  },
  HistogramProto: {
    fields: {
      min: { type: 'double', id: 1 },
      max: { type: 'double', id: 2 },
      num: { type: 'double', id: 3 },
      sum: { type: 'double', id: 4 },
      sumSquares: { type: 'double', id: 5 },
      bucketLimit: { rule: 'repeated', type: 'double', id: 6, options: { packed: true } },
      bucket: { rule: 'repeated', type: 'double', id: 7, options: { packed: true } },
    },
  },
};
const Event = protobuf.Root.fromJSON({ nested: messages }).lookupType('Event');

const FILE_NAME = /^events\.out\.tfevents\.\d+\./;
const FILE_VERSION = 'brain.Event:2';
const HEADER_BYTES = 12;
const FOOTER_BYTES = 4;

/** The event file of a run folder, made with the first value. Calls that are not awaited keep their order. */
export class TensorBoardLog {
  readonly #folder: string;
  readonly #now: () => number;
  #path: Promise<string> | undefined;
  #lastAppend: Promise<void> = Promise.resolve();

  /** @param now seconds since 1970; default: the clock */
  constructor(folder: string, now: () => number = () => Date.now() / 1000) {
    this.#folder = folder;
    this.#now = now;
  }

  /** Writes the finite numbers of a record, one scalar a tag. @throws FileSystemError */
  scalars(step: number, values: Readonly<Record<string, unknown>>): Promise<void> {
    const value = Object.entries(values).flatMap(([tag, simpleValue]) =>
      typeof simpleValue === 'number' && Number.isFinite(simpleValue) ? [{ tag, simpleValue }] : [],
    );
    return value.length === 0 ? Promise.resolve() : this.#write(step, value);
  }

  /** Writes how values are distributed; those that are not finite are left out. @throws FileSystemError */
  histogram(step: number, tag: string, values: ArrayLike<number>): Promise<void> {
    return this.#write(step, [{ tag, histo: histogramOf(values) }]);
  }

  /**
   * Writes a picture.
   *
   * @param pixels u8, row by row, `channels` interleaved
   * @param shape of the picture; 1, 3 or 4 channels
   * @throws ArgumentError when the number of pixels is another; FileSystemError
   */
  async image(
    step: number,
    tag: string,
    pixels: Uint8Array,
    shape: readonly [height: number, width: number, channels: number],
  ): Promise<void> {
    const [height, width, channels] = shape;
    if (pixels.length !== height * width * channels || (channels !== 1 && channels !== 3 && channels !== 4)) {
      throw new ArgumentError(
        `Expected ${height} x ${width} pixels of 1, 3 or 4 channels, got ${pixels.length} bytes for ${channels}.`,
      );
    }
    // Loaded late: only pictures need it.
    const { default: sharp } = await import('sharp');
    const encodedImageString = await sharp(pixels, { raw: { width, height, channels } }).png().toBuffer();
    await this.#write(step, [{ tag, image: { height, width, colorspace: channels, encodedImageString } }]);
  }

  /** Resolves when everything that was written is in the file. */
  flush(): Promise<void> {
    return this.#lastAppend;
  }

  /** Drops what was written after `step`, and a torn last record. @throws FileSystemError, FileFormatError */
  async truncateToStep(step: number): Promise<void> {
    await this.#lastAppend.catch(() => {});
    for (const path of await eventFiles(this.#folder)) {
      const kept = (await readEvents(path)).filter((event) => event.step <= step);
      await writeFileAtomic(path, Buffer.concat(kept.map(recordOf)));
    }
  }

  #write(step: number, value: readonly TensorBoardValue[]): Promise<void> {
    const record = recordOf({ wallTime: this.#now(), step, summary: { value } });
    const append = async () => {
      this.#path ??= this.#open();
      const path = await this.#path;
      await FileSystemError.during('append to', path, () => appendWhole(path, record));
    };
    this.#lastAppend = this.#lastAppend.then(append, append);
    return this.#lastAppend;
  }

  /** The newest file of the folder, or a new one. */
  async #open(): Promise<string> {
    const existing = (await eventFiles(this.#folder)).at(-1);
    if (existing !== undefined) return existing;
    const wallTime = this.#now();
    const name = `events.out.tfevents.${String(Math.floor(wallTime)).padStart(10, '0')}.${hostname()}`;
    const path = join(this.#folder, name);
    await writeFileAtomic(path, recordOf({ wallTime, step: 0, fileVersion: FILE_VERSION }));
    return path;
  }
}

/** The event files of a folder, the oldest first. */
export async function eventFiles(folder: string): Promise<string[]> {
  const names = await FileSystemError.during('list', folder, () => readdir(folder));
  return names
    .filter((name) => FILE_NAME.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/**
 * Reads the events of a file up to its end or a torn last record.
 *
 * @throws FileFormatError naming the offset of a record whose checksum is wrong; FileSystemError
 */
export async function readEvents(path: string): Promise<TensorBoardEvent[]> {
  const bytes = await FileSystemError.during('read', path, () => readFile(path));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: TensorBoardEvent[] = [];
  let offset = 0;
  while (offset + HEADER_BYTES <= bytes.length) {
    const damaged = () =>
      new FileFormatError(
        `${path}: expected an event with its checksum at offset ${offset}, found other bytes; remove the file to go on without its events.`,
      );
    const header = bytes.subarray(offset, offset + 8);
    if (view.getUint32(offset + 8, true) !== maskedCrc(header)) throw damaged();
    const length = Number(view.getBigUint64(offset, true));
    const end = offset + HEADER_BYTES + length;
    if (end + FOOTER_BYTES > bytes.length) break;
    const message = bytes.subarray(offset + HEADER_BYTES, end);
    if (view.getUint32(end, true) !== maskedCrc(message)) throw damaged();
    events.push(decoded(message));
    offset = end + FOOTER_BYTES;
  }
  return events;
}

function decoded(message: Uint8Array): TensorBoardEvent {
  const event = Event.toObject(Event.decode(message), { longs: Number, defaults: false });
  return { wallTime: 0, step: 0, ...event };
}

function recordOf(event: TensorBoardEvent): Uint8Array {
  const message = Event.encode(Event.fromObject(event)).finish();
  const record = new Uint8Array(HEADER_BYTES + message.length + FOOTER_BYTES);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(message.length), true);
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true);
  record.set(message, HEADER_BYTES);
  view.setUint32(HEADER_BYTES + message.length, maskedCrc(message), true);
  return record;
}

/** CRC-32C, turned so that a checksum of data that holds checksums stays sound (TensorFlow's lib/hash/crc32c.h). */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

async function appendWhole(path: string, record: Uint8Array): Promise<void> {
  const file = await open(path, 'a');
  try {
    const { size } = await file.stat();
    try {
      await file.writeFile(record);
    } catch (error) {
      await file.truncate(size);
      throw error;
    }
  } finally {
    await file.close();
  }
}

/** TensorFlow's limits: 1e-12 * 1.1^n up to 1e20, mirrored around 0, and the largest double. */
const bucketLimits = ((): readonly number[] => {
  const positive: number[] = [];
  for (let limit = 1e-12; limit < 1e20; limit *= 1.1) positive.push(limit);
  positive.push(Number.MAX_VALUE);
  return [...positive.map((limit) => -limit).reverse(), 0, ...positive];
})();

/** Counts of the finite values in TensorFlow's buckets; of neighbouring empty buckets only the last stays. */
export function histogramOf(values: ArrayLike<number>): TensorBoardHistogram {
  let [min, max, num, sum, sumSquares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, 0];
  const counts = new Float64Array(bucketLimits.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    num++;
    sum += value;
    sumSquares += value * value;
    counts[bucketOf(value)]!++;
  }
  if (num === 0) [min, max] = [0, 0];
  const [bucketLimit, bucket]: [number[], number[]] = [[], []];
  for (const [i, count] of counts.entries()) {
    const last = i === counts.length - 1;
    if (count === 0 && (last ? bucket.length > 0 : counts[i + 1] === 0)) continue;
    bucketLimit.push(bucketLimits[i]!);
    bucket.push(count);
  }
  return { min, max, num, sum, sumSquares, bucketLimit, bucket };
}

/** The first bucket whose limit is above the value. */
function bucketOf(value: number): number {
  let [low, high] = [0, bucketLimits.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bucketLimits[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
