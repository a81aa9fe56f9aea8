/** Pictures in files turned into bytes [H, W, 3] by sharp (libvips), off the JavaScript thread. */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { FileFormatError, FileSystemError } from '../errors.js';
import type { PictureOptions } from './read-options.js';

/** Part of the cache's key: another way to decode gives other pixels. */
export const decoderVersion = 1;

/** The file names that are taken for pictures. */
export const pictureName = /^[^.].*\.(png|jpe?g|webp)$/i;

export interface Picture {
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
}

let loaded: Promise<typeof import('sharp')['default']> | undefined;

/** sharp itself; a program that decodes nothing does not load it. */
export function loadSharp(): Promise<typeof import('sharp')['default']> {
  loaded ??= import('sharp').then(({ default: sharp }) => {
    // Pictures are decoded side by side, so each has one thread.
    sharp.concurrency(1);
    return sharp;
  });
  return loaded;
}

/** What decodes: pixels depend on it. */
export async function decoderName(): Promise<string> {
  const { versions } = await loadSharp();
  return `libvips ${versions.vips}`;
}

/**
 * Decodes a picture as RGB, turned upright by its orientation tag: grey becomes three equal channels, transparency is
 * dropped, 16 bits become 8, an animation gives its first frame.
 *
 * @throws FileFormatError naming the file, when it is no picture or is truncated
 * @throws FileSystemError when it cannot be read
 */
export async function decodePicture(path: string, options: PictureOptions = {}): Promise<Picture> {
  const { size, kernel = 'lanczos3' } = options;
  const bytes = await FileSystemError.during('read', path, () => readFile(path));
  const sharp = await loadSharp();
  try {
    let pipeline = sharp(bytes, { failOn: 'error' }).autoOrient().toColourspace('srgb').removeAlpha();
    if (size !== undefined) {
      // Without libvips' shrinking while it decodes JPEG, which is not the stated kernel.
      pipeline = pipeline.resize(size, size, { fit: 'cover', kernel, fastShrinkOnLoad: false });
    }
    const { data, info } = await pipeline.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return { pixels: inThreeChannels(data, info.channels), height: info.height, width: info.width };
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ');
    throw new FileFormatError(
      `${resolve(path)}: expected a whole PNG, JPEG or WebP picture, but: ${reason}; fetch it again, or leave such files out with corrupt=skip.`,
      { cause: error },
    );
  }
}

function inThreeChannels(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  const rgb = new Uint8Array((data.length / channels) * 3);
  for (let pixel = 0; pixel < data.length / channels; pixel++)
    rgb.fill(data[pixel * channels]!, 3 * pixel, 3 * pixel + 3);
  return rgb;
}
