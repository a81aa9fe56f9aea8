import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { barChart, lineChart, renderPlot, scatterPlot } from '../../lib/report/plots.js';
import { type Report, renderReport, writeReport } from '../../lib/report/report.js';
import { temporaryFolder } from '../temporary-folder.js';

const EVIL = `<script>alert('1')</script>&"`;

const epochs = { title: 'epoch' };
const accuracy = { title: 'accuracy', unit: '%' };
const curves = lineChart({
  x: epochs,
  y: accuracy,
  series: [
    { name: 'magnitude', points: [1, 2, 3].map((x) => ({ x, y: 80 + x })) },
    { name: EVIL, points: [1, 2, 3].map((x) => ({ x, y: x === 2 ? Number.NaN : 70 + x })) },
  ],
});
const bars = barChart({
  x: { title: 'sensitivity', unit: 'points' },
  bars: [
    { label: 'conv1', value: 3 },
    { label: EVIL, value: -1 },
    { label: 'conv1', value: 2 },
  ],
});
const scatter = scatterPlot({
  x: { title: 'sparsity', unit: '%' },
  y: accuracy,
  points: [
    { x: 50, y: 91, series: 'a', label: EVIL },
    { x: 90, y: 85, series: 'b' },
    { x: 95, y: Number.NaN, series: 'b' },
  ],
});

const report: Report = {
  title: `Pruning ${EVIL}`,
  subtitle: EVIL,
  sections: [
    { heading: EVIL, text: `One ${EVIL}.\n\nTwo.`, plot: curves },
    {
      heading: 'Layers',
      table: {
        columns: ['layer', EVIL],
        rows: [
          [EVIL, 1.5],
          ['fc', 12],
        ],
      },
      plot: bars,
    },
    { heading: 'Trade', plot: scatter },
  ],
  environment: { isa: 'avx512', [EVIL]: EVIL, seed: 3 },
};

/** Opening and closing tags must nest; a stray `<` of some text would break this. */
function expectWellFormed(html: string): void {
  const open: string[] = [];
  const markup = html.replace(/<!doctype html>/, '').replace(/<style>[\s\S]*?<\/style>/, '');
  for (const [, closing, name, attributes] of markup.matchAll(
    /<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+="[^"<]*")*\s*\/?)>/g,
  )) {
    if (closing === '/') expect(open.pop()).toBe(name);
    else if (!attributes!.endsWith('/') && name !== 'meta') open.push(name!);
  }
  expect(open).toEqual([]);
  expect(markup.replace(/<\/?[a-zA-Z][\w-]*(?:\s+[\w:-]+="[^"<]*")*\s*\/?>/g, '')).not.toMatch(/[<>]/);
}

describe('renderReport', async () => {
  const html = await renderReport(report);

  it('is well-formed and escapes all text', () => {
    expectWellFormed(html);
    expect(html).not.toContain('<script');
    expect(html).toContain('<h1>Pruning &lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;</h1>');
    expect(html).toContain('<p>Two.</p>');
  });

  it('needs nothing from elsewhere', () => {
    const withoutNamespaces = html.replaceAll(/ xmlns(:\w+)?="[^"]*"/g, '');
    expect(withoutNamespaces).not.toMatch(
      /https?:|\/\/[a-z]|@import|\bsrc=|\bhref=|url\((?!#)|<link|<iframe|<object/i,
    );
  });

  it('holds one plot for each, with ids of their own', () => {
    expect(html.match(/<svg /g)).toHaveLength(3);
    const ids = [...html.matchAll(/\bid="([^"]*)"/g)].map(([, id]) => id!);
    expect(new Set(ids).size).toBe(ids.length);
    const references = [...html.matchAll(/url\(#([^)]*)\)/g)].map(([, id]) => id!);
    expect(ids).toEqual(expect.arrayContaining(references));
  });

  it('aligns numbers, and shows the environment in its order', () => {
    expect(html).toContain('<td class="number">1.5</td>');
    expect(html).toContain('<td class="number">12.0</td>');
    expect(html).toMatch(/<dt>isa<\/dt><dd>avx512<\/dd>[\s\S]*<dt>seed<\/dt><dd>3<\/dd>/);
  });

  it('gives equal bytes again', async () => {
    expect(await renderReport(report)).toBe(html);
  });

  it('is written whole', async () => {
    const path = join(temporaryFolder(), 'report.html');
    await writeReport(path, report);
    expect(readFileSync(path, 'utf8')).toBe(html);
  });
});

describe('plots', () => {
  const texts = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);

  it('draw every series, with a gap at NaN, a legend and units', async () => {
    const svg = await renderPlot(curves);
    expect(texts(svg)).toEqual(expect.arrayContaining(['epoch', 'accuracy (%)', 'magnitude']));
    const lines = [...svg.matchAll(/mark-line[\s\S]*?<path [^>]*?\bd="([^"]*)"/g)].map(([, d]) => d!);
    expect(lines).toHaveLength(2);
    expect(lines[0]!.match(/M/g)).toHaveLength(1);
    expect(lines[1]!.match(/M/g)).toHaveLength(2);
  });

  it('draw bars in order, even under one name', async () => {
    const svg = await renderPlot(bars);
    const shown = texts(svg).filter((text) => text === 'conv1' || text.includes('script'));
    expect(shown).toHaveLength(3);
    expect(shown[1]).toContain('&lt;script&gt;');
    expect(svg.match(/aria-roledescription="bar"/g)).toHaveLength(3);
  });

  it('leave out points that are not finite, and the legend of a lone series', async () => {
    const svg = await renderPlot(scatter);
    expect(svg.match(/aria-roledescription="point"/g)).toHaveLength(2);
    expect(svg).toContain('role-legend');
    const lone = await renderPlot(scatterPlot({ x: epochs, y: accuracy, points: [{ x: 1, y: 2 }] }));
    expect(lone).not.toContain('role-legend');
  });

  it('take their ink from the page', async () => {
    for (const spec of [curves, bars, scatter]) {
      const svg = await renderPlot(spec);
      expect(svg).toContain('fill="currentColor"');
      expect(svg).not.toMatch(/(fill|stroke)="(black|#000|#fff|white)/);
    }
  });

  it('survive having no data', async () => {
    const empty = [
      lineChart({ x: epochs, y: accuracy, series: [] }),
      barChart({ x: accuracy, bars: [] }),
      scatterPlot({ x: epochs, y: accuracy, points: [] }),
    ];
    for (const spec of empty) expect(await renderPlot(spec)).toContain('<svg');
  });
});
