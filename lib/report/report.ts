/**
 * A run's report: one HTML file with everything inside. No script, no font, no picture comes from elsewhere, so it
 * can be mailed, printed and kept.
 */

import { writeFileAtomic } from '../io/atomic-file.js';
import { type PlotSpec, renderPlot } from './plots.js';
import { REPORT_STYLE } from './style.js';
import { type Table, textColumns } from './table.js';

/** A picture that is there already, such as the graph of a cell. */
export interface ReportDrawing {
  readonly name: string;
  /** An SVG document. */
  readonly svg: string;
}

/** A part of a report: text, then a table, then drawings, then a plot, whichever are there. */
export interface ReportSection {
  readonly heading: string;
  /** Plain text; an empty line begins a new paragraph. */
  readonly text?: string;
  readonly table?: Table;
  readonly drawings?: readonly ReportDrawing[];
  readonly plot?: PlotSpec;
}

/** What a report says. All text is plain text and is escaped. */
export interface Report {
  readonly title: string;
  readonly subtitle?: string;
  readonly sections: readonly ReportSection[];
  /** What the numbers depend on: build, ISA, device, seed, date, in the order to be shown. */
  readonly environment: Readonly<Record<string, string | number>>;
}

/**
 * Renders a report and writes it to `path` in one step. Equal reports give equal bytes.
 *
 * @throws FileSystemError when the file cannot be written
 */
export async function writeReport(path: string, report: Report): Promise<void> {
  await writeFileAtomic(path, await renderReport(report));
}

/** The HTML of a report. */
export async function renderReport({ title, subtitle, sections, environment }: Report): Promise<string> {
  const parts: string[] = [];
  for (const [i, section] of sections.entries()) parts.push(await renderSection(section, `plot${i}-`));
  const subtitleLine = subtitle === undefined ? '' : `<p class="subtitle">${escapeHtml(subtitle)}</p>\n`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>
${REPORT_STYLE}
</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(title)}</h1>
${subtitleLine}</header>
${parts.join('\n')}
<footer>
<h2>Environment</h2>
${renderEnvironment(environment)}
</footer>
</main>
</body>
</html>
`;
}

/** Makes text safe between tags and inside quoted attributes. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

async function renderSection(
  { heading, text, table, drawings = [], plot }: ReportSection,
  idPrefix: string,
): Promise<string> {
  const parts = [`<h2>${escapeHtml(heading)}</h2>`];
  if (text !== undefined) parts.push(renderText(text));
  if (table !== undefined) parts.push(renderTable(table));
  for (const [i, { name, svg }] of drawings.entries()) {
    const drawing = renumberIds(svgElement(svg), `${idPrefix}${i}-`);
    parts.push(
      `<figure role="img" aria-label="${escapeHtml(name)}">${drawing}<figcaption>${escapeHtml(name)}</figcaption></figure>`,
    );
  }
  if (plot !== undefined) {
    const svg = renumberIds(await renderPlot(plot), idPrefix);
    parts.push(`<figure role="img" aria-label="${escapeHtml(heading)}">${svg}</figure>`);
  }
  return `<section>\n${parts.join('\n')}\n</section>`;
}

/** Without the prologue and the comments of a file: in a page they are noise. */
function svgElement(document: string): string {
  return document
    .slice(document.indexOf('<svg'))
    .replaceAll(/<!--[\s\S]*?-->\n?/g, '')
    .trim();
}

function renderText(text: string): string {
  const paragraphs = text.trim().split(/\n\s*\n/);
  return paragraphs.map((paragraph) => `<p>${escapeHtml(paragraph)}</p>`).join('\n');
}

function renderTable(table: Table): string {
  const columns = textColumns(table);
  const cell = (tag: 'th' | 'td', text: string, numeric: boolean) =>
    `<${tag}${numeric ? ' class="number"' : ''}>${escapeHtml(text)}</${tag}>`;
  const head = columns.map(({ title, numeric }) => cell('th', title, numeric)).join('');
  const rows = table.rows.map((_, r) => {
    const cells = columns.map(({ cells, numeric }) => cell('td', cells[r] ?? '', numeric));
    return `<tr>${cells.join('')}</tr>`;
  });
  return `<div class="table"><table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${rows.join('\n')}\n</tbody>\n</table></div>`;
}

function renderEnvironment(environment: Report['environment']): string {
  const items = Object.entries(environment).map(
    ([key, value]) => `<div><dt>${escapeHtml(key)}</dt><dd>${escapeHtml(String(value))}</dd></div>`,
  );
  return `<dl>\n${items.join('\n')}\n</dl>`;
}

/** Ids that depend on the plot alone: vega numbers them through the process, and a page holds several plots. */
function renumberIds(svg: string, prefix: string): string {
  const renamed = new Map<string, string>();
  return svg.replaceAll(/(\bid="|url\(#)([^")]+)/g, (_, opening: string, id: string) => {
    if (!renamed.has(id)) renamed.set(id, `${prefix}${renamed.size}`);
    return opening + renamed.get(id);
  });
}
