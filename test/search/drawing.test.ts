import sharp from 'sharp';
import { expect, it } from 'vitest';
import { drawGenotype, type Genotype, parseGenotype, publishedGenotype } from '../../lib/index.js';
import { genotypeGraphs } from '../../lib/search/drawing.js';

/** All texts of a picture, in order. */
const texts = (svg: string): string[] =>
  [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!.replaceAll('&#45;', '-'));

it('draws both cells of DARTS as its visualize.py does, with the same bytes each time', async () => {
  const v2 = publishedGenotype('DARTS_V2');
  const drawings = await drawGenotype(v2);
  expect(drawings.map(({ name }) => name)).toEqual(['normal', 'reduce']);
  const [normal, reduce] = drawings as [(typeof drawings)[0], (typeof drawings)[0]];
  expect(texts(normal.svg).sort()).toEqual(
    [
      ...['c_{k-2}', 'c_{k-1}', '0', '1', '2', '3', 'c_{k}'],
      ...Array<string>(5).fill('sep_conv_3x3'),
      ...['skip_connect', 'skip_connect', 'dil_conv_3x3'],
    ].sort(),
  );
  expect(texts(reduce.svg).filter((text) => text === 'max_pool_3x3')).toHaveLength(5);
  expect(normal.svg.match(/class="edge"/g)).toHaveLength(12);
  expect(await drawGenotype(v2)).toEqual(drawings);
  // What cannot be parsed as XML, sharp refuses.
  const { width = 0, height = 0 } = await sharp(Buffer.from(normal.svg)).metadata();
  expect(width).toBeGreaterThan(height);
});

it('draws nodes without edges grey, two operations on an edge, and every cell that is for itself', async () => {
  const fair = publishedGenotype('FairDARTS_a');
  const [normal] = genotypeGraphs(fair);
  expect(normal!.graph.nodes!.map(({ attributes }) => attributes!.fillcolor)).toEqual([
    'darkseagreen2',
    'darkseagreen2',
    'lightblue',
    'lightgrey',
    'lightblue',
    'lightblue',
    'palegoldenrod',
  ]);
  expect(await drawGenotype(publishedGenotype('D_DARTS_sparse_cifar10'))).toHaveLength(8);
  const twice: Genotype = {
    space: 'd-darts',
    cells: [
      {
        nodes: [
          [
            { op: 'skip_connect', from: 1 },
            { op: 'max_pool_3x3', from: 1 },
          ],
        ],
        concat: [2],
      },
    ],
  };
  const [{ svg } = { svg: '' }] = await drawGenotype(twice);
  expect(svg.match(/class="edge"/g)).toHaveLength(3);
});

it('draws cells of NAS-Bench-201 and layers in a row', async () => {
  const cell = parseGenotype('|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|');
  const [{ svg } = { svg: '' }] = await drawGenotype(cell);
  expect(texts(svg)).toEqual(expect.arrayContaining(['0', '3', 'nor_conv_3x3', 'avg_pool_3x3']));
  expect(texts(svg).filter((text) => text === 'none')).toHaveLength(3);
  const layers = await drawGenotype({ space: 'layerwise', layers: ['mbconv_k3_e6', 'skip'] });
  expect(texts(layers[0]!.svg)).toEqual(['input', '0', 'mbconv_k3_e6', '1', 'skip', 'output']);
});

it('prints any name as it is', async () => {
  const strange = '<b>&amp;"\\N\\n</b>]]>';
  const layers = await drawGenotype({ space: 'layerwise', layers: [strange, ''] }, '</svg><script>');
  const { svg } = layers[0]!;
  expect(svg).not.toMatch(/<script|<b>/);
  await sharp(Buffer.from(svg)).metadata();
  const unescaped = texts(svg).map((text) =>
    text
      .replaceAll(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&quot;', '"')
      .replaceAll('&amp;', '&'),
  );
  expect(unescaped).toContain(strange);
  expect(unescaped).toContain('</svg><script>: layers');
});
