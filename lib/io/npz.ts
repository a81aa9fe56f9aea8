/** The .npz format of NumPy: a zip archive with one .npy file a tensor. Files of up to 4 GiB are written, larger ones read too. */

import type { HostTensor } from './host-tensor.js';
import { decodeNpy, encodeNpy } from './npy.js';
import { writeZip, ZipFile } from './zip.js';

const EXTENSION = '.npy';

/**
 * Reads all tensors of a .npz file, stored (`numpy.savez`) or deflated (`numpy.savez_compressed`).
 *
 * Half and double precision become f32, integers other than u8 i32, flags u8.
 *
 * @throws FileFormatError that names the entry and the fault, also for an archive that would inflate to far more than
 *   its size, an array of Python objects, or a number that does not fit its new type
 * @throws FileSystemError when the file cannot be read
 */
export async function readNpz(path: string): Promise<Map<string, HostTensor>> {
  const archive = await ZipFile.open(path, 'npz file');
  try {
    const tensors = new Map<string, HostTensor>();
    for (const entry of archive.entries.values()) {
      const { name } = entry;
      if (!name.endsWith(EXTENSION)) {
        throw archive.bytes.fault(entry.headerOffset, 'arrays (.npy) alone', JSON.stringify(name));
      }
      const tensor = decodeNpy(await archive.read(entry), `${path}, ${name}`);
      tensors.set(name.slice(0, -EXTENSION.length), tensor);
    }
    return tensors;
  } finally {
    await archive.close();
  }
}

/**
 * Writes tensors as `numpy.savez` would, in one step; equal tensors give equal bytes.
 *
 * @throws ArgumentError when a tensor does not agree with itself; UnsupportedError for 4 GiB and more
 * @throws FileSystemError when the disk is full and so on
 */
export async function writeNpz(path: string, tensors: ReadonlyMap<string, HostTensor>): Promise<void> {
  const names = [...tensors.keys()].sort();
  await writeZip(
    path,
    names.map((name) => [`${name}${EXTENSION}`, encodeNpy(name, tensors.get(name)!)] as const),
  );
}
