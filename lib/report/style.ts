/** The style sheet of a report: one readable column, light or dark as the reader's system asks, plain on paper. */
export const REPORT_STYLE = `:root {
  --ink: #1c1e21; --soft: #5d636b; --line: #d9dce0; --paper: #fdfdfc; --accent: #4477aa;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e6e8; --soft: #9aa1a9; --line: #34383d; --paper: #15171a; --accent: #7aa6d2; }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 Charter, 'Bitstream Charter', 'Iowan Old Style', 'Source Serif 4', Georgia, serif;
  text-rendering: optimizeLegibility; font-kerning: normal;
}
main { max-width: 46rem; margin: 0 auto; padding: 4rem 1.5rem 3rem; }
header { border-bottom: 2px solid var(--accent); padding-bottom: 1.25rem; }
h1 { margin: 0; font-size: 2.1rem; font-weight: 600; line-height: 1.15; letter-spacing: -0.015em; text-wrap: balance; }
h2 { margin: 3rem 0 0.75rem; font-size: 1.25rem; font-weight: 600; line-height: 1.3; break-after: avoid; }
p { margin: 0 0 1rem; hyphens: auto; overflow-wrap: break-word; }
.subtitle { margin: 0.6rem 0 0; color: var(--soft); font-size: 1.1rem; }
figure { margin: 1.5rem 0; break-inside: avoid; }
figure svg { display: block; width: 100%; height: auto; overflow: visible; }
figcaption { color: var(--soft); font: 0.85rem/1.45 system-ui, -apple-system, 'Segoe UI', sans-serif; text-align: center; }
.table { overflow-x: auto; margin: 1.25rem 0; }
table, dl { font: 0.85rem/1.45 system-ui, -apple-system, 'Segoe UI', sans-serif; font-variant-numeric: tabular-nums lining-nums; }
table { border-collapse: collapse; min-width: 60%; }
th { color: var(--soft); font-weight: 500; text-align: left; vertical-align: bottom; }
th, td { padding: 0.4rem 1.25rem 0.4rem 0; border-bottom: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
thead th { border-bottom-color: var(--soft); }
.number { text-align: right; white-space: nowrap; }
footer { margin-top: 4rem; border-top: 1px solid var(--line); color: var(--soft); }
footer h2 { margin-top: 1.25rem; font-size: 0.95rem; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 0.5rem 2rem; margin: 0; }
dt { font-size: 0.75rem; }
dd { margin: 0; color: var(--ink); overflow-wrap: anywhere; }
@media print {
  :root { --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --accent: #000; }
  @page { margin: 18mm; }
  main { max-width: none; padding: 0; }
  body { font-size: 10.5pt; }
  tr { break-inside: avoid; }
}`;
