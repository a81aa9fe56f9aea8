/** All methods by name: a preset each, as YAML, and a line here. A preset is a configuration, and what the method is. */

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

import { ConfigError } from '../../errors.js';
import { nearestWord } from '../../nearest-word.js';

export const METHOD_NAMES = [
  'darts',
  'darts-2nd',
  'pc-darts',
  'gdas',
  'snas',
  'fairdarts',
  'sdarts-rs',
  'sdarts-adv',
  'drnas',
  'darts-minus',
  'beta-darts',
  'darts-pt',
  'darts-pt-blank',
  'proxylessnas',
  'p-darts',
  'dots',
  'setn',
  'd-darts',
  'fbnet',
  'idarts',
  'noisy-darts',
  'cdarts-penalty',
  'single-darts',
  'darts-plus',
  'r-darts-es',
  'random',
] as const;

export type MethodName = (typeof METHOD_NAMES)[number];

/** The challenges of the survey's taxonomy (Heuillet et al., arXiv 2304.05405). */
export const CHALLENGES = {
  I: 'gradient approximation and optimisation gap',
  II: 'over-represented skip connections',
  III: 'cost in time, memory, latency',
  IV: 'restricted search spaces',
} as const;

export const methodPresetSchema = z.strictObject({
  title: z.string(),
  /** Authors, year, arXiv number. */
  paper: z.string(),
  /** The survey's classes; empty: not classified by the survey. */
  challenges: z.array(z.enum(['I', 'II', 'III', 'IV'])),
  /** `code`: settings read in the authors' code; `survey`: reconstructed from the survey. */
  source: z.enum(['code', 'survey']),
  /** What of it is our choice. */
  notes: z.string().default(''),
  /** The keys of a search's configuration that the method sets. */
  config: z.record(z.string(), z.unknown()),
});

/** What a method is, and the keys that it sets. */
export type MethodPreset = z.infer<typeof methodPresetSchema>;

/** The preset of a method. @throws ConfigError that names the nearest method when there is none of that name */
export function methodPreset(name: string): MethodPreset {
  if (!METHOD_NAMES.some((known) => known === name)) {
    const near = nearestWord(name, METHOD_NAMES);
    throw new ConfigError(
      `Expected a method out of ${METHOD_NAMES.join(', ')}, got '${name}'${near === undefined ? '' : `; did you mean ${near}?`}.`,
    );
  }
  const text = readFileSync(new URL(`./${name}.yaml`, import.meta.url), 'utf8');
  return methodPresetSchema.parse(parse(text));
}
