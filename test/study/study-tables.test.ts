import { expect, it } from 'vitest';
import type { Summary } from '../../lib/statistics.js';
import type { StudyOutcome } from '../../lib/study/analysis.js';
import { csv, latexTables, readableTable, summaryTable } from '../../lib/study/study-tables.js';

const cell = { name: 'a_b', settings: {} };
const measure = { name: 'clean', title: 'clean', unit: '%', factor: 100 };

function outcome(summary: Summary | null, missing: number[] = []): StudyOutcome {
  const row = { name: 'a_b', cell, part: undefined, prefix: '' };
  return {
    trials: [],
    rows: [{ row, missing, measures: [{ measure, values: new Map(), summary }] }],
    comparisons: [{ first: 'a_b', second: 'c', measure, summary }],
  };
}

const three: Summary = { n: 3, mean: 0.52345, deviation: 0.0123, interval: { low: 0.51, high: 0.5333 } };

it('decimals follow the deviation', () => {
  expect(readableTable(outcome(three)).rows).toEqual([['a_b', '3', '52.3 ± 1.2 [51.0, 53.3]']]);
});

it('one seed gives no interval, and no seed no number; both say so', () => {
  const one: Summary = { n: 1, mean: 0.5, deviation: null, interval: null };
  expect(readableTable(outcome(one, [2])).rows).toEqual([
    ['a_b', '1 of 2, incomplete', '50.00, no interval'],
  ]);
  expect(readableTable(outcome(null, [0, 1])).rows).toEqual([['a_b', '0 of 2, incomplete', '–']]);
  expect(csv(summaryTable(outcome(null, [0, 1])))).toContain('a_b,,clean,2,0,,,,\r\n');
});

it('LaTeX is escaped, and marks what is incomplete', () => {
  const text = latexTables(outcome(three, [4]), 'note');
  expect(text).toContain('a\\_b\\textsuperscript{*} & 3 & $52.3 \\pm 1.2$ \\small$[51.0, 53.3]$ \\\\');
  expect(text).toContain('clean (\\%)');
  expect(text).toMatch(/\\toprule[\s\S]*\\midrule[\s\S]*\\bottomrule[\s\S]*Incomplete/);
  expect(text).toContain('a\\_b $-$ c');
});

it('CSV quotes what would break a line, and keeps all digits', () => {
  expect(
    csv({
      columns: ['a', 'b'],
      rows: [
        ['x,"y"\n', 0.1 + 0.2],
        [null, 3],
      ],
    }),
  ).toBe('a,b\r\n"x,""y""\n",0.30000000000000004\r\n,3\r\n');
});
