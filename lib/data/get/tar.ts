/** Unpacks tar archives (POSIX.1-1988 ustar, pax and GNU long names) from a stream, a block at a time. */

import { FileFormatError } from '../../errors.js';
import { EntryFile, targetOf } from './archive-entry.js';

const blockBytes = 512;
/** A longer name or pax header is not one. */
const mostHeaderBytes = 1 << 20;

/**
 * Writes the files of a tar stream below `folder`, without the archive's top folder `top`. Memory stays bounded by the
 * stream's own blocks.
 *
 * @param name of the archive, for errors
 * @throws FileFormatError when it is truncated or corrupt, a name leads out of `top`, or an entry is a link or device
 */
export async function unpackTar(
  name: string,
  stream: AsyncIterable<Uint8Array>,
  folder: string,
  top: string,
): Promise<void> {
  const source = new ByteSource(name, stream);
  const known = new Set<string>();
  let longName: string | undefined;
  for (;;) {
    const head = await source.exactly(blockBytes);
    if (head.every((byte) => byte === 0)) break; // two of them end an archive
    const entry = parseHead(name, head);
    const padding = (blockBytes - (entry.size % blockBytes)) % blockBytes;
    if (entry.type === 'x' || entry.type === 'L' || entry.type === 'g') {
      if (entry.size > mostHeaderBytes) throw corrupt(name, `a header of ${entry.size} bytes`);
      const content = Buffer.from(await source.exactly(entry.size));
      await source.exactly(padding);
      if (entry.type === 'L') longName = textOf(content);
      else if (entry.type === 'x') longName = paxPath(name, content) ?? longName;
      continue;
    }
    const path = longName ?? entry.name;
    longName = undefined;
    const target = targetOf(name, path, folder, top);
    if (entry.type === '5') {
      await source.skip(entry.size + padding);
    } else if (entry.type === '0' || entry.type === '\0') {
      if (target === undefined) throw corrupt(name, `a file in place of the folder ${top}`);
      const file = await EntryFile.create(target, known);
      try {
        await source.forward(entry.size, (bytes) => file.write(bytes));
      } finally {
        await file.close();
      }
      await source.exactly(padding);
    } else {
      throw corrupt(name, `'${path}', which is neither file nor folder (type ${JSON.stringify(entry.type)})`);
    }
  }
  await source.drain();
}

interface Head {
  readonly name: string;
  readonly size: number;
  readonly type: string;
}

function parseHead(archive: string, head: Uint8Array): Head {
  const block = Buffer.from(head.buffer, head.byteOffset, head.length);
  const text = (start: number, length: number): string => textOf(block.subarray(start, start + length));
  const sum = block.reduce((total, byte, place) => total + (place >= 148 && place < 156 ? 32 : byte), 0);
  if (octal(text(148, 8)) !== sum) throw corrupt(archive, 'a header whose checksum is wrong');
  const size = octal(text(124, 12));
  if (size === undefined || !Number.isSafeInteger(size)) throw corrupt(archive, 'a header without a size');
  const prefix = text(257, 5) === 'ustar' && text(257, 8) !== 'ustar  ' ? text(345, 155) : '';
  return {
    name: prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`,
    size,
    type: String.fromCharCode(block[156]!),
  };
}

function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

function octal(text: string): number | undefined {
  return /^ *[0-7]+ *$/.test(text) ? Number.parseInt(text.trim(), 8) : undefined;
}

/** The path among pax records, each "length key=value\n". */
function paxPath(archive: string, content: Buffer): string | undefined {
  let path: string | undefined;
  for (let start = 0; start < content.length; ) {
    const [digits] = /^\d{1,7} /.exec(content.toString('latin1', start, start + 8)) ?? [];
    const length = Number(digits ?? 0);
    if (length < 5 || start + length > content.length)
      throw corrupt(archive, 'a pax header that makes no sense');
    const [, key, value] =
      /^\d+ ([^=]+)=(.*)\n$/s.exec(content.toString('utf8', start, start + length)) ?? [];
    if (key === 'path') path = value;
    if (key === 'size') throw corrupt(archive, 'a file of more than 8 GB');
    start += length;
  }
  return path;
}

function corrupt(archive: string, what: string): FileFormatError {
  return new FileFormatError(`${archive}: expected a tar archive of files and folders, found ${what}.`);
}

/** Bytes in the amounts that are asked for, out of blocks as they come. */
class ByteSource {
  readonly #name: string;
  readonly #parts: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(name: string, stream: AsyncIterable<Uint8Array>) {
    this.#name = name;
    this.#parts = stream[Symbol.asyncIterator]();
  }

  async exactly(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let filled = 0;
    await this.forward(length, async (part) => {
      bytes.set(part, filled);
      filled += part.length;
    });
    return bytes;
  }

  async skip(length: number): Promise<void> {
    await this.forward(length, async () => {});
  }

  /** Hands `length` bytes on, part by part. @throws FileFormatError when the stream ends before */
  async forward(length: number, write: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    for (let left = length; left > 0; ) {
      if (this.#rest.length === 0) {
        const { value, done } = await this.#parts.next();
        if (done === true) throw corrupt(this.#name, 'its end too early: it is truncated');
        this.#rest = value;
      }
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      if (part.length > 0) await write(part);
    }
  }

  /** Reads to the end, so that what decompresses the stream checks its own. */
  async drain(): Promise<void> {
    while ((await this.#parts.next()).done !== true);
  }
}
