/** Genotypes: architectures as searches find them, as plain JSON. Specs of networks contain them. */

import { z } from 'zod';

/** The operations of cells of two inputs, by their names in DARTS' code (`conv_7x1_1x7` is in its NASNet genotypes only). */
export const cellOperations = [
  'none',
  'max_pool_3x3',
  'avg_pool_3x3',
  'skip_connect',
  'sep_conv_3x3',
  'sep_conv_5x5',
  'sep_conv_7x7',
  'dil_conv_3x3',
  'dil_conv_5x5',
  'conv_7x1_1x7',
  'noise',
] as const;

/** What enters a node: an operation on an earlier state. */
const edgeSchema = z.strictObject({
  op: z.enum(cellOperations),
  /** States count from 0: both inputs, then the nodes. */
  from: z.int().nonnegative(),
});

/** A cell of two inputs. */
export const cellGenotypeSchema = z
  .strictObject({
    /** For each node the edges that enter it: two in DARTS, any number where edges are chosen by thresholds. */
    nodes: z.array(z.array(edgeSchema)).min(1),
    /** The states that the cell concatenates. */
    concat: z.array(z.int().nonnegative()).min(1),
  })
  .superRefine(({ nodes, concat }, context) => {
    for (const [index, edges] of nodes.entries()) {
      const late = edges.find(({ from }) => from >= index + 2);
      if (late === undefined) continue;
      context.addIssue({
        code: 'custom',
        path: ['nodes', index],
        message: `expected states before ${index + 2}, got ${late.from}`,
      });
    }
    const beyond = concat.find((state) => state >= nodes.length + 2);
    if (beyond !== undefined) {
      context.addIssue({
        code: 'custom',
        path: ['concat'],
        message: `expected states below ${nodes.length + 2}, got ${beyond}`,
      });
    }
  });

/** One cell for all normal and one for all reduction cells (Liu et al., arXiv 1806.09055). */
export const dartsGenotypeSchema = z.strictObject({
  space: z.literal('darts'),
  normal: cellGenotypeSchema,
  reduce: cellGenotypeSchema,
});

/** Every cell for itself (Heuillet et al., D-DARTS, arXiv 2108.09306). */
export const distributedGenotypeSchema = z
  .strictObject({
    space: z.literal('d-darts'),
    cells: z.array(cellGenotypeSchema).min(1),
    /** The cells that halve height and width and double the channels. Default: those at a third and two thirds of them. */
    reductions: z.array(z.int().nonnegative()).optional(),
  })
  .superRefine(({ cells, reductions = [] }, context) => {
    const wrong = reductions.find(
      (cell, index) => cell >= cells.length || cell <= (reductions[index - 1] ?? -1),
    );
    if (wrong === undefined) return;
    context.addIssue({
      code: 'custom',
      path: ['reductions'],
      message: `expected cells below ${cells.length} in rising order, got ${wrong}`,
    });
  });

/** The operations of NAS-Bench-201. */
export const nasBench201Operations = [
  'none',
  'skip_connect',
  'nor_conv_1x1',
  'nor_conv_3x3',
  'avg_pool_3x3',
] as const;

/** A cell of NAS-Bench-201 (Dong and Yang, arXiv 2001.00326). */
export const nasBench201GenotypeSchema = z.strictObject({
  space: z.literal('nas-bench-201'),
  /** For nodes 1 to 3 the operations on nodes 0, 1, … before it. */
  nodes: z
    .array(z.array(z.enum(nasBench201Operations)))
    .length(3)
    .refine(
      (nodes) => nodes.every((edges, node) => edges.length === node + 1),
      'expected 1, 2 and 3 operations',
    ),
});

/** A network that chooses a block for each layer (ProxylessNAS, FBNet). */
export const layerwiseGenotypeSchema = z.strictObject({
  space: z.literal('layerwise'),
  /** By searched layer: the block's name, or `skip`. */
  layers: z.array(z.string()).min(1),
});

export const genotypeSchema = z.discriminatedUnion('space', [
  dartsGenotypeSchema,
  distributedGenotypeSchema,
  nasBench201GenotypeSchema,
  layerwiseGenotypeSchema,
]);

export type CellOperation = (typeof cellOperations)[number];
export type CellGenotype = z.infer<typeof cellGenotypeSchema>;
export type DartsGenotype = z.infer<typeof dartsGenotypeSchema>;
export type DistributedGenotype = z.infer<typeof distributedGenotypeSchema>;
export type NasBench201Operation = (typeof nasBench201Operations)[number];
export type NasBench201Genotype = z.infer<typeof nasBench201GenotypeSchema>;
export type LayerwiseGenotype = z.infer<typeof layerwiseGenotypeSchema>;
export type Genotype = z.infer<typeof genotypeSchema>;
