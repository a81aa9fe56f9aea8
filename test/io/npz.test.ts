import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';

import { ArgumentError, FileFormatError } from '../../lib/errors.js';
import type { HostTensor } from '../../lib/io/host-tensor.js';
import { decodeNpy, encodeNpy } from '../../lib/io/npy.js';
import { readNpz, writeNpz } from '../../lib/io/npz.js';
import { ZipFile } from '../../lib/io/zip.js';
import { temporaryFolder } from '../temporary-folder.js';
import { corpusPath } from './corpus.js';

const npy = (header: string, data: Uint8Array | number = 0, version = 1): Buffer => {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length.writeUIntLE(header.length, 0, length.length);
  const magic = Buffer.from([0x93, ...Buffer.from('NUMPY'), version, 0]);
  return Buffer.concat([
    magic,
    length,
    Buffer.from(header, 'latin1'),
    typeof data === 'number' ? Buffer.alloc(data) : data,
  ]);
};
const header = (descr: string, shape: string, order = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

describe('npy', () => {
  it.each<[string, Buffer, RegExp]>([
    ['nothing', Buffer.alloc(0), /starts with/],
    ['another magic', Buffer.from('PK\x03\x04 and more'), /starts with/],
    ['version 4', npy(header('<f4', '()'), 4, 4), /version 1, 2 or 3, found 4/],
    [
      'a header beyond the end',
      npy(header('<f4', '()'), 0).subarray(0, 30),
      /a header of \d+ bytes, found the end/,
    ],
    [
      'a header of gigabytes',
      Buffer.from([0x93, ...Buffer.from('NUMPY'), 2, 0, 255, 255, 255, 127]),
      /at most 65536 bytes/,
    ],
    ['code as header', npy("__import__('os').system('x')"), /a dictionary as header/],
    ['code as value', npy("{'descr': '<f4', 'fortran_order': False, 'shape': (f(),)}"), /only 'descr'/],
    ['a field twice', npy("{'descr': '<f4', 'descr': '<f4'}"), /'descr' twice/],
    ['a field too many', npy(header('<f4', '(1,)').replace('}', "'x': True}"), 4), /'shape' in the header/],
    ['a field too few', npy("{'descr': '<f4'}"), /in the header, found descr/],
    ['Python objects', npy(header('|O', '(1,)'), 8), /Python objects/],
    ['complex numbers', npy(header('<c8', '(1,)'), 8), /'<c8'/],
    ['a type of the prototype', npy(header('<toString', '(1,)'), 8), /'<toString'/],
    ['a negative extent', npy(header('<f4', '(-1,)')), /only 'descr'/],
    [
      'a number as shape',
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (,)}"),
      /a tuple of whole numbers/,
    ],
    ['a size that overflows', npy(header('<f4', '(9007199254740993, 3)')), /below 2\^53/],
    ['too few elements', npy(header('<f4', '(2,)'), 7), /8 bytes of F32 for shape \[2\], found 7/],
    ['too many elements', npy(header('<f4', '(2,)'), 9), /found 9/],
    ['a number that does not fit', npy(header('<u4', '(1,)'), Buffer.alloc(4, 255)), /4294967295 in U32/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeNpy(bytes, 'it')).toThrow(FileFormatError);
    expect(() => decodeNpy(bytes, 'it')).toThrow(message);
  });

  it('writes a header as numpy.save does: aligned to 64, ended by a new line', () => {
    const [bytes] = encodeNpy('w', { dtype: 'f32', shape: [3], data: new Float32Array(3) });
    const text = Buffer.from(bytes!).toString('latin1');
    expect(bytes!.length % 64).toBe(0);
    expect(text.slice(10).trimEnd()).toBe("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }");
    expect(text.endsWith(' \n')).toBe(true);
  });
});

interface Described {
  readonly shape: number[];
  readonly values: number[];
}

describe('npz', () => {
  it.each(['stored', 'deflated'])('reads what NumPy wrote: %s', async (name) => {
    const expected = JSON.parse(readFileSync(corpusPath('expected.json'), 'utf8')) as Record<
      string,
      Described
    >;
    const arrays = await readNpz(corpusPath(`${name}.npz`));
    expect([...arrays.keys()].sort()).toEqual(Object.keys(expected).sort());
    for (const [key, { shape, data }] of arrays) {
      expect({ shape, values: [...data] }, key).toEqual(expected[key]);
    }
  });

  it('gives back what was written, with equal bytes for any order', async () => {
    const folder = temporaryFolder();
    const entries: [string, HostTensor][] = [
      ['b/c', { dtype: 'f32', shape: [2, 2], data: Float32Array.of(1, 2, 3, Number.NaN) }],
      ['a', { dtype: 'i32', shape: [], data: Int32Array.of(-1) }],
      ['é', { dtype: 'u8', shape: [0], data: new Uint8Array(0) }],
    ];
    await writeNpz(join(folder, 'a.npz'), new Map(entries));
    await writeNpz(join(folder, 'b.npz'), new Map(entries.toReversed()));
    expect((await readFile(join(folder, 'a.npz'))).equals(await readFile(join(folder, 'b.npz')))).toBe(true);
    expect(await readNpz(join(folder, 'a.npz'))).toEqual(new Map(entries));
  });

  it('refuses a tensor that does not agree with itself, and keeps the earlier file', async () => {
    const path = join(temporaryFolder(), 'w.npz');
    await writeNpz(path, new Map([['w', { dtype: 'u8', shape: [1], data: Uint8Array.of(7) }]]));
    const wrong = new Map([['w', { dtype: 'f32' as const, shape: [3], data: new Float32Array(1) }]]);
    await expect(writeNpz(path, wrong)).rejects.toThrow(ArgumentError);
    expect((await readNpz(path)).get('w')?.data).toEqual(Uint8Array.of(7));
  });

  it('refuses what is no array, and Python objects', async () => {
    const path = join(temporaryFolder(), 'x.npz');
    await writeFile(path, zipSync({ 'readme.txt': strToU8('hello') }));
    await expect(readNpz(path)).rejects.toThrow(/arrays \(\.npy\) alone, found "readme\.txt"/);
    await expect(readNpz(corpusPath('objects.npz'))).rejects.toThrow(/trap\.npy: .*Python objects/);
  });
});

describe('zip', () => {
  const archive = (level: 0 | 9, content = new Uint8Array(1000)) =>
    Buffer.from(zipSync({ 'w.npy': content }, { level }));
  const CENTRAL = 0x02014b50;
  const centralOf = (bytes: Buffer) => {
    const signature = Buffer.alloc(4);
    signature.writeUInt32LE(CENTRAL);
    return bytes.lastIndexOf(signature);
  };
  const changed = (bytes: Buffer, change: (bytes: Buffer, central: number) => void): Buffer => {
    change(bytes, centralOf(bytes));
    return bytes;
  };

  it.each<[string, Buffer, RegExp]>([
    ['an empty file', Buffer.alloc(0), /end record, found none/],
    [
      'a bomb that says so',
      changed(archive(9), (b, at) => b.writeUInt32LE(2 ** 31, at + 24)),
      /at most 1032 times its \d+ bytes/,
    ],
    [
      'a bomb that does not',
      changed(archive(9), (b, at) => b.writeUInt32LE(10, at + 24)),
      /to inflate to 10 bytes/,
    ],
    [
      'an entry that inflates to less',
      changed(archive(9), (b, at) => b.writeUInt32LE(1001, at + 24)),
      /to inflate to 1001 bytes, found/,
    ],
    [
      'an encrypted entry',
      changed(archive(0), (b, at) => b.writeUInt16LE(1, at + 8)),
      /in clear, found it encrypted/,
    ],
    [
      'another compression',
      changed(archive(0), (b, at) => b.writeUInt16LE(14, at + 10)),
      /compression method 14/,
    ],
    [
      'a stored entry of two sizes',
      changed(archive(0), (b, at) => b.writeUInt32LE(999, at + 24)),
      /of one size/,
    ],
    [
      'data beyond the directory',
      changed(archive(0), (b, at) => {
        b.writeUInt32LE(5000, at + 20);
        b.writeUInt32LE(5000, at + 24);
      }),
      /entries before the directory/,
    ],
    [
      'changed bytes',
      changed(archive(0), (b) => {
        b[200] = 1;
      }),
      /w\.npy with CRC-32/,
    ],
    ['a moved entry', changed(archive(0), (b, at) => b.writeUInt32LE(3, at + 42)), /the header of w\.npy/],
  ])('refuses %s', async (_, bytes, message) => {
    const path = join(temporaryFolder(), 'x.zip');
    await writeFile(path, bytes);
    const reading = (async () => {
      await using zip = await ZipFile.open(path, 'zip');
      await zip.read(zip.entry('w.npy'));
    })();
    await expect(reading).rejects.toThrow(FileFormatError);
    await expect(reading).rejects.toThrow(message);
  });

  it('refuses entries that share bytes, and a name twice', async () => {
    const two = Buffer.from(
      zipSync({ 'a.npy': new Uint8Array(50), 'b.npy': new Uint8Array(50) }, { level: 0 }),
    );
    const second = centralOf(two);
    const path = join(temporaryFolder(), 'x.zip');
    const overlapping = Buffer.from(two);
    overlapping.writeUInt32LE(10, second + 42);
    await writeFile(path, overlapping);
    await expect(ZipFile.open(path, 'zip')).rejects.toThrow(/overlapping another/);
    const twice = Buffer.from(two);
    twice.write('a', second + 46);
    await writeFile(path, twice);
    await expect(ZipFile.open(path, 'zip')).rejects.toThrow(/every name once, found a\.npy twice/);
  });
});
