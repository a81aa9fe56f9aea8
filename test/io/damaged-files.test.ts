/**
 * Every file reader on damaged copies of sound and hostile files: it returns or throws an error of its own, and what it
 * returns is bounded by the file's size.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { LapidaryError } from '../../lib/errors.js';
import { loadCheckpoint, saveCheckpoint } from '../../lib/io/checkpoint.js';
import type { HostTensor } from '../../lib/io/host-tensor.js';
import { readNpz } from '../../lib/io/npz.js';
import { readTorchFile } from '../../lib/io/pickle/torch-file.js';
import { unpickle } from '../../lib/io/pickle/unpickler.js';
import { readSafetensors } from '../../lib/io/safetensors.js';
import { ZipFile } from '../../lib/io/zip.js';
import { buildModel } from '../../lib/nn/models/index.js';
import { loadModel, saveModel } from '../../lib/train/model-file.js';
import { temporaryFolder } from '../temporary-folder.js';
import { corpusBytes, corpusPath } from './corpus.js';

/** Bytes changed, and a part dropped, doubled or blanked; places are shares of the file, so that they suit any size. */
const damage = fc.record({
  changes: fc.array(
    fc.tuple(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.constantFrom(0, 1, 0x7f, 0x80, 0xff, 0x2e, 0x30, 0x52),
    ),
    {
      maxLength: 4,
    },
  ),
  part: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat({ max: 64 })),
  what: fc.constantFrom('nothing', 'drop', 'double', 'blank', 'truncate'),
});

type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

function damaged(whole: Buffer, { changes, part: [share, length], what }: Damage): Buffer {
  const start = Math.floor(share * whole.length);
  const [before, part, after] = [
    whole.subarray(0, start),
    whole.subarray(start, start + length),
    whole.subarray(start + length),
  ];
  const middle = {
    nothing: [part],
    drop: [],
    double: [part, part],
    blank: [Buffer.alloc(part.length)],
    truncate: [],
  };
  const bytes = Buffer.concat(what === 'truncate' ? [before] : [before, ...middle[what], after]);
  for (const [place, value] of changes) {
    if (bytes.length > 0) bytes[Math.min(bytes.length - 1, Math.floor(place * bytes.length))] = value;
  }
  return bytes;
}

const bytesIn = (tensors: ReadonlyMap<string, HostTensor>) =>
  [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);

/** Reads many damaged copies. Returns how many were refused and how many read. */
async function read(
  path: string,
  whole: Buffer,
  reader: (path: string) => Promise<ReadonlyMap<string, HostTensor>>,
  { seed, numRuns }: { seed: number; numRuns: number },
): Promise<{ refused: number; read: number }> {
  const outcomes = { refused: 0, read: 0 };
  await fc.assert(
    fc.asyncProperty(damage, async (how) => {
      const bytes = damaged(whole, how);
      await writeFile(path, bytes);
      try {
        expect(bytesIn(await reader(path))).toBeLessThanOrEqual(1032 * bytes.length + 2 ** 20);
        outcomes.read++;
      } catch (error) {
        if (!(error instanceof LapidaryError)) throw error;
        outcomes.refused++;
      }
    }),
    { seed, numRuns },
  );
  return outcomes;
}

describe('corpus', () => {
  const files: [string, (path: string) => Promise<ReadonlyMap<string, HostTensor>>][] = [
    ...[
      'protocol-2',
      'protocol-5',
      'compressed',
      'legacy',
      'nested',
      'hostile-system-2',
      'hostile-saved',
    ].map((name): [string, typeof readTorchFile] => [`${name}.pth`, readTorchFile]),
    ['stored.npz', readNpz],
    ['deflated.npz', readNpz],
    ['objects.npz', readNpz],
    ['expected.safetensors', async (path) => (await readSafetensors(path)).tensors],
  ];

  it.each(files)('%s', async (name, reader) => {
    const { refused } = await read(join(temporaryFolder(), name), corpusBytes(name), reader, {
      seed: 11,
      numRuns: 80,
    });
    expect(refused).toBeGreaterThan(10);
  });

  it('pickles alone, damaged within a sound archive', async () => {
    let refused = 0;
    for (const name of ['nested.pth', 'protocol-5.pth', 'hostile-system-2.pth']) {
      await using zip = await ZipFile.open(corpusPath(name), 'checkpoint');
      const entry = [...zip.entries.values()].find((one) => one.name.endsWith('data.pkl'))!;
      const whole = await zip.read(entry);
      fc.assert(
        fc.property(damage, (how) => {
          try {
            unpickle(damaged(whole, how), name);
          } catch (error) {
            if (!(error instanceof LapidaryError)) throw error;
            refused++;
          }
        }),
        { seed: 12, numRuns: 800 },
      );
    }
    expect(refused).toBeGreaterThan(500);
  });
});

describe('files of lapidary', () => {
  it('a model file', async () => {
    const path = join(temporaryFolder(), 'model.safetensors');
    using model = buildModel('resnet8', {
      classes: 2,
      normalization: { mean: [0, 0, 0], std: [1, 1, 1] },
      seed: 1,
    });
    await saveModel(path, model);
    const whole = await readFile(path);
    // The header is where damage tells; the rest are weights.
    const header = whole.subarray(0, 8 + Number(whole.readBigUInt64LE()));
    const weights = whole.subarray(header.length);
    const outcomes = { refused: 0, read: 0 };
    await fc.assert(
      fc.asyncProperty(damage, async (how) => {
        await writeFile(path, Buffer.concat([damaged(header, how), weights]));
        try {
          (await loadModel(path)).dispose();
          outcomes.read++;
        } catch (error) {
          if (!(error instanceof LapidaryError)) throw error;
          outcomes.refused++;
        }
      }),
      { seed: 13, numRuns: 80 },
    );
    expect(outcomes.refused).toBeGreaterThan(25);
  });

  it.each(['manifest.json', 'state.json', 'tensors.safetensors'])('%s of a checkpoint', async (name) => {
    const folder = temporaryFolder();
    await mkdir(folder, { recursive: true });
    const weights: HostTensor = { dtype: 'f32', shape: [2], data: Float32Array.of(1, 2) };
    const path = await saveCheckpoint(folder, 3, new Map([['w', weights]]), { a: [1, 'x', null] });
    const whole = await readFile(join(path, name));
    const outcomes = { refused: 0, read: 0 };
    await fc.assert(
      fc.asyncProperty(damage, async (how) => {
        const bytes = damaged(whole, how);
        await writeFile(join(path, name), bytes);
        try {
          const { step, state, tensors } = await loadCheckpoint(path);
          // What passes has the sums of the manifest; white space in the manifest alone may differ.
          if (name !== 'manifest.json') expect(bytes.equals(whole)).toBe(true);
          expect(tensors.get('w')).toEqual(weights);
          expect({ step: typeof step, state }).toEqual({ step: 'number', state: { a: [1, 'x', null] } });
          outcomes.read++;
        } catch (error) {
          if (!(error instanceof LapidaryError)) throw error;
          outcomes.refused++;
        }
      }),
      { seed: 14, numRuns: 80 },
    );
    expect(outcomes.refused).toBeGreaterThan(25);
  });
});
