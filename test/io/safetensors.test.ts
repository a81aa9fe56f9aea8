import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArgumentError, DisposedError, FileFormatError, FileSystemError } from '../../lib/errors.js';
import type { HostTensor } from '../../lib/io/host-tensor.js';
import { readSafetensors, SafetensorsFile, writeSafetensors } from '../../lib/io/safetensors.js';
import { temporaryFolder } from '../temporary-folder.js';

function encode(header: string | object, data: Uint8Array | number = 0, length?: bigint): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header), 'latin1');
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(text.length));
  return Buffer.concat([prefix, text, typeof data === 'number' ? Buffer.alloc(data) : data]);
}

const entry = (dtype: string, shape: unknown, begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

async function fileOf(bytes: Uint8Array): Promise<string> {
  const path = join(temporaryFolder(), 'planted.safetensors');
  await writeFile(path, bytes);
  return path;
}

const f32 = (shape: number[], values: number[]): HostTensor => ({
  dtype: 'f32',
  shape,
  data: new Float32Array(values),
});
const u8 = (values: number[]): HostTensor => ({
  dtype: 'u8',
  shape: [values.length],
  data: new Uint8Array(values),
});

describe('faults', () => {
  // The length field, then what the header says, then what the file holds. Offsets are those of the message.
  const faults: [string, Uint8Array, string | RegExp][] = [
    ['an empty file', Buffer.alloc(0), 'offset 0: expected a header length of 8 bytes'],
    ['a file of 7 bytes', Buffer.alloc(7), 'a file of 7 bytes'],
    [
      'a header above 100 MB',
      encode('{}', 0, 100_000_001n),
      'at most 100000000 bytes, found a length of 100000001',
    ],
    ['a header length of 2^64 - 1', encode('{}', 0, 2n ** 64n - 1n), 'a length of 18446744073709551615'],
    ['a header behind the end', encode('{}', 0, 99n), "within the file's 10 bytes, found one of 99 bytes"],
    ['a header of no bytes', encode(''), 'offset 8: expected a header that starts with "{"'],
    ['a header that is a list', encode('[]'), 'starts with "{", found "[]"'],
    ['a header with a blank in front', encode(' {}'), 'starts with "{"'],
    ['broken JSON', encode('{"a":'), 'expected a header in JSON'],
    ['bytes that are not UTF-8', encode('{"\xff":1}'), 'expected a header in UTF-8'],
    [
      'a name twice',
      encode(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        1,
      ),
      'every name once, found "a" twice',
    ],
    [
      'a name twice, once escaped',
      encode(
        '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
      ),
      '"a" twice',
    ],
    [
      'a field twice',
      encode('{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
      '"dtype" twice',
    ],
    [
      'metadata that is text',
      encode({ __metadata__: 'x' }),
      '__metadata__ to map names to strings, found "x"',
    ],
    [
      'metadata that is null',
      encode({ __metadata__: null }),
      '__metadata__ to map names to strings, found null',
    ],
    ['metadata with a number', encode({ __metadata__: { step: 3 } }), 'found {"step":3}'],
    [
      'an entry that is no object',
      encode({ a: 1 }),
      'tensor "a" to have dtype, shape and data_offsets, found 1',
    ],
    [
      'an unknown dtype',
      encode({ a: entry('F4', [1], 0, 1) }, 1),
      /tensor "a" to have a dtype of F32, .*found "F4"/,
    ],
    ['a dtype of the prototype', encode({ a: entry('toString', [1], 0, 1) }, 1), 'found "toString"'],
    ['no dtype', encode({ a: { shape: [1], data_offsets: [0, 1] } }, 1), /dtype of .*found nothing/],
    ['an unknown field', encode({ a: { ...entry('U8', [1], 0, 1), pickle: 1 } }, 1), 'found {"pickle":1}'],
    ['a negative extent', encode({ a: entry('U8', [-1], 0, 1) }, 1), 'a shape of whole numbers, found [-1]'],
    ['a fractional extent', encode({ a: entry('U8', [0.5], 0, 1) }, 1), 'a shape of whole numbers'],
    ['a shape that is a number', encode({ a: entry('U8', 1, 0, 1) }, 1), 'a shape of whole numbers, found 1'],
    [
      'a size that overflows',
      encode({ a: entry('F32', [2 ** 40, 2 ** 40], 0, 4) }, 4),
      'a size below 2^53 bytes',
    ],
    [
      'one offset',
      encode({ a: { ...entry('U8', [1], 0, 1), data_offsets: [0] } }, 1),
      'two data_offsets, found [0]',
    ],
    [
      'three offsets',
      encode({ a: { ...entry('U8', [1], 0, 1), data_offsets: [0, 1, 2] } }, 1),
      'two data_offsets',
    ],
    [
      'offsets that are text',
      encode({ a: { ...entry('U8', [1], 0, 1), data_offsets: ['0', '1'] } }, 1),
      'two data_offsets',
    ],
    ['offsets that go back', encode({ a: entry('U8', [1], 1, 0) }, 1), 'data_offsets 1 bytes apart'],
    [
      'a size other than the shape',
      encode({ a: entry('F32', [2], 0, 4) }, 4),
      '8 bytes apart, for F32 of shape [2], found [0,4]',
    ],
    [
      'a hole in front',
      encode({ a: entry('U8', [1], 1, 2) }, 2),
      /tensor "a" to start at \d+, found a hole of 1 bytes/,
    ],
    [
      'a hole between',
      encode({ a: entry('U8', [1], 0, 1), b: entry('U8', [1], 3, 4) }, 4),
      'a hole of 2 bytes',
    ],
    [
      'an overlap',
      encode({ a: entry('U8', [3], 0, 3), b: entry('U8', [2], 1, 3) }, 3),
      'an overlap of 2 bytes',
    ],
    [
      'the same bytes twice',
      encode({ a: entry('U8', [3], 0, 3), b: entry('U8', [3], 0, 3) }, 3),
      'an overlap of 3 bytes',
    ],
    [
      'a truncated file',
      encode({ a: entry('F32', [2], 0, 8) }, 7),
      /tensor data up to \d+, found the end of the file/,
    ],
    ['bytes behind the data', encode({ a: entry('U8', [1], 0, 1) }, 3), 'found 2 bytes that no tensor owns'],
  ];

  it.each(faults)('refuses %s', async (_, bytes, message) => {
    const path = await fileOf(bytes);
    const error: unknown = await SafetensorsFile.open(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FileFormatError);
    const text = (error as Error).message;
    expect(text).toMatch(message);
    expect(text.startsWith(`${path}, offset `)).toBe(true);
  });

  it('names the offset of a truncation', async () => {
    const whole = encode({ a: entry('F32', [2], 0, 8) }, 8);
    const path = await fileOf(whole.subarray(0, -3));
    await expect(SafetensorsFile.open(path)).rejects.toThrow(`offset ${whole.length - 3}: `);
  });

  it('names a missing file', async () => {
    const path = join(temporaryFolder(), 'none');
    await expect(SafetensorsFile.open(path)).rejects.toThrow(FileSystemError);
    await expect(SafetensorsFile.open(path)).rejects.toThrow(/none \(ENOENT\)/);
  });

  it.each([
    ['F64', new Float64Array([1, 1e39]), /Element 1 is 1e\+39 in F64/],
    ['I64', new BigInt64Array([5n, -(2n ** 31n) - 1n]), /Element 1 is -2147483649 in I64/],
  ])('refuses a number of %s that does not fit', async (dtype, values, message) => {
    const path = await fileOf(encode({ w: entry(dtype, [2], 0, 16) }, new Uint8Array(values.buffer)));
    await expect(readSafetensors(path)).rejects.toThrow(FileFormatError);
    await expect(readSafetensors(path)).rejects.toThrow(message);
  });
});

describe('SafetensorsFile', () => {
  it('reads the tensor asked for and no other', async () => {
    const path = join(temporaryFolder(), 'a.safetensors');
    await writeSafetensors(
      path,
      new Map([
        ['a', f32([2], [1, 2])],
        ['b', f32([2], [3, 4])],
      ]),
    );
    const file = await SafetensorsFile.open(path);
    const b = file.entries.get('b')!;
    await truncate(path, b.offset + 3);
    expect(await file.read('a')).toEqual(f32([2], [1, 2]));
    await expect(file.read('b')).rejects.toThrow(`offset ${b.offset + 3}: expected 5 more bytes`);
    await expect(file.read('c')).rejects.toThrow(/no tensor "c"; it holds 2: a, b/);
    await file.close();
    await file.close();
    await expect(file.read('a')).rejects.toThrow(DisposedError);
  });

  it('converts the other types of the format', async () => {
    const bits = (values: ArrayBufferView) => new Uint8Array(values.buffer);
    const halves = [0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0x8000];
    const data = Buffer.concat([
      bits(new Float64Array([0.1, Number.NEGATIVE_INFINITY])),
      bits(new BigInt64Array([-7n, 2n ** 31n - 1n])),
      bits(new Uint16Array(halves)),
      bits(new Uint16Array([0x3f80, 0xc049])),
      Uint8Array.of(1, 0),
    ]);
    const path = await fileOf(
      encode(
        {
          f64: entry('F64', [2], 0, 16),
          i64: entry('I64', [2], 16, 32),
          f16: entry('F16', [6], 32, 44),
          bf16: entry('BF16', [2], 44, 48),
          bool: entry('BOOL', [2], 48, 50),
        },
        data,
      ),
    );
    const { tensors } = await readSafetensors(path);
    expect(tensors.get('f64')?.data).toEqual(Float32Array.of(0.1, Number.NEGATIVE_INFINITY));
    expect(tensors.get('i64')?.data).toEqual(Int32Array.of(-7, 2147483647));
    expect(tensors.get('f16')?.data).toEqual(
      Float32Array.of(1, -2, 2 ** -24, 65504, Number.POSITIVE_INFINITY, -0),
    );
    expect(tensors.get('bf16')?.data).toEqual(Float32Array.of(1, -3.140625));
    expect(tensors.get('bool')).toEqual({ dtype: 'u8', shape: [2], data: Uint8Array.of(1, 0) });
  });

  it('reads an empty file and padded headers', async () => {
    expect((await readSafetensors(await fileOf(encode('{}      ')))).tensors.size).toBe(0);
  });
});

describe('writeSafetensors', () => {
  it('gives equal bytes for any order, aligned', async () => {
    const folder = temporaryFolder();
    const entries: [string, HostTensor][] = [
      ['odd', u8([1, 2, 3])],
      ['10', f32([1, 1], [5])],
      ['9', { dtype: 'i32', shape: [], data: Int32Array.of(-1) }],
    ];
    await writeSafetensors(join(folder, 'a'), new Map(entries), { b: '2', a: '1' });
    await writeSafetensors(join(folder, 'b'), new Map([...entries].reverse()), { a: '1', b: '2' });
    const bytes = await readFile(join(folder, 'a'));
    expect(bytes.equals(await readFile(join(folder, 'b')))).toBe(true);

    const dataStart = 8 + Number(bytes.readBigUInt64LE());
    expect(dataStart % 8).toBe(0);
    expect(bytes.subarray(8, dataStart).toString().trimEnd()).toBe(
      '{"__metadata__":{"a":"1","b":"2"},' +
        '"10":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},' +
        '"9":{"dtype":"I32","shape":[],"data_offsets":[4,8]},' +
        '"odd":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}',
    );
  });

  it.each<[string, string, HostTensor, RegExp]>([
    ['a reserved name', '__metadata__', u8([1]), /reserves/],
    ['data of another length', 'w', f32([3], [1]), /shape \[3\] needs 3 elements, but its data has 1/],
    [
      'data of another type',
      'w',
      { dtype: 'i32', shape: [1], data: Float32Array.of(1) },
      /needs a Int32Array/,
    ],
    ['a negative extent', 'w', f32([-1], []), /whole number/],
  ])('refuses %s and keeps the earlier file', async (_, name, tensor, message) => {
    const path = join(temporaryFolder(), 'w.safetensors');
    await writeSafetensors(path, new Map([['old', u8([7])]]));
    await expect(writeSafetensors(path, new Map([[name, tensor]]))).rejects.toThrow(ArgumentError);
    await expect(writeSafetensors(path, new Map([[name, tensor]]))).rejects.toThrow(message);
    expect((await readSafetensors(path)).tensors.get('old')).toEqual(u8([7]));
  });
});

describe('at random', () => {
  const tensor: fc.Arbitrary<HostTensor> = fc
    .tuple(fc.constantFrom('f32', 'i32', 'u8'), fc.array(fc.nat({ max: 4 }), { maxLength: 4 }), fc.nat())
    .map(([dtype, shape, seed]) => {
      const count = shape.reduce((a, b) => a * b, 1);
      const values = Array.from({ length: count }, (_, i) => (seed + i * 7919) % 256);
      if (dtype === 'f32') return { dtype, shape, data: Float32Array.from(values, (v) => v / 3) };
      return dtype === 'i32'
        ? { dtype, shape, data: Int32Array.from(values, (v) => -v) }
        : { dtype, shape, data: Uint8Array.from(values) };
    });
  const name = fc.string({ unit: 'binary' }).filter((text) => text !== '__metadata__');
  const content = fc.tuple(
    fc.array(fc.tuple(name, tensor), { maxLength: 6 }).map((entries) => new Map(entries)),
    fc.dictionary(name, fc.string({ unit: 'binary' })),
  );

  it('gives back what was written', async () => {
    const path = join(temporaryFolder(), 'r.safetensors');
    await fc.assert(
      fc.asyncProperty(content, async ([tensors, metadata]) => {
        await writeSafetensors(path, tensors, metadata);
        const read = await readSafetensors(path);
        expect(read.tensors).toEqual(tensors);
        expect(Object.entries(read.metadata).sort()).toEqual(Object.entries(metadata).sort());
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it('survives damage: a fault is named, and what opens covers the file without hole or overlap', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'whole');
    await writeSafetensors(
      path,
      new Map([
        ['a', f32([2, 3], [1, 2, 3, 4, 5, 6])],
        ['b', u8([1, 2, 3])],
      ]),
      { k: 'v' },
    );
    const whole = await readFile(path);
    const damage = fc.array(
      fc.tuple(fc.nat({ max: 220 }), fc.constantFrom(...'{}[]",:0123456789.eFUI\\ \0\xff')),
      {
        minLength: 1,
        maxLength: 3,
      },
    );
    const outcomes = { refused: 0, opened: 0 };
    await fc.assert(
      fc.asyncProperty(damage, fc.nat({ max: 6 }), async (changes, cut) => {
        const bytes = Buffer.from(whole.subarray(0, whole.length - Math.max(0, cut - 4)));
        for (const [at, letter] of changes) bytes[at % bytes.length] = letter.charCodeAt(0);
        await writeFile(path, bytes);
        try {
          const file = await SafetensorsFile.open(path);
          let end = 8 + Number(bytes.readBigUInt64LE());
          for (const { offset, byteLength } of file.entries.values()) {
            expect(offset).toBe(end);
            end += byteLength;
          }
          expect(end).toBe(bytes.length);
          await file.close();
          outcomes.opened++;
        } catch (error) {
          expect(error).toBeInstanceOf(FileFormatError);
          outcomes.refused++;
        }
      }),
      { seed: 2, numRuns: 600 },
    );
    expect(outcomes.refused).toBeGreaterThan(200);
    expect(outcomes.opened).toBeGreaterThan(10);
  });
});
