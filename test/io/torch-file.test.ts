import { existsSync } from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { ArgumentError, FileFormatError, FileSystemError } from '../../lib/errors.js';
import { readTorchFile } from '../../lib/io/pickle/torch-file.js';
import { unpickle } from '../../lib/io/pickle/unpickler.js';
import { readSafetensors } from '../../lib/io/safetensors.js';
import { writeZip } from '../../lib/io/zip.js';
import { temporaryFolder } from '../temporary-folder.js';
import { corpusBytes, corpusPath } from './corpus.js';

describe('checkpoints of torch.save', () => {
  it.each(['protocol-2', 'protocol-5', 'compressed', 'legacy'])(
    'reads %s, views made dense',
    async (name) => {
      const tensors = await readTorchFile(corpusPath(`${name}.pth`));
      const { tensors: expected } = await readSafetensors(corpusPath('expected.safetensors'));
      expect(tensors.size).toBe(expected.size);
      for (const [key, tensor] of tensors) expect(tensor, key).toEqual(expected.get(key));
    },
  );

  it('finds the only dict of tensors, without the prefix of DataParallel', async () => {
    const tensors = await readTorchFile(corpusPath('nested.pth'));
    expect([...tensors.keys()]).toEqual([
      '0.weight',
      '0.bias',
      '1.weight',
      '1.bias',
      '1.running_mean',
      '1.running_var',
      '1.num_batches_tracked',
    ]);
    expect(tensors.get('1.num_batches_tracked')).toEqual({ dtype: 'i32', shape: [], data: Int32Array.of(1) });
  });

  it('asks for a key where there are several dicts, and lists what there is', async () => {
    const path = corpusPath('two.pth');
    await expect(readTorchFile(path)).rejects.toThrow(ArgumentError);
    await expect(readTorchFile(path)).rejects.toThrow(/several dicts of tensors; .*state_dict \(a dict\)/);
    expect((await readTorchFile(path, { key: 'ema' })).size).toBe(7);
    await expect(readTorchFile(path, { key: 'epoch' })).rejects.toThrow(/under "epoch", found a number/);
  });

  it.each([
    ['hostile-system-2', 'os.system (posix.system)'],
    ['hostile-system-4', 'os.system (posix.system)'],
    ['hostile-eval-5', 'builtins.eval'],
    ['hostile-popen-3', 'subprocess.Popen'],
    ['hostile-chain-4', 'builtins.map'],
    ['hostile-bytes-2', 'torch.storage._load_from_bytes'],
    ['hostile-saved', 'os.system (posix.system)'],
    ['module', 'torch.nn.modules.container.Sequential'],
  ])('refuses %s for %s', async (name, refused) => {
    const reading = readTorchFile(corpusPath(`${name}.pth`));
    await expect(reading).rejects.toThrow(FileFormatError);
    await expect(reading).rejects.toThrow(`asks for "${refused}", which is not on the list`);
    expect(existsSync('hostile-marker')).toBe(false);
  });

  it('refuses every truncation', async () => {
    const path = join(temporaryFolder(), 'cut.pth');
    for (const name of ['protocol-2.pth', 'legacy.pth']) {
      const whole = corpusBytes(name);
      for (let length = 0; length < whole.length; length += 97) {
        await writeFile(path, whole);
        await truncate(path, length);
        await expect(readTorchFile(path), `${name} of ${length} bytes`).rejects.toThrow(FileFormatError);
      }
    }
  });

  it('names a missing file', async () => {
    await expect(readTorchFile(join(temporaryFolder(), 'none.pth'))).rejects.toThrow(FileSystemError);
  });
});

/** Protocol 2, what the parts say, STOP. Text is latin-1. */
const pickle = (...parts: (string | number[])[]) =>
  Buffer.concat([
    Buffer.from([0x80, 2]),
    ...parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
    Buffer.from('.'),
  ]);

describe('unpickle', () => {
  it.each<[string, Buffer, RegExp]>([
    ['nothing', Buffer.alloc(0), /1 more bytes, found the end/],
    ['no STOP', Buffer.from([0x80, 2, 0x4e]), /the end of the pickle/],
    ['protocol 6', Buffer.from([0x80, 6]), /protocol 2 to 5, found protocol 6/],
    ['two values', pickle('NN'), /one value at the end, found 2/],
    ['an empty stack', pickle('0'), /a value on the stack, found none/],
    ['a mark as value', pickle('('), /a value on the stack, found none/],
    ['a tuple without a mark', pickle('Nt'), /a value on the stack, found none/],
    ['a string beyond the end', pickle('X\xff\xff\xff\x7f'), /2147483647 more bytes, found the end/],
    ['bytes of 2^63', pickle('\x8e\0\0\0\0\0\0\0\x80'), /more bytes, found the end/],
    ['a value never remembered', pickle('h\x07'), /number 7, which was not/],
    ['an odd list of items', pickle('}(Nu'), /pairs of keys and values, found 1/],
    ['an append to a dict', pickle('}Na'), /a list to append to, found a dict/],
    ['a call of a string', pickle('U\x01a)R'), /a call of a function, found one of a str/],
    ['a call of a storage type', pickle('ctorch\nFloatStorage\n)R'), /torch\.FloatStorage\(\)/],
    [
      'a tensor of nothing',
      pickle('ctorch._utils\n_rebuild_tensor_v2\n(NK\0))tR'),
      /_rebuild_tensor_v2\(None/,
    ],
    ['attributes of a list', pickle(']}b'), /attributes of an OrderedDict, found of a list/],
    ['a persistent id that is text', pickle('U\x01aQ'), /the reference of a storage, found a str/],
    ['a global with a line missing', pickle('cposix'), /a line, found no end/],
    ['INST', pickle('(iposix\nsystem\n'), /expected an opcode .*found 0x69/],
    ['EXT1', pickle('\x82\x01'), /found 0x82/],
    ['a text integer of protocol 0', pickle('I1\n'), /found 0x49/],
    ['a global of the prototype', pickle('cconstructor\n__proto__\n'), /"constructor\.__proto__"/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => unpickle(bytes, 'it')).toThrow(FileFormatError);
    expect(() => unpickle(bytes, 'it')).toThrow(message);
  });

  it('does not multiply memory: one value may not be given to many calls', () => {
    const list = `](${'N'.repeat(1000)}eq\x01`;
    const calls = 'c__builtin__\nset\nq\x02'.concat('0'.repeat(1), 'h\x02h\x01\x85R0'.repeat(50));
    expect(() => unpickle(pickle(list, calls), 'it')).toThrow(/one value given to many calls/);
  });

  it('reads a dict whose keys are names of the prototype', () => {
    const { value } = unpickle(pickle('}U\x09__proto__K\x01s'), 'it');
    expect(value).toEqual(new Map([['__proto__', 1]]));
  });

  /** numpy.core.multiarray.scalar(numpy.dtype(name, False, True) of an order of bytes, bytes). */
  const numpyScalar = (name: string, order: string, bytes: string, folder = 'numpy._core') =>
    pickle(
      `c${folder}.multiarray\nscalar\ncnumpy\ndtype\nU\x02${name}\x89\x88\x87R(K\x03U\x01${order}NNNtb`,
      `C${String.fromCharCode(bytes.length)}${bytes}\x86R`,
    );

  it.each<[string, Buffer, unknown]>([
    ['f8', numpyScalar('f8', '<', '\0\0\0\0\0\0\xf8\x3f'), 1.5],
    ['f8 of NumPy 1', numpyScalar('f8', '<', '\0\0\0\0\0\0\xf8\x3f', 'numpy.core'), 1.5],
    ['a big-endian f4', numpyScalar('f4', '>', '\x3f\xc0\0\0'), 1.5],
    ['i8', numpyScalar('i8', '<', '\xfe\xff\xff\xff\xff\xff\xff\xff'), -2],
    ['a large u8', numpyScalar('u8', '<', '\xff\xff\xff\xff\xff\xff\xff\xff'), 2n ** 64n - 1n],
    ['b1', numpyScalar('b1', '|', '\x01'), true],
  ])("reads NumPy's scalar %s", (_, bytes, value) => {
    expect(unpickle(bytes, 'it').value).toBe(value);
  });

  it.each<[string, Buffer]>([
    ['objects', numpyScalar('O8', '|', '\0\0\0\0\0\0\0\0')],
    ['too few bytes', numpyScalar('f8', '<', '\0\0\0\0')],
    ['no order of bytes', numpyScalar('f8', '?', '\0\0\0\0\0\0\0\0')],
  ])("refuses NumPy's scalars of %s", (_, bytes) => {
    expect(() => unpickle(bytes, 'it')).toThrow(FileFormatError);
  });

  it('reads a list that holds itself', () => {
    const { value } = unpickle(pickle(']q\0h\0a'), 'it');
    expect((value as unknown[])[0]).toBe(value);
  });
});

describe('storages', () => {
  const storage = (type: string, key: string, size: number) =>
    `(U\x07storagectorch\n${type}\nU\x01${key}U\x03cpuK${String.fromCharCode(size)}tQ`;
  const tensor = (store: string, offset: number, shape: number[], strides: number[]) => {
    const tuple = (values: number[]) =>
      `(${values.map((value) => `K${String.fromCharCode(value)}`).join('')}t`;
    return `ctorch._utils\n_rebuild_tensor_v2\n(${store}K${String.fromCharCode(offset)}${tuple(shape)}${tuple(strides)}\x89NtR`;
  };
  async function checkpoint(value: string, data: Uint8Array): Promise<string> {
    const path = join(temporaryFolder(), 'planted.pth');
    await writeZip(path, [
      ['a/data.pkl', [pickle(`}U\x01w${value}s`)]],
      ['a/byteorder', [Buffer.from('big')]],
      ['a/data/0', [data]],
    ]);
    return path;
  }

  it('swaps the bytes of a big-endian file', async () => {
    const path = await checkpoint(
      tensor(storage('IntStorage', '0', 2), 0, [2], [1]),
      Buffer.from([0, 0, 1, 2, 255, 255, 255, 255]),
    );
    expect((await readTorchFile(path)).get('w')?.data).toEqual(Int32Array.of(258, -1));
  });

  it.each<[string, string, RegExp]>([
    ['a storage that is not there', tensor(storage('IntStorage', '1', 2), 0, [2], [1]), /a\/data\/1/],
    [
      'another size',
      tensor(storage('IntStorage', '0', 3), 0, [2], [1]),
      /3 elements of torch.IntStorage in storage 0, found 8 bytes/,
    ],
    ['an offset beyond', tensor(storage('IntStorage', '0', 2), 1, [2], [1]), /within the 2 of its storage/],
    [
      'a stride beyond',
      tensor(storage('IntStorage', '0', 2), 0, [2, 2], [2, 1]),
      /shape \[2,2\] with strides \[2,1\]/,
    ],
    ['an unknown type', tensor(storage('device', '0', 2), 0, [2], [1]), /found torch.device/],
    [
      'a view of gigabytes',
      tensor(storage('IntStorage', '0', 2), 0, [255, 255, 255, 255], [0, 0, 0, 0]),
      /16 times the file/,
    ],
  ])('refuses %s', async (_, value, message) => {
    const path = await checkpoint(value, new Uint8Array(8));
    await expect(readTorchFile(path)).rejects.toThrow(FileFormatError);
    await expect(readTorchFile(path)).rejects.toThrow(message);
  });
});
