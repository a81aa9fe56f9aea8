import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createFileAtomic } from '../../lib/io/atomic-file.js';
import { canonicalJson, jsonSha256 } from '../../lib/io/json-digest.js';
import { readRunResult, writeRunResult } from '../../lib/io/run-result.js';
import { temporaryFolder } from '../temporary-folder.js';

const config = { seed: 4, model: 'resnet8' };

it('a result is read back as it was written', async () => {
  const folder = temporaryFolder();
  const measures = { clean: 0.1 + 0.2, 'a b.pgd': 1e-7 };
  await writeRunResult(folder, { workflow: 'train', config, measures, details: { any: [1] } });
  expect(await readRunResult(folder)).toEqual({
    schemaVersion: 1,
    workflow: 'train',
    configSha256: jsonSha256({ model: 'resnet8', seed: 4 }),
    seed: 4,
    measures,
    timings: {},
    resources: {},
    details: { any: [1] },
  });
});

it('a NaN is refused before anything is written', async () => {
  const folder = temporaryFolder();
  const written = writeRunResult(folder, {
    workflow: 'train',
    config,
    measures: { clean: Number.NaN },
    details: null,
  });
  await expect(written).rejects.toMatchObject({
    code: 'ERR_NON_FINITE',
    message: expect.stringContaining('clean'),
  });
  expect(existsSync(join(folder, 'result.json'))).toBe(false);
});

it.each([
  ['another version', '{"schemaVersion": 2}', /schemaVersion/],
  ['half a file', '{"schemaVersion": 1, "wor', /the file/],
  ['a result without measures', '{"schemaVersion": 1, "workflow": "train"}', /configSha256/],
])('%s is refused', async (_, content, message) => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'result.json'), content);
  await expect(readRunResult(folder)).rejects.toMatchObject({
    code: 'ERR_FILE_FORMAT',
    message: expect.stringMatching(message),
  });
});

it('a digest does not depend on the order of keys, but on that of lists', () => {
  expect(canonicalJson({ b: 1, a: { d: [2, 1], c: undefined } })).toBe('{"a":{"d":[2,1]},"b":1}');
  expect(jsonSha256({ a: [1, 2] })).not.toBe(jsonSha256({ a: [2, 1] }));
});

it('of many that make a file at once, one does, and it is whole', async () => {
  const path = join(temporaryFolder(), 'file');
  const contents = Array.from({ length: 20 }, (_, i) => `${i}`.repeat(5000));
  const made = await Promise.all(contents.map((content) => createFileAtomic(path, content)));
  expect(made.filter((one) => one)).toHaveLength(1);
  expect(readFileSync(path, 'utf8')).toBe(contents[made.indexOf(true)]);
});
