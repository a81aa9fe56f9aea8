import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type ConfigSources, resolveConfig } from '../../lib/config.js';
import { ConfigError, FileSystemError } from '../../lib/errors.js';
import { temporaryFolder } from '../temporary-folder.js';

const schema = z.strictObject({
  model: z.string().default('resnet20'),
  seed: z.int().nonnegative().default(0),
  train: z
    .strictObject({
      epochs: z.int().positive(),
      learningRate: z.number().positive().default(0.1),
      schedule: z.enum(['cosine', 'step']).default('cosine'),
    })
    .prefault({ epochs: 1 }),
  layers: z.array(z.strictObject({ name: z.string(), sparsity: z.number().min(0).max(1) })).default([]),
  optimizer: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('sgd'), momentum: z.number().default(0.9) }),
      z.strictObject({ kind: z.literal('adam'), beta1: z.number().default(0.9) }),
    ])
    .prefault({ kind: 'sgd' }),
  attack: z.strictObject({ epsilon: z.number() }).optional(),
});

function yaml(text: string): string {
  const file = join(temporaryFolder(), 'config.yaml');
  writeFileSync(file, text);
  return file;
}

const resolve = (sources: ConfigSources) => resolveConfig(schema, sources);

describe('resolveConfig', () => {
  it('lets the file win over defaults and --set over both', async () => {
    const config = await resolve({
      defaults: { seed: 1, model: 'wrn', train: { epochs: 5, learningRate: 0.5 } },
      file: yaml('seed: 2\ntrain:\n  epochs: 6 # more\n'),
      sets: ['seed=3', 'train.schedule=step', 'attack.epsilon=3e-2'],
    });
    expect(config).toEqual({
      model: 'wrn',
      seed: 3,
      train: { epochs: 6, learningRate: 0.5, schedule: 'step' },
      layers: [],
      optimizer: { kind: 'sgd', momentum: 0.9 },
      attack: { epsilon: 0.03 },
    });
  });

  it('fills in the schema’s defaults for an empty file', async () => {
    expect((await resolve({ file: yaml('# nothing\n') })).train).toEqual({
      epochs: 1,
      learningRate: 0.1,
      schedule: 'cosine',
    });
  });

  it('parses the values of --set as YAML and reaches into lists', async () => {
    const free = z.strictObject({ v: z.unknown() });
    const parsed = async (text: string) => (await resolveConfig(free, { sets: [`v=${text}`] })).v;
    expect(await parsed('1e-3')).toBe(0.001);
    expect(await parsed('true')).toBe(true);
    expect(await parsed('"1"')).toBe('1');
    expect(await parsed('null')).toBe(null);
    expect(await parsed('')).toBe(null);
    expect(await parsed('[1, a]')).toEqual([1, 'a']);
    expect(await parsed('cifar10:/data=x')).toBe('cifar10:/data=x');

    const file = yaml('layers:\n  - {name: a, sparsity: 0}\n  - {name: b, sparsity: 0}\n');
    const { layers } = await resolve({ file, sets: ['layers.1.sparsity=0.5'] });
    expect(layers.map(({ sparsity }) => sparsity)).toEqual([0, 0.5]);
  });

  it('leaves its sources as they were', async () => {
    const defaults = Object.freeze({ train: Object.freeze({ epochs: 2 }) });
    await resolve({ defaults, sets: ['train.epochs=9'] });
    expect(defaults.train.epochs).toBe(2);
  });
});

describe('a wrong configuration', () => {
  const cases: [string, ConfigSources, string | RegExp][] = [
    ['an unknown key', { sets: ['sed=1'] }, 'unknown key sed (did you mean seed?)'],
    [
      'an unknown nested key',
      { sets: ['train.epoch=1'] },
      'unknown key train.epoch (did you mean train.epochs?)',
    ],
    ['letters swapped', { sets: ['train.leanringRate=1'] }, '(did you mean train.learningRate?)'],
    ['another case', { sets: ['train.learningrate=1'] }, '(did you mean train.learningRate?)'],
    ['a key at the wrong level', { sets: ['epochs=1'] }, 'unknown key epochs (did you mean train.epochs?)'],
    ['a key below a missing object', { sets: ['attack.epsilom=1'] }, '(did you mean attack.epsilon?)'],
    ['a key like none', { sets: ['train.zzzz=1'] }, '(known are epochs, learningRate, schedule)'],
    [
      'a key of a list’s element',
      { defaults: { layers: [{ name: 'a', sparsity: 0, sparsty: 1 }] } },
      'unknown key layers.0.sparsty (did you mean layers.0.sparsity?)',
    ],
    [
      'a key of a union’s branch',
      { defaults: { optimizer: { kind: 'adam', beta2: 1 } } },
      'unknown key optimizer.beta2 (did you mean optimizer.beta1?)',
    ],
    ['a key of the prototype', { sets: ['__proto__.x=1'] }, 'unknown key __proto__'],
    ['another type', { sets: ['train.epochs=ten'] }, /train\.epochs: .*expected (int|number), found "ten"/],
    ['a number out of range', { sets: ['train.epochs=0'] }, /train\.epochs: .*>0.*, found 0/],
    [
      'an option that is none',
      { sets: ['train.schedule=linear'] },
      /train\.schedule: .*"cosine"\|"step".*, found "linear"/,
    ],
    ['a key missing', { defaults: { attack: {} } }, 'attack.epsilon: expected number, nothing is set'],
    ['a set without a value', { sets: ['seed'] }, '--set came with "seed"'],
    ['a set without a key', { sets: ['=1'] }, '--set came with "=1"'],
    ['a set with an empty part', { sets: ['train..epochs=1'] }, 'must read key=value'],
    [
      'a set behind a list’s end',
      { defaults: { layers: [] }, sets: ['layers.0.name=x'] },
      'a list of 0 at "0"',
    ],
    ['a set that is no YAML', { sets: ['model={'] }, 'is not valid YAML'],
  ];

  it.each(cases)('names %s', async (_, sources, message) => {
    const resolving = resolve(sources);
    await expect(resolving).rejects.toThrow(ConfigError);
    await expect(resolving).rejects.toThrow(message);
  });

  it('names all problems and where they come from', async () => {
    const file = yaml('sed: 1\ntrain: {epochs: -1}\n');
    await expect(resolve({ file, sets: ['model=3'] })).rejects.toThrow(
      /^The configuration from .*config\.yaml and --set is wrong: .*model: .*; train\.epochs: .*; unknown key sed/,
    );
  });

  it.each([
    ['broken YAML', 'seed: 1\ntrain: [1, 2\n', /config\.yaml:\d+:\d+ is not valid YAML/],
    ['a key twice', 'seed: 1\nseed: 2\n', /config\.yaml:2:1 is not valid YAML: .*unique/],
    ['a list', '- 1\n', /must hold a mapping of keys to values, but it holds \[1\]/],
  ])('refuses a file with %s', async (_, text, message) => {
    const resolving = resolve({ file: yaml(text) });
    await expect(resolving).rejects.toThrow(ConfigError);
    await expect(resolving).rejects.toThrow(message);
  });

  it('names a file that is missing', async () => {
    await expect(resolve({ file: '/nowhere/c.yaml' })).rejects.toThrow(FileSystemError);
  });

  it('does not touch Object.prototype', async () => {
    await expect(resolve({ file: yaml('__proto__: {polluted: 1}\n') })).rejects.toThrow(
      'unknown key __proto__',
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
