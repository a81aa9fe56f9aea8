/** Many pictures decoded side by side, in order, a bounded number at a time. */

import { availableParallelism } from 'node:os';

import { FileFormatError, ShapeError } from '../errors.js';
import { decodePicture, type Picture } from './decode-picture.js';
import { type PictureOptions, type ReadNotes, tell } from './read-options.js';

/** A picture file with its label. */
export interface LabelledFile {
  readonly path: string;
  /** Below the data set's folder, with slashes: the same wherever the folder is. */
  readonly name: string;
  readonly label: number;
}

/** Decoded pictures one after the other, [n, H, W, 3], with their labels. */
export interface PictureBlock {
  readonly pixels: Uint8Array;
  readonly labels: Int32Array;
  readonly height: number;
  readonly width: number;
}

/** Host memory of one block. */
const blockBytes = 32 << 20;
/** Threads of libuv's pool, which decodes. */
const inFlight = Math.max(2, Math.min(4, availableParallelism()));
const namedInNote = 3;

/**
 * Decodes files in their order.
 *
 * @throws FileFormatError, FileSystemError as `decodePicture`, unless `corrupt` is skip
 * @throws ShapeError naming two files, when no size is asked for and theirs differ
 */
export async function* decodePictures(
  files: readonly LabelledFile[],
  options: PictureOptions & ReadNotes,
): AsyncGenerator<PictureBlock, void, undefined> {
  const skipped: string[] = [];
  let first: (Picture & { name: string }) | undefined;
  let next = 0;
  while (next < files.length) {
    const perBlock = first === undefined ? 1 : Math.max(1, Math.floor(blockBytes / first.pixels.length));
    const before = next;
    const chosen = files.slice(before, before + perBlock);
    const pictures = await decodeAll(chosen, options, skipped, (done) =>
      options.onProgress?.(before + done, files.length),
    );
    next += chosen.length;
    const kept: { picture: Picture; label: number }[] = [];
    for (const [place, picture] of pictures.entries()) {
      if (picture === undefined) continue;
      const { name, label } = chosen[place]!;
      first ??= { ...picture, name };
      checkSize(first, picture, name);
      kept.push({ picture, label });
    }
    if (first === undefined || kept.length === 0) continue;
    const pixels = new Uint8Array(kept.length * first.pixels.length);
    for (const [place, { picture }] of kept.entries())
      pixels.set(picture.pixels, place * first.pixels.length);
    const labels = Int32Array.from(kept, ({ label }) => label);
    yield { pixels, labels, height: first.height, width: first.width };
  }
  if (skipped.length > 0) {
    const named = skipped.slice(0, namedInNote).join(' ');
    const more = skipped.length > namedInNote ? ` And ${skipped.length - namedInNote} more.` : '';
    tell(options, `Left out ${skipped.length} of ${files.length} pictures. ${named}${more}`);
  }
}

async function decodeAll(
  files: readonly LabelledFile[],
  options: PictureOptions,
  skipped: string[],
  onDone: (done: number) => void,
): Promise<(Picture | undefined)[]> {
  const pictures = new Array<Picture | undefined>(files.length);
  const errors = new Array<unknown>(files.length);
  const faults = new Array<string | undefined>(files.length);
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    while (next < files.length) {
      const place = next++;
      try {
        pictures[place] = await decodePicture(files[place]!.path, options);
      } catch (error) {
        if (options.corrupt !== 'skip' || !(error instanceof FileFormatError)) {
          errors[place] = error;
          next = files.length; // the others stop too
          return;
        }
        faults[place] = error.message;
      }
      onDone(++done);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  // The first in the order of the files, whichever came first in time.
  const failed = errors.findIndex((error) => error !== undefined);
  if (failed >= 0) throw errors[failed];
  skipped.push(...faults.filter((fault) => fault !== undefined));
  return pictures;
}

function checkSize(first: Picture & { name: string }, picture: Picture, name: string): void {
  if (picture.height === first.height && picture.width === first.width) return;
  throw new ShapeError(
    `Expected pictures of one size, but ${first.name} is ${first.width} x ${first.height} and ${name} is ` +
      `${picture.width} x ${picture.height}; state the side to resize and crop them to, as in size=64.`,
  );
}
