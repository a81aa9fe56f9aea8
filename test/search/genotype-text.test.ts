import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  AuxiliaryHead,
  type CellGenotype,
  type CellNetwork,
  cellOperations,
  cellsSpec,
  type DartsGenotype,
  type DistributedGenotype,
  formatGenotype,
  type Genotype,
  genotypeSchema,
  type Module,
  modelFromSpec,
  type NasBench201Genotype,
  nasBench201Operations,
  parseGenotype,
  publishedGenotype,
  publishedGenotypeNames,
} from '../../lib/index.js';

const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };

/** As quark0/darts prints it. */
const V2 =
  "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])";
/** As FairDARTS writes it, in two lines, with a node that nothing enters. */
const FAIR_A = `FairDARTS_a = Genotype(normal=[('sep_conv_3x3', 2, 0), ('sep_conv_5x5', 2, 1), ('max_pool_3x3', 4, 0), ('sep_conv_3x3', 5, 0)], normal_concat=range(2, 6),
  reduce=[('max_pool_3x3', 2, 0), ('avg_pool_3x3', 2, 1), ('avg_pool_3x3', 3, 0), ('dil_conv_5x5', 3, 1), ('avg_pool_3x3', 4, 0), ('sep_conv_5x5', 4, 1), # node 5:
    ('skip_connect', 5, 0), ('skip_connect', 5, 1),], reduce_concat=range(2, 6))`;

/** Cells of two edges a node. */
const pairedCell: fc.Arbitrary<CellGenotype> = fc.integer({ min: 1, max: 5 }).chain((count) =>
  fc.record({
    nodes: fc.tuple(
      ...Array.from({ length: count }, (_, node) =>
        fc.array(edgeBefore(node + 2), { minLength: 2, maxLength: 2 }),
      ),
    ),
    concat: fc.uniqueArray(fc.integer({ min: 0, max: count + 1 }), { minLength: 1 }),
  }),
);

/** Cells with any number of edges a node, the last node with some; all nodes with edges are concatenated. */
const sparseCell: fc.Arbitrary<CellGenotype> = fc
  .integer({ min: 1, max: 4 })
  .chain((count) =>
    fc.tuple(
      ...Array.from({ length: count }, (_, node) =>
        fc.array(edgeBefore(node + 2), { minLength: node === count - 1 ? 1 : 0, maxLength: 3 }),
      ),
    ),
  )
  .map((nodes) => ({
    nodes,
    concat: nodes.flatMap((edges, node) => (edges.length > 0 ? [node + 2] : [])),
  }));

function edgeBefore(state: number) {
  return fc.record({
    op: fc.constantFrom(...cellOperations),
    from: fc.integer({ min: 0, max: state - 1 }),
  });
}

const darts = (cell: fc.Arbitrary<CellGenotype>): fc.Arbitrary<DartsGenotype> =>
  fc.record({ space: fc.constant('darts' as const), normal: cell, reduce: cell });

const distributed: fc.Arbitrary<DistributedGenotype> = fc
  .array(sparseCell, { minLength: 1, maxLength: 6 })
  .chain((cells) =>
    fc.record({
      space: fc.constant('d-darts' as const),
      cells: fc.constant(cells),
      reductions: fc
        .uniqueArray(fc.integer({ min: 0, max: cells.length - 1 }))
        .map((numbers) => numbers.sort((a, b) => a - b)),
    }),
  );

const nasBench201: fc.Arbitrary<NasBench201Genotype> = fc.record({
  space: fc.constant('nas-bench-201' as const),
  nodes: fc.tuple(
    ...[1, 2, 3].map((length) =>
      fc.array(fc.constantFrom(...nasBench201Operations), { minLength: length, maxLength: length }),
    ),
  ),
});

describe('genotypes as text', () => {
  it.each([
    ['pairs', darts(pairedCell)],
    ['triples', darts(sparseCell)],
    ['D-DARTS', distributed],
    ['NAS-Bench-201', nasBench201],
  ] as [string, fc.Arbitrary<Genotype>][])('%s come back as they went', (_, genotypes) => {
    fc.assert(
      fc.property(genotypes, (genotype) => {
        expect(genotypeSchema.parse(genotype)).toEqual(genotype);
        expect(parseGenotype(formatGenotype(genotype), genotype.space)).toEqual(genotype);
      }),
      { numRuns: 100, seed: 7 },
    );
  });

  it('reads what DARTS and FairDARTS print, and leaves out nodes without edges as FairDARTS does', () => {
    expect(parseGenotype(V2)).toEqual(publishedGenotype('DARTS_V2'));
    const fair = parseGenotype(FAIR_A, 'darts');
    expect(fair).toEqual(publishedGenotype('FairDARTS_a'));
    expect(fair.normal.nodes[1]).toEqual([]);
    expect(fair.normal.concat).toEqual([2, 4, 5]);
    expect(parseGenotype(formatGenotype(fair))).toEqual(fair);
  });

  it('reads and writes the strings of NAS-Bench-201', () => {
    const text = '|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|none~2|';
    const genotype = parseGenotype(` ${text}\n`, 'nas-bench-201');
    expect(genotype.nodes[2]).toEqual(['skip_connect', 'nor_conv_3x3', 'none']);
    expect(formatGenotype(genotype)).toBe(text);
  });

  it.each([
    [V2.replace('dil_conv_3x3', 'dil_conv_3x33'), /at character 166 .*did you mean dil_conv_3x3\?/],
    [V2.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', 5)"), /Expected a state before 5 .* got 5/],
    [V2.replace(", ('dil_conv_3x3', 2)", ''), /two edges a node .* got 7 edges/],
    [V2.replace('normal_concat=[2, 3, 4, 5]', 'normal_concat=[2, 6]'), /states below 6 .* got 6/],
    [V2.replace(', reduce_concat=[2, 3, 4, 5]', ''), /got none of the name reduce_concat/],
    [V2.replace('reduce_concat', 'reduced_concat'), /got the field reduced_concat/],
    [V2.slice(0, 100), /got the end/],
    [`${V2} + 1`, /nothing more .* got '\+ 1'/],
    [V2.replace("('sep_conv_3x3', 0)", "('sep_conv_3x3', 2, 0)"), /edges of 3 parts/],
    [V2.replace('Genotype', 'os.system'), /'\(' after os/],
    ['Cell(1)', /'Genotype\(normal=\.\.\., \.\.\.\)'.* got Cell\(\.\.\.\)/],
    ['['.repeat(5000), /at most 16 brackets/],
    ['Genotype(normal=[], normal_concat=[2], reduce=[], reduce_concat=[2])', /at least one edge/],
    [V2.replace('[2, 3, 4, 5]', 'range(0, 100000000)'), /a range of states/],
    ['|nor_conv_3x3~0|+|none~0|none~1|', /3 nodes, .* got 2/],
    ['|nor_conv_3x3~0|+|none~0|none~0|+|none~0|none~1|none~2|', /~1 at character 26 .* got 'none~0'/],
    ['|nor_conv_3x4~0|+|none~0|none~1|+|none~0|none~1|none~2|', /did you mean nor_conv_3x3\?/],
    ['', /got the end/],
  ])('refuses %#, and says where', (text, message) => {
    expect(() => parseGenotype(text)).toThrow(ArgumentError);
    expect(() => parseGenotype(text)).toThrow(message);
  });

  it('refuses a genotype of another space, and what a notation cannot say', () => {
    expect(() => parseGenotype(V2, 'nas-bench-201')).toThrow(
      'Expected a genotype of the space nas-bench-201, got one of darts.',
    );
    const empty = { nodes: [[{ op: 'none' as const, from: 0 }], []], concat: [2, 3] };
    expect(() => formatGenotype({ space: 'darts', normal: empty, reduce: empty })).toThrow(/node 3/);
    const other = { ...empty, nodes: [empty.nodes[0]!, empty.nodes[0]!], concat: [3] };
    const cells = [{ ...other, concat: [2, 3] }, other];
    expect(() => formatGenotype({ space: 'd-darts', cells })).toThrow(/got 3 in cell 1/);
    expect(() => formatGenotype({ space: 'layerwise', layers: ['skip'] })).toThrow(ArgumentError);
  });

  it('never throws anything but ArgumentError', () => {
    fc.assert(
      fc.property(fc.nat(V2.length), fc.nat(40), fc.string({ maxLength: 4 }), (at, length, put) => {
        try {
          genotypeSchema.parse(parseGenotype(V2.slice(0, at) + put + V2.slice(at + length)));
        } catch (error) {
          expect(error).toBeInstanceOf(ArgumentError);
        }
      }),
      { numRuns: 300, seed: 3 },
    );
  });
});

describe('published genotypes', () => {
  it('are genotypes, which their notations can say', () => {
    for (const name of publishedGenotypeNames) {
      const genotype = publishedGenotype(name);
      expect(genotypeSchema.parse(genotype), name).toEqual(genotype);
      expect(parseGenotype(formatGenotype(genotype)), name).toEqual(genotype);
    }
  });

  // Millions, as FairDARTS' and DARTS-PT's genotypes.py say them, at C = 36 and 20 cells; some with the auxiliary head.
  it.each([
    ['NASNet', 3.83, false],
    ['GDAS_V1', 3.36, false],
    ['PC_DARTS_cifar', 3.63, false],
    ['PDARTS', 3.43, false],
    ['DARTS_PT', 2.85, false],
    ['FairDARTS_a', 2.83, true],
    ['FairDARTS_b', 3.88, true],
    ['FairDARTS_c', 2.59, false],
    ['FairDARTS_d', 3.84, true],
    ['FairDARTS_e', 3.12, true],
    ['FairDARTS_f', 3.62, true],
    ['FairDARTS_g', 3.375, true],
  ])('%s has the %d million parameters that its repository says', (name, millions, withHead) => {
    const count = (module: Module) => [...module.parameters()].reduce((total, { size }) => total + size, 0);
    const spec = cellsSpec(publishedGenotype(name), { classes: 10, normalization });
    using model = modelFromSpec(spec, null) as CellNetwork;
    using head = new AuxiliaryHead(model.tapChannels, 10);
    const parameters = count(model) + (withHead ? count(head) : 0);
    expect(Math.abs(parameters / 1e6 - millions)).toBeLessThan(0.011);
  });

  it('names the nearest', () => {
    expect(() => publishedGenotype('DARTS_V3')).toThrow(/did you mean DARTS_V[12]\?/);
    expect(() => publishedGenotype('toString')).toThrow(ArgumentError);
  });
});
