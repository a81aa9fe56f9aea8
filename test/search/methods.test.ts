import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../../lib/config.js';
import { ConfigError, RunFolder } from '../../lib/index.js';
import { phasesOf, searchDefaults, searchSchema } from '../../lib/search/config.js';
import { METHOD_NAMES, methodPreset } from '../../lib/search/methods/registry.js';
import { runSearch } from '../../lib/search/run-search.js';
import { temporaryFolder } from '../temporary-folder.js';

/** A few steps of a small network. */
const few = ['data.train=32', 'data.validation=8', 'batch=8', 'data.source=shapes10:3'];
const small = {
  darts: ['space.channels=4', 'space.cells=3', 'space.nodes=2'],
  'd-darts': ['space.channels=4', 'space.cells=3', 'space.nodes=2'],
  layerwise: [
    'space.stages=[{width: 8, blocks: 2, stride: 2}]',
    'space.stem=8',
    'space.first=8',
    'space.last=16',
  ],
} as const;

describe('methods', () => {
  it('have a preset each, and each preset is a method', () => {
    const files = readdirSync(new URL('../../lib/search/methods/', import.meta.url))
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => name.slice(0, -5));
    expect(files.sort()).toEqual([...METHOD_NAMES].sort());
  });

  it.each(METHOD_NAMES)('%s is a configuration, each stage of it, too', async (method) => {
    const config = await resolveConfig(searchSchema, {
      defaults: searchDefaults,
      sets: [`method=${method}`],
    });
    expect(phasesOf(config).length).toBeGreaterThan(0);
    // Nothing that a preset says is lost.
    const { relaxation } = methodPreset(method).config as { relaxation?: { kind: string } };
    if (relaxation !== undefined) expect(config.relaxation.kind).toBe(relaxation.kind);
  });

  it('are named when another is asked for', async () => {
    const unknown = resolveConfig(searchSchema, { defaults: searchDefaults, sets: ['method=dart'] });
    await expect(unknown).rejects.toThrow(ConfigError);
    await expect(unknown).rejects.toThrow(/got 'dart'; did you mean darts\?/);
  });

  it.each([
    'darts-2nd',
    'pc-darts',
    'gdas',
    'snas',
    'fairdarts',
    'sdarts-adv',
    'drnas',
    'darts-minus',
    'idarts',
    'noisy-darts',
    'cdarts-penalty',
  ])('%s searches', async (method) => {
    const { space } = methodPreset(method).config as { space?: { name: keyof typeof small } };
    const sets = [
      `method=${method}`,
      ...few,
      ...small[space?.name ?? 'darts'],
      'epochs=1',
      'architecture.start=0',
    ];
    const config = await resolveConfig(searchSchema, { defaults: searchDefaults, sets });
    const run = await RunFolder.open(temporaryFolder(), config);
    const { result } = await runSearch(config, { run });
    expect(result.epochs).toHaveLength(1);
    expect(result.epochs[0]!.step).toBe(2);
    expect(Number.isFinite(result.epochs[0]!.trainLoss)).toBe(true);
  });
});
