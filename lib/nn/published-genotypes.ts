/**
 * Genotypes that searches in the space of DARTS have published, by name: each taken from a repository, at a commit, as it stands
 * there. Where the repository is another's, it says so.
 */

import { ArgumentError } from '../errors.js';
import { nearestWord } from '../nearest-word.js';
import {
  type CellGenotype,
  cellGenotypeSchema,
  type DartsGenotype,
  type DistributedGenotype,
} from './genotype.js';

const INPUTS = 2;

/** Two edges into each node: `op from`. Concatenated is every node where nothing else is said. */
function pairs(edges: readonly string[], concat?: readonly number[]): CellGenotype {
  const nodes = Array.from({ length: edges.length / 2 }, (_, node) =>
    edges.slice(2 * node, 2 * node + 2).map((edge) => edge.split(' ')),
  );
  return cell(nodes, concat);
}

/** Any number of edges into a node: `op to from`. Nodes without edges are not concatenated, as in FairDARTS' networks. */
function triples(edges: readonly string[]): CellGenotype {
  const written = edges.map((edge) => edge.split(' '));
  const last = Math.max(...written.map(([, to]) => Number(to)));
  const nodes = Array.from({ length: last - INPUTS + 1 }, (_, node) =>
    written.filter(([, to]) => Number(to) === node + INPUTS),
  );
  return cell(nodes);
}

function cell(nodes: readonly (readonly string[][])[], concat?: readonly number[]): CellGenotype {
  return cellGenotypeSchema.parse({
    nodes: nodes.map((edges) => edges.map((edge) => ({ op: edge[0], from: Number(edge.at(-1)) }))),
    concat: concat ?? nodes.flatMap((edges, node) => (edges.length > 0 ? [node + INPUTS] : [])),
  });
}

function darts(normal: CellGenotype, reduce: CellGenotype): DartsGenotype {
  return { space: 'darts', normal, reduce };
}

const genotypes = {
  // quark0/darts 8876e79, cnn/genotypes.py: cells of other searches, restated in DARTS' operations.
  NASNet: darts(
    pairs([
      'sep_conv_5x5 1',
      'sep_conv_3x3 0',
      'sep_conv_5x5 0',
      'sep_conv_3x3 0',
      'avg_pool_3x3 1',
      'skip_connect 0',
      'avg_pool_3x3 0',
      'avg_pool_3x3 0',
      'sep_conv_3x3 1',
      'skip_connect 1',
    ]),
    pairs(
      [
        'sep_conv_5x5 1',
        'sep_conv_7x7 0',
        'max_pool_3x3 1',
        'sep_conv_7x7 0',
        'avg_pool_3x3 1',
        'sep_conv_5x5 0',
        'skip_connect 3',
        'avg_pool_3x3 2',
        'sep_conv_3x3 2',
        'max_pool_3x3 1',
      ],
      [4, 5, 6],
    ),
  ),
  AmoebaNet: darts(
    pairs(
      [
        'avg_pool_3x3 0',
        'max_pool_3x3 1',
        'sep_conv_3x3 0',
        'sep_conv_5x5 2',
        'sep_conv_3x3 0',
        'avg_pool_3x3 3',
        'sep_conv_3x3 1',
        'skip_connect 1',
        'skip_connect 0',
        'avg_pool_3x3 1',
      ],
      [4, 5, 6],
    ),
    pairs(
      [
        'avg_pool_3x3 0',
        'sep_conv_3x3 1',
        'max_pool_3x3 0',
        'sep_conv_7x7 2',
        'sep_conv_7x7 0',
        'avg_pool_3x3 1',
        'max_pool_3x3 0',
        'max_pool_3x3 1',
        'conv_7x1_1x7 0',
        'sep_conv_3x3 5',
      ],
      [3, 4, 6],
    ),
  ),
  // quark0/darts 8876e79, cnn/genotypes.py (named DARTS there).
  DARTS_V1: darts(
    pairs([
      'sep_conv_3x3 1',
      'sep_conv_3x3 0',
      'skip_connect 0',
      'sep_conv_3x3 1',
      'skip_connect 0',
      'sep_conv_3x3 1',
      'sep_conv_3x3 0',
      'skip_connect 2',
    ]),
    pairs([
      'max_pool_3x3 0',
      'max_pool_3x3 1',
      'skip_connect 2',
      'max_pool_3x3 0',
      'max_pool_3x3 0',
      'skip_connect 2',
      'skip_connect 2',
      'avg_pool_3x3 0',
    ]),
  ),
  // quark0/darts, as it stands in yuhuixu1993/PC-DARTS 283b086, genotypes.py, and in chenxin061/pdarts b1575e1.
  DARTS_V2: darts(
    pairs([
      'sep_conv_3x3 0',
      'sep_conv_3x3 1',
      'sep_conv_3x3 0',
      'sep_conv_3x3 1',
      'sep_conv_3x3 1',
      'skip_connect 0',
      'skip_connect 0',
      'dil_conv_3x3 2',
    ]),
    pairs([
      'max_pool_3x3 0',
      'max_pool_3x3 1',
      'skip_connect 2',
      'max_pool_3x3 1',
      'max_pool_3x3 0',
      'skip_connect 2',
      'skip_connect 2',
      'max_pool_3x3 1',
    ]),
  ),
  // xiaomi-automl/FairDARTS 675a0c8, fairdarts/genotypes.py, which took them from arXiv 1812.09926 and D-X-Y/NAS-Projects.
  SNAS: darts(
    pairs([
      'sep_conv_3x3 0',
      'sep_conv_3x3 1',
      'skip_connect 0',
      'dil_conv_3x3 1',
      'skip_connect 1',
      'skip_connect 0',
      'skip_connect 0',
      'sep_conv_3x3 1',
    ]),
    pairs([
      'max_pool_3x3 0',
      'max_pool_3x3 1',
      'max_pool_3x3 1',
      'skip_connect 2',
      'skip_connect 2',
      'max_pool_3x3 1',
      'max_pool_3x3 0',
      'dil_conv_5x5 2',
    ]),
  ),
  GDAS_V1: darts(
    pairs([
      'skip_connect 0',
      'skip_connect 1',
      'skip_connect 0',
      'sep_conv_5x5 2',
      'sep_conv_3x3 3',
      'skip_connect 0',
      'sep_conv_5x5 4',
      'sep_conv_3x3 3',
    ]),
    pairs([
      'sep_conv_5x5 0',
      'sep_conv_3x3 1',
      'sep_conv_5x5 2',
      'sep_conv_5x5 1',
      'dil_conv_5x5 2',
      'sep_conv_3x3 1',
      'sep_conv_5x5 0',
      'sep_conv_5x5 2',
    ]),
  ),
  // yuhuixu1993/PC-DARTS 283b086, genotypes.py.
  PC_DARTS_cifar: darts(
    pairs([
      'sep_conv_3x3 1',
      'skip_connect 0',
      'sep_conv_3x3 0',
      'dil_conv_3x3 1',
      'sep_conv_5x5 0',
      'sep_conv_3x3 1',
      'avg_pool_3x3 0',
      'dil_conv_3x3 1',
    ]),
    pairs([
      'sep_conv_5x5 1',
      'max_pool_3x3 0',
      'sep_conv_5x5 1',
      'sep_conv_5x5 2',
      'sep_conv_3x3 0',
      'sep_conv_3x3 3',
      'sep_conv_3x3 1',
      'sep_conv_3x3 2',
    ]),
  ),
  PC_DARTS_image: darts(
    pairs([
      'skip_connect 1',
      'sep_conv_3x3 0',
      'sep_conv_3x3 0',
      'skip_connect 1',
      'sep_conv_3x3 1',
      'sep_conv_3x3 3',
      'sep_conv_3x3 1',
      'dil_conv_5x5 4',
    ]),
    pairs([
      'sep_conv_3x3 0',
      'skip_connect 1',
      'dil_conv_5x5 2',
      'max_pool_3x3 1',
      'sep_conv_3x3 2',
      'sep_conv_3x3 1',
      'sep_conv_5x5 0',
      'sep_conv_3x3 3',
    ]),
  ),
  // chenxin061/pdarts b1575e1, genotypes.py.
  PDARTS: darts(
    pairs([
      'skip_connect 0',
      'dil_conv_3x3 1',
      'skip_connect 0',
      'sep_conv_3x3 1',
      'sep_conv_3x3 1',
      'sep_conv_3x3 3',
      'sep_conv_3x3 0',
      'dil_conv_5x5 4',
    ]),
    pairs([
      'avg_pool_3x3 0',
      'sep_conv_5x5 1',
      'sep_conv_3x3 0',
      'dil_conv_5x5 2',
      'max_pool_3x3 0',
      'dil_conv_3x3 1',
      'dil_conv_3x3 1',
      'dil_conv_5x5 3',
    ]),
  ),
  // xiaomi-automl/FairDARTS 675a0c8, fairdarts/genotypes.py.
  FairDARTS_a: darts(
    triples(['sep_conv_3x3 2 0', 'sep_conv_5x5 2 1', 'max_pool_3x3 4 0', 'sep_conv_3x3 5 0']),
    triples([
      'max_pool_3x3 2 0',
      'avg_pool_3x3 2 1',
      'avg_pool_3x3 3 0',
      'dil_conv_5x5 3 1',
      'avg_pool_3x3 4 0',
      'sep_conv_5x5 4 1',
      'skip_connect 5 0',
      'skip_connect 5 1',
    ]),
  ),
  FairDARTS_b: darts(
    triples([
      'sep_conv_3x3 2 0',
      'sep_conv_3x3 2 1',
      'sep_conv_3x3 3 1',
      'dil_conv_3x3 4 0',
      'sep_conv_5x5 4 1',
      'dil_conv_5x5 5 1',
    ]),
    triples([
      'skip_connect 2 0',
      'dil_conv_3x3 2 1',
      'skip_connect 3 0',
      'dil_conv_3x3 3 1',
      'max_pool_3x3 4 0',
      'sep_conv_3x3 4 1',
      'skip_connect 5 2',
      'max_pool_3x3 5 0',
    ]),
  ),
  FairDARTS_c: darts(
    triples([
      'max_pool_3x3 2 0',
      'sep_conv_5x5 2 1',
      'dil_conv_3x3 4 0',
      'dil_conv_5x5 4 2',
      'skip_connect 5 3',
      'sep_conv_3x3 5 0',
    ]),
    triples([
      'dil_conv_3x3 2 1',
      'dil_conv_5x5 2 0',
      'dil_conv_3x3 3 0',
      'sep_conv_3x3 3 1',
      'sep_conv_5x5 4 0',
      'sep_conv_5x5 4 3',
      'sep_conv_5x5 5 0',
      'skip_connect 5 1',
    ]),
  ),
  FairDARTS_d: darts(
    triples([
      'sep_conv_3x3 2 0',
      'sep_conv_5x5 2 1',
      'dil_conv_3x3 3 1',
      'max_pool_3x3 3 0',
      'dil_conv_3x3 4 0',
      'dil_conv_3x3 4 1',
      'sep_conv_3x3 5 0',
      'dil_conv_5x5 5 1',
    ]),
    triples([
      'max_pool_3x3 2 0',
      'sep_conv_5x5 2 1',
      'avg_pool_3x3 3 0',
      'dil_conv_5x5 3 2',
      'dil_conv_3x3 4 3',
      'avg_pool_3x3 4 0',
      'avg_pool_3x3 5 0',
      'skip_connect 5 3',
    ]),
  ),
  FairDARTS_e: darts(
    triples([
      'sep_conv_3x3 2 0',
      'sep_conv_3x3 2 1',
      'dil_conv_3x3 4 1',
      'dil_conv_3x3 4 2',
      'dil_conv_3x3 5 0',
      'dil_conv_5x5 5 1',
    ]),
    triples([
      'max_pool_3x3 2 1',
      'max_pool_3x3 2 0',
      'max_pool_3x3 3 1',
      'max_pool_3x3 3 0',
      'sep_conv_5x5 4 1',
      'max_pool_3x3 4 0',
      'avg_pool_3x3 5 0',
      'dil_conv_5x5 5 1',
    ]),
  ),
  FairDARTS_f: darts(
    triples([
      'max_pool_3x3 2 0',
      'sep_conv_3x3 2 1',
      'dil_conv_3x3 3 1',
      'sep_conv_5x5 4 1',
      'sep_conv_3x3 5 0',
      'sep_conv_3x3 5 1',
    ]),
    triples([
      'max_pool_3x3 2 0',
      'max_pool_3x3 2 1',
      'max_pool_3x3 3 0',
      'dil_conv_3x3 3 1',
      'dil_conv_3x3 4 2',
      'max_pool_3x3 4 0',
      'max_pool_3x3 5 0',
      'sep_conv_3x3 5 1',
    ]),
  ),
  FairDARTS_g: darts(
    triples([
      'sep_conv_3x3 2 0',
      'sep_conv_3x3 2 1',
      'skip_connect 4 3',
      'sep_conv_5x5 4 1',
      'dil_conv_3x3 5 0',
      'sep_conv_3x3 5 1',
    ]),
    triples([
      'avg_pool_3x3 2 1',
      'skip_connect 2 0',
      'skip_connect 3 2',
      'max_pool_3x3 3 1',
      'sep_conv_5x5 4 3',
      'max_pool_3x3 4 0',
      'dil_conv_3x3 5 1',
      'dil_conv_3x3 5 4',
    ]),
  ),
  // xiangning-chen/SmoothDARTS c16eed5, sota/cnn/genotypes.py: c10_s5_random and c10_s5_pgd there.
  SDARTS_RS: darts(
    pairs([
      'sep_conv_3x3 1',
      'sep_conv_3x3 0',
      'sep_conv_5x5 1',
      'skip_connect 0',
      'sep_conv_3x3 3',
      'skip_connect 1',
      'sep_conv_3x3 1',
      'dil_conv_3x3 2',
    ]),
    pairs([
      'max_pool_3x3 0',
      'sep_conv_3x3 1',
      'skip_connect 2',
      'max_pool_3x3 0',
      'dil_conv_5x5 3',
      'max_pool_3x3 0',
      'sep_conv_3x3 2',
      'sep_conv_5x5 3',
    ]),
  ),
  SDARTS_ADV: darts(
    pairs([
      'sep_conv_3x3 0',
      'sep_conv_3x3 1',
      'sep_conv_3x3 1',
      'skip_connect 0',
      'sep_conv_5x5 0',
      'dil_conv_3x3 3',
      'dil_conv_3x3 4',
      'skip_connect 0',
    ]),
    pairs([
      'max_pool_3x3 0',
      'sep_conv_5x5 1',
      'skip_connect 2',
      'max_pool_3x3 0',
      'skip_connect 3',
      'skip_connect 2',
      'skip_connect 2',
      'sep_conv_5x5 4',
    ]),
  ),
  // xiangning-chen/DrNAS 68bbcbf, DARTS-space/genotypes.py.
  DrNAS_cifar10: darts(
    pairs([
      'sep_conv_3x3 0',
      'sep_conv_5x5 1',
      'sep_conv_3x3 1',
      'sep_conv_3x3 2',
      'skip_connect 0',
      'sep_conv_3x3 1',
      'sep_conv_3x3 2',
      'dil_conv_5x5 3',
    ]),
    pairs([
      'max_pool_3x3 0',
      'sep_conv_5x5 1',
      'dil_conv_5x5 2',
      'sep_conv_5x5 1',
      'sep_conv_5x5 1',
      'dil_conv_5x5 3',
      'skip_connect 4',
      'sep_conv_5x5 1',
    ]),
  ),
  DrNAS_imagenet: darts(
    pairs([
      'sep_conv_3x3 1',
      'sep_conv_3x3 0',
      'sep_conv_3x3 0',
      'sep_conv_3x3 1',
      'sep_conv_3x3 0',
      'dil_conv_3x3 3',
      'skip_connect 0',
      'sep_conv_3x3 1',
    ]),
    pairs([
      'max_pool_3x3 0',
      'sep_conv_3x3 1',
      'sep_conv_3x3 0',
      'skip_connect 2',
      'sep_conv_3x3 0',
      'sep_conv_3x3 2',
      'sep_conv_3x3 3',
      'sep_conv_3x3 1',
    ]),
  ),
  // Meituan-AutoML/DARTS- 66ec8a5, src/eval/genotypes.py: cifar10_s0_best there.
  DARTS_minus: darts(
    pairs([
      'sep_conv_3x3 0',
      'sep_conv_5x5 1',
      'sep_conv_3x3 1',
      'dil_conv_3x3 2',
      'skip_connect 1',
      'sep_conv_3x3 0',
      'skip_connect 1',
      'sep_conv_3x3 0',
    ]),
    pairs([
      'sep_conv_3x3 0',
      'max_pool_3x3 1',
      'skip_connect 2',
      'max_pool_3x3 0',
      'skip_connect 2',
      'skip_connect 3',
      'skip_connect 2',
      'skip_connect 3',
    ]),
  ),
  // ruocwang/darts-pt a5393d5, sota/cnn/genotypes.py: darts_pt_s5_0 there, the first of four seeds.
  DARTS_PT: darts(
    pairs([
      'sep_conv_3x3 0',
      'sep_conv_3x3 1',
      'sep_conv_5x5 0',
      'dil_conv_3x3 1',
      'skip_connect 0',
      'skip_connect 2',
      'skip_connect 0',
      'max_pool_3x3 4',
    ]),
    pairs([
      'sep_conv_3x3 0',
      'avg_pool_3x3 1',
      'dil_conv_5x5 1',
      'dil_conv_3x3 2',
      'avg_pool_3x3 0',
      'max_pool_3x3 2',
      'sep_conv_3x3 2',
      'skip_connect 4',
    ]),
  ),
  // aheuillet/D-DARTS 7b64457, genotypes/D-DARTS_threshold_sparse_cifar10_0.85_50.txt.
  D_DARTS_sparse_cifar10: {
    space: 'd-darts',
    cells: [
      triples([
        'sep_conv_3x3 2 1',
        'max_pool_3x3 2 0',
        'sep_conv_3x3 3 0',
        'max_pool_3x3 3 2',
        'sep_conv_3x3 4 0',
        'max_pool_3x3 4 2',
        'max_pool_3x3 5 0',
        'dil_conv_5x5 5 4',
      ]),
      triples([
        'skip_connect 2 0',
        'dil_conv_5x5 2 1',
        'sep_conv_5x5 3 1',
        'sep_conv_5x5 3 2',
        'dil_conv_3x3 4 3',
        'sep_conv_5x5 4 2',
        'sep_conv_5x5 5 4',
        'sep_conv_5x5 5 0',
      ]),
      triples([
        'sep_conv_5x5 2 1',
        'sep_conv_5x5 2 0',
        'sep_conv_3x3 3 1',
        'max_pool_3x3 3 2',
        'sep_conv_5x5 4 1',
        'skip_connect 4 0',
        'dil_conv_3x3 5 2',
        'sep_conv_5x5 5 0',
      ]),
      triples([
        'sep_conv_5x5 2 0',
        'sep_conv_5x5 2 1',
        'sep_conv_5x5 3 2',
        'sep_conv_5x5 3 1',
        'dil_conv_3x3 4 2',
        'dil_conv_3x3 4 1',
        'dil_conv_5x5 5 2',
        'sep_conv_5x5 5 1',
      ]),
      triples([
        'dil_conv_5x5 2 1',
        'max_pool_3x3 2 0',
        'sep_conv_5x5 3 2',
        'max_pool_3x3 3 0',
        'sep_conv_5x5 4 1',
        'sep_conv_5x5 4 3',
        'dil_conv_3x3 5 3',
        'sep_conv_5x5 5 2',
      ]),
      triples([
        'sep_conv_5x5 2 1',
        'sep_conv_5x5 2 0',
        'sep_conv_5x5 3 1',
        'sep_conv_5x5 3 2',
        'sep_conv_5x5 4 2',
        'dil_conv_3x3 4 1',
        'sep_conv_3x3 5 1',
        'sep_conv_3x3 5 3',
      ]),
      triples([
        'sep_conv_3x3 2 0',
        'sep_conv_5x5 2 1',
        'dil_conv_3x3 3 1',
        'skip_connect 3 2',
        'skip_connect 4 2',
        'skip_connect 4 0',
        'dil_conv_3x3 5 0',
        'sep_conv_5x5 5 1',
      ]),
      triples([
        'sep_conv_5x5 2 1',
        'sep_conv_3x3 2 0',
        'sep_conv_5x5 3 2',
        'dil_conv_5x5 3 0',
        'sep_conv_5x5 4 3',
        'dil_conv_3x3 4 2',
        'sep_conv_3x3 5 2',
      ]),
    ],
    reductions: [2, 6],
  },
} satisfies Record<string, DartsGenotype | DistributedGenotype>;

/** The names that `publishedGenotype` knows. */
export const publishedGenotypeNames: readonly string[] = Object.keys(genotypes);

/** Whether a genotype has been published under this name. */
export function isPublishedGenotype(name: string): name is keyof typeof genotypes {
  return Object.hasOwn(genotypes, name);
}

/** A published genotype by name. @throws ArgumentError when there is none of that name */
export function publishedGenotype(name: string): DartsGenotype | DistributedGenotype {
  if (isPublishedGenotype(name)) return structuredClone(genotypes[name]);
  const near = nearestWord(name, publishedGenotypeNames);
  throw new ArgumentError(
    `Expected a genotype out of ${publishedGenotypeNames.join(', ')}, got '${name}'${near === undefined ? '' : `; did you mean ${near}?`}.`,
  );
}
