import { expect, it } from 'vitest';
import { formatTable } from '../../lib/report/table.js';

it('aligns text on the left and numbers at their points', () => {
  const table = formatTable({
    columns: ['layer', 'accuracy (%)', 'weights', 'kept'],
    rows: [
      ['conv1', 91.23456, 432, true],
      ['layer1.0.conv2', 8.1, 1234567, false],
      ['fc', null, 640, undefined],
    ],
  });
  expect(table.split('\n')).toEqual([
    'layer           accuracy (%)  weights  kept',
    '──────────────  ────────────  ───────  ────',
    'conv1                  91.23      432  yes',
    'layer1.0.conv2          8.10  1234567  no',
    'fc                         –      640  –',
  ]);
});

it('turns to powers of ten rather than to rows of zeros', () => {
  const lines = formatTable({ columns: ['rate'], rows: [[1e-7], [0.1], [0], [Number.NaN]] }).split('\n');
  expect(lines.slice(2).map((line) => line.trim())).toEqual(['1.000e-7', '1.000e-1', '0', 'NaN']);
});

it('shows the titles of a table without rows', () => {
  expect(formatTable({ columns: ['a', 'bc'], rows: [] })).toBe('a  bc\n─  ──');
  expect(formatTable({ columns: [], rows: [] })).toBe('');
});
