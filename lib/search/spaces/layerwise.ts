/**
 * The layer-wise space: one block for each layer. By default that of ProxylessNAS for ImageNet (Cai et al., arXiv 1812.00332;
 * mit-han-lab/proxylessnas, super_proxyless.py): 21 layers of six inverted residuals each, and the identity where it fits.
 */

import { z } from 'zod';

import { ArgumentError } from '../../errors.js';
import {
  blockAt,
  layerPlaces,
  layerwiseBlocks,
  layerwiseSkeletonFields,
  layerwiseSpecSchema,
  maySkip,
  SKIP,
} from '../../nn/models/layerwise.js';
import { withoutDrawing } from '../../nn/module.js';
import { LayerwiseSupernet } from '../networks/layerwise-supernet.js';
import type { SearchSpace } from '../space.js';
import type { Choice, EdgeGroup } from '../supernet.js';

const { stem, stemStride, first, stages, head } = layerwiseSkeletonFields;

const PROXYLESS_STAGES = [
  { width: 24, blocks: 4, stride: 2 },
  { width: 40, blocks: 4, stride: 2 },
  { width: 80, blocks: 4, stride: 2 },
  { width: 96, blocks: 4, stride: 1 },
  { width: 192, blocks: 4, stride: 2 },
  { width: 320, blocks: 1, stride: 1 },
] as const;

const PROXYLESS_CANDIDATES = [3, 5, 7].flatMap((window) => [`mbconv_k${window}_e3`, `mbconv_k${window}_e6`]);

export const layerwiseSpaceSchema = z
  .strictObject({
    name: z.literal('layerwise'),
    stem: stem.default(32),
    stemStride: stemStride.default(2),
    first: first.default(16),
    stages: stages.default(() => PROXYLESS_STAGES.map((stage) => ({ ...stage }))),
    head: head.default(1280),
    /** Of every layer, in the order of the alphas. FBNet's are windows 3 and 5 with e1, e1_g2, e3 and e6. */
    candidates: z
      .array(z.enum(layerwiseBlocks))
      .min(1)
      .refine((names) => new Set(names).size === names.length, 'expected every candidate once')
      .default(PROXYLESS_CANDIDATES),
    /** Whether layers that change neither channels nor size have the identity as their last candidate. */
    skip: z.boolean().default(true),
  })
  .superRefine((config, context) => {
    for (const [layer, place] of layerPlaces(config).entries()) {
      try {
        for (const name of config.candidates) blockAt(name, place);
      } catch (error) {
        if (!(error instanceof ArgumentError)) throw error;
        context.addIssue({
          code: 'custom',
          path: ['candidates'],
          message: `layer ${layer}: ${error.message}`,
        });
        return;
      }
    }
  });

export type LayerwiseSpaceConfig = z.infer<typeof layerwiseSpaceSchema>;

function groupsOf(config: LayerwiseSpaceConfig): EdgeGroup[] {
  return layerPlaces(config).map((place, layer) => ({
    name: `layers.${layer}`,
    candidates: [config.skip && maySkip(place) ? [...config.candidates, SKIP] : config.candidates],
    nodes: [[0]],
    edgesPerNode: null,
    noneAllowed: true,
  }));
}

/** @throws ArgumentError when groups are not those of the space with candidates left out */
function checkPruned(all: readonly EdgeGroup[], groups: readonly EdgeGroup[]): void {
  if (all.length !== groups.length) {
    throw new ArgumentError(`Expected ${all.length} layers, got ${groups.length}.`);
  }
  for (const [layer, { name, candidates }] of all.entries()) {
    const [known] = candidates as [string[]];
    const { name: given, candidates: left } = groups[layer]!;
    if (given !== name) throw new ArgumentError(`Expected the group ${name}, got ${given}.`);
    const kept = left.length === 1 ? left[0]! : [];
    if (kept.length > 0 && kept.every((candidate) => known.includes(candidate))) continue;
    throw new ArgumentError(
      `Expected one edge in ${name} with candidates out of ${known.join(', ')}, got ${JSON.stringify(left)}.`,
    );
  }
}

/** @throws ArgumentError when `candidate` is none of the group's */
function checkCandidate({ name, candidates }: EdgeGroup, candidate: string): string {
  const [known] = candidates as [string[]];
  if (known.includes(candidate)) return candidate;
  throw new ArgumentError(`Expected a candidate of ${name} out of ${known.join(', ')}, got '${candidate}'.`);
}

export const layerwiseSpace: SearchSpace<LayerwiseSpaceConfig> = {
  name: 'layerwise',
  schema: layerwiseSpaceSchema,
  groups: groupsOf,
  supernet: (config, groups, { portion, auxiliarySkip, classes, normalization }, seed) => {
    if (portion !== 1) {
      throw new ArgumentError(
        `Expected all channels to go through the candidates of a layer-wise space, got a portion of ${portion}: ` +
          'its layers change channels and size, so that the others could not bypass them.',
      );
    }
    if (auxiliarySkip) {
      throw new ArgumentError(
        'Expected no auxiliary skip connection in a layer-wise space: its blocks have shortcuts of their own, and where they ' +
          'have none an identity does not fit.',
      );
    }
    checkPruned(groupsOf(config), groups);
    const network = withoutDrawing(
      () => new LayerwiseSupernet({ ...config, groups, classes, normalization }),
    );
    return seed === null ? network.reseed(0) : network.initialize(seed);
  },
  genotype: (_config, groups, choice) => {
    const unknown = Object.keys(choice).find((key) => !groups.some(({ name }) => name === key));
    if (unknown !== undefined) {
      throw new ArgumentError(`Expected a choice for ${groups.length} layers, got one for '${unknown}'.`);
    }
    return {
      space: 'layerwise',
      layers: groups.map((group) => {
        const edges = choice[group.name] ?? [];
        const [candidate] = edges[0] ?? [];
        if (candidate === undefined || edges.length !== 1 || edges[0]!.length !== 1) {
          throw new ArgumentError(`Expected one candidate of ${group.name}, got ${JSON.stringify(edges)}.`);
        }
        return checkCandidate(group, candidate);
      }),
    };
  },
  choice: (_config, groups, genotype): Choice => {
    if (genotype.space !== 'layerwise') {
      throw new ArgumentError(`Expected a genotype of the space layerwise, got one of ${genotype.space}.`);
    }
    const { layers } = genotype;
    if (layers.length !== groups.length) {
      throw new ArgumentError(`Expected a genotype of ${groups.length} layers, got ${layers.length}.`);
    }
    return Object.fromEntries(
      groups.map((group, layer) => [group.name, [[checkCandidate(group, layers[layer]!)]]]),
    );
  },
  network: ({ name: _name, candidates: _candidates, skip: _skip, ...skeleton }, genotype, options) => {
    const { classes, normalization } = options;
    const spec = { model: 'layerwise', classes, normalization, genotype, ...skeleton };
    const checked = layerwiseSpecSchema.safeParse(spec);
    if (checked.success) return checked.data;
    throw new ArgumentError(
      `Expected a genotype of this layer-wise space:\n${z.prettifyError(checked.error)}`,
    );
  },
};
