/** What spaces of stacked cells of two inputs share: their size, edges, genotypes of cells, and networks. */

import { z } from 'zod';

import { ArgumentError } from '../../errors.js';
import { type CellGenotype, type CellOperation, cellOperations, type Genotype } from '../../nn/genotype.js';
import { CellSearchNet, type GroupOfCell } from '../../nn/models/cell-search-net.js';
import { type CellsSpec, cellsSpec } from '../../nn/models/cells.js';
import { cellCandidates, edgeCount, edgesByNode } from '../../nn/models/darts-cell.js';
import { countSchema } from '../../nn/models/spec.js';
import { withoutDrawing } from '../../nn/module.js';
import type { SearchSpace, SupernetOptions } from '../space.js';
import type { Choice, EdgeGroup, Supernet } from '../supernet.js';

/** How large the networks are; by default as in DARTS (Liu et al., arXiv 1806.09055). */
export const cellNetworkFields = {
  /** C: channels of the first cell's nodes. */
  channels: countSchema.default(16),
  /** Cells; those at a third and two thirds of them are reductions. At least 3: fewer have no normal cell. */
  cells: z.int().min(3).default(8),
  /** The stem has so many times C channels. */
  stemMultiplier: countSchema.default(3),
};

/** Intermediate nodes of a cell. */
export const nodesSchema = countSchema.default(4);

/** The candidates of every edge, in the order of the alphas. `nor_conv` candidates have no stride, and are not offered. */
export const candidatesSchema = z
  .array(z.enum(cellCandidates).exclude(['nor_conv_1x1', 'nor_conv_3x3']))
  .min(1)
  .refine((kinds) => new Set(kinds).size === kinds.length, 'expected every candidate once')
  .refine((kinds) => kinds.some((kind) => kind !== 'none'), 'expected a candidate besides none');

export interface CellNetworkConfig {
  readonly channels: number;
  readonly cells: number;
  readonly nodes: number;
  readonly stemMultiplier: number;
}

/** The edges of a cell, of which an architecture keeps two a node. `none` takes part in mixtures and is never chosen. */
export function cellGroup(
  name: string,
  nodes: number,
  candidates: readonly (readonly string[])[],
): EdgeGroup {
  return {
    name,
    candidates,
    nodes: edgesByNode(nodes),
    edgesPerNode: 2,
    noneAllowed: false,
  };
}

/** For every edge of a cell the same candidates. */
export function onEveryEdge(nodes: number, candidates: readonly string[]): (readonly string[])[] {
  return Array.from({ length: edgeCount(nodes) }, () => candidates);
}

/** What tells one space of cells from another. */
export interface CellSpaceDefinition<C extends CellNetworkConfig> {
  readonly name: string;
  readonly schema: z.ZodType<C>;
  groups(config: C): EdgeGroup[];
  readonly groupOf: GroupOfCell;
  /** The genotype of cells by group. */
  assemble(cells: ReadonlyMap<string, CellGenotype>): Genotype;
  /** The cells of a genotype by group; null when it is of another kind. */
  dismantle(genotype: Genotype): ReadonlyMap<string, CellGenotype> | null;
}

/** A space of cells from what is particular to it. */
export function cellSpace<C extends CellNetworkConfig>(definition: CellSpaceDefinition<C>): SearchSpace<C> {
  const { name, schema, groupOf, assemble, dismantle } = definition;
  const ofAnotherSpace = (genotype: Genotype): ArgumentError =>
    new ArgumentError(`Expected a genotype of the space ${name}, got one of ${genotype.space}.`);
  return {
    name,
    schema,
    groups: (config) => definition.groups(config),
    supernet: (config, groups, options, seed) => {
      checkPruned(definition.groups(config), groups);
      return cellSupernet(config, groups, groupOf, options, seed);
    },
    genotype: (_config, groups, choice) => {
      const unknown = Object.keys(choice).find((key) => !groups.some((group) => group.name === key));
      if (unknown !== undefined) {
        throw new ArgumentError(
          `Expected a choice for ${groups.map((group) => group.name).join(', ')}, got one for '${unknown}'.`,
        );
      }
      return assemble(new Map(groups.map((group) => [group.name, cellGenotype(group, choice)])));
    },
    choice: (_config, groups, genotype) => {
      const cells = dismantle(genotype);
      if (cells === null) throw ofAnotherSpace(genotype);
      if (cells.size !== groups.length) {
        throw new ArgumentError(
          `Expected a genotype with ${groups.length} different cells, got ${cells.size}.`,
        );
      }
      return Object.fromEntries(
        groups.map((group) => [group.name, cellChoice(group, cells.get(group.name)!)]),
      );
    },
    network: ({ channels, cells, stemMultiplier }, genotype, options) => {
      if (dismantle(genotype) === null || !isGenotypeOfCells(genotype)) throw ofAnotherSpace(genotype);
      return cellsSpec(genotype, options, { channels, cells, stemMultiplier, stem: 'cifar' });
    },
  };
}

function cellSupernet(
  config: CellNetworkConfig,
  groups: readonly EdgeGroup[],
  groupOf: GroupOfCell,
  options: SupernetOptions,
  seed: number | null,
): Supernet {
  const { channels, cells, nodes, stemMultiplier } = config;
  const size = { channels, cells, nodes, stemMultiplier };
  const network = withoutDrawing(() => new CellSearchNet({ ...size, ...options, groups, groupOf }));
  return seed === null ? network.reseed(0) : network.initialize(seed);
}

/** @throws ArgumentError when groups are not those of a space with candidates left out */
function checkPruned(all: readonly EdgeGroup[], groups: readonly EdgeGroup[]): void {
  const names = (list: readonly EdgeGroup[]): string => list.map(({ name }) => name).join(', ');
  if (names(all) !== names(groups)) {
    throw new ArgumentError(`Expected the groups ${names(all)}, got ${names(groups)}.`);
  }
  for (const [index, { name, candidates }] of groups.entries()) {
    const known = all[index]!.candidates;
    const strange = candidates.findIndex((kinds, e) => kinds.some((kind) => !known[e]?.includes(kind)));
    if (candidates.length === known.length && strange === -1) continue;
    throw new ArgumentError(
      candidates.length === known.length
        ? `Expected candidates of edge ${strange} of ${name} out of ${known[strange]!.join(', ')}, got ${candidates[strange]!.join(', ')}.`
        : `Expected ${known.length} edges in ${name}, got ${candidates.length}.`,
    );
  }
}

function cellGenotype({ name, candidates, nodes, noneAllowed }: EdgeGroup, choice: Choice): CellGenotype {
  const kept = choice[name];
  if (kept?.length !== candidates.length) {
    throw new ArgumentError(
      `Expected a choice for the ${candidates.length} edges of ${name}, got ${kept?.length ?? 'none'}.`,
    );
  }
  const operation = (e: number, kind: string): CellOperation => {
    if (candidates[e]!.includes(kind) && isOperation(kind) && (noneAllowed || kind !== 'none')) return kind;
    const offered = candidates[e]!.filter((each) => noneAllowed || each !== 'none');
    throw new ArgumentError(
      `Expected operations of edge ${e} of ${name} out of ${offered.join(', ')}, got '${kind}'.`,
    );
  };
  return {
    nodes: nodes.map((edges) =>
      edges.flatMap((e, from) => kept[e]!.map((kind) => ({ op: operation(e, kind), from }))),
    ),
    concat: nodes.map((_, node) => node + 2),
  };
}

function cellChoice({ name, candidates, nodes, noneAllowed }: EdgeGroup, cell: CellGenotype): string[][] {
  if (cell.nodes.length !== nodes.length || cell.concat.join() !== nodes.map((_, node) => node + 2).join()) {
    throw new ArgumentError(
      `Expected a cell ${name} of ${nodes.length} nodes, all of them concatenated, got ${cell.nodes.length} nodes ` +
        `and the states ${cell.concat.join(', ')}.`,
    );
  }
  const choice: string[][] = candidates.map(() => []);
  for (const [node, edges] of cell.nodes.entries()) {
    for (const { op, from } of edges) {
      const e = nodes[node]![from]!;
      if (!candidates[e]!.includes(op) || (op === 'none' && !noneAllowed)) {
        throw new ArgumentError(
          `Expected operations of edge ${e} of ${name} out of ${candidates[e]!.join(', ')}, got '${op}'.`,
        );
      }
      if (choice[e]!.includes(op)) {
        throw new ArgumentError(`Expected an operation once on edge ${e} of ${name}, got ${op} twice.`);
      }
      choice[e]!.push(op);
    }
  }
  return choice;
}

function isOperation(kind: string): kind is CellOperation {
  return (cellOperations as readonly string[]).includes(kind);
}

function isGenotypeOfCells(genotype: Genotype): genotype is CellsSpec['genotype'] {
  return genotype.space === 'darts' || genotype.space === 'd-darts';
}
