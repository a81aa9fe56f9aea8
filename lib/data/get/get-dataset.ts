/** Public data sets, fetched and unpacked. */

import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

import {
  ArgumentError,
  DownloadError,
  FileFormatError,
  FileSystemError,
  LapidaryError,
} from '../../errors.js';
import { nearestWord } from '../../nearest-word.js';
import { type Checksum, type DownloadOptions, download } from './download.js';
import { unpackTar } from './tar.js';
import { unpackZip } from './zip.js';

/** Where a data set is published, and what is in its archive. */
export interface Archive {
  readonly url: string;
  readonly checksum: Checksum;
  /** The archive's only top folder. */
  readonly folder: string;
  /** Of the spec that opens it. */
  readonly kind: string;
}

/** The archives that `getDataset` knows, with the checksums of their publishers. */
export const archives = {
  cifar10: {
    url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
    checksum: { algorithm: 'md5', digest: 'c32a1d4ab5d03f1284b67883e8d13530' },
    folder: 'cifar-10-batches-bin',
    kind: 'cifar10',
  },
  cifar100: {
    url: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
    checksum: { algorithm: 'md5', digest: '03b5dce01913d631647c71ecec9e9cb8' },
    folder: 'cifar-100-binary',
    kind: 'cifar100',
  },
  'tiny-imagenet': {
    url: 'http://cs231n.stanford.edu/tiny-imagenet-200.zip',
    checksum: { algorithm: 'md5', digest: '90528d7ca1a48142e341f4ef8d21d0de' },
    folder: 'tiny-imagenet-200',
    kind: 'tiny-imagenet',
  },
} as const satisfies Record<string, Archive>;

export type ArchiveName = keyof typeof archives;

export interface GetOptions extends Omit<DownloadOptions, 'checksum'> {
  /** The folder to unpack into. Default: the working directory. */
  readonly out?: string;
  /** Mirrors, tried in this order instead of the publisher's address. The checksum stays the publisher's. */
  readonly urls?: readonly string[];
  /** Instead of what the publisher says, as for a local copy that was packed again. */
  readonly checksum?: Checksum;
}

/** What `getDataset` did. */
export interface GotDataset {
  /** As `openDataset` takes it. */
  readonly spec: string;
  readonly folder: string;
  /** Whether the folder was there already, so that nothing was fetched. */
  readonly found: boolean;
}

/**
 * Fetches a data set and unpacks it into a folder of its own in `out`. That folder appears at once, whole, at the end; if
 * it is there already, nothing is done.
 *
 * @throws ArgumentError for a name that is not known; DownloadError, AbortedError as `download`, when every address failed
 * @throws FileFormatError when the archive is corrupt or holds what does not belong there; FileSystemError
 */
export async function getDataset(name: string, options: GetOptions = {}): Promise<GotDataset> {
  const archive = archiveNamed(name);
  const { out = '.', urls = [archive.url], checksum = archive.checksum } = options;
  const folder = resolve(out, archive.folder);
  const spec = `${archive.kind}:${folder}`;
  if ((await stat(folder).catch(() => undefined))?.isDirectory()) return { spec, folder, found: true };
  const file = resolve(out, archive.url.slice(archive.url.lastIndexOf('/') + 1));
  if ((await stat(file).catch(() => undefined)) === undefined) {
    await downloadFromAny(urls, file, { ...options, checksum });
  }
  await unpackInto(file, folder, archive.folder);
  await rm(file, { force: true });
  return { spec, folder, found: false };
}

function archiveNamed(name: string): Archive {
  if (Object.hasOwn(archives, name)) return archives[name as ArchiveName];
  const names = Object.keys(archives);
  const near = nearestWord(name, names);
  const hint = near === undefined ? '' : ` Did you mean '${near}'?`;
  throw new ArgumentError(`Expected one of ${names.join(', ')}, got '${name}'.${hint}`);
}

async function downloadFromAny(
  urls: readonly string[],
  file: string,
  options: DownloadOptions,
): Promise<void> {
  const failures: DownloadError[] = [];
  for (const url of urls) {
    if (!URL.canParse(url) || !/^https?:/.test(url)) {
      throw new ArgumentError(`Expected an address that begins with http:// or https://, got '${url}'.`);
    }
    try {
      return await download(url, file, options);
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      failures.push(error);
    }
  }
  throw new DownloadError(failures.map(({ message }) => message).join(' '), { cause: failures.at(-1) });
}

/**
 * The archive was checked, so files are not synced to the disk one by one: of 110,000 that takes minutes.
 */
async function unpackInto(file: string, folder: string, top: string): Promise<void> {
  const parent = resolve(folder, '..');
  const temporary = await FileSystemError.during('make', parent, async () => {
    await mkdir(parent, { recursive: true });
    return mkdtemp(join(parent, `.${top}.`));
  });
  try {
    if (file.endsWith('.zip')) await unpackZip(file, temporary, top);
    else await unpackTarGz(file, temporary, top);
    await rename(temporary, folder);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {});
    throw FileSystemError.from(error, 'unpack', file);
  }
}

async function unpackTarGz(file: string, folder: string, top: string): Promise<void> {
  try {
    await pipeline(createReadStream(file), createGunzip(), (stream: AsyncIterable<Buffer>) =>
      unpackTar(file, stream, folder, top),
    );
  } catch (error) {
    if (error instanceof LapidaryError || !isZlibError(error)) throw error;
    throw new FileFormatError(`${file}: expected a gzip archive, but ${error.message}.`, { cause: error });
  }
}

function isZlibError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');
}
