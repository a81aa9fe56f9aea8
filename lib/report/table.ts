/** Text tables for results: aligned columns, numbers on the right with their decimal points below each other. */

/** What a table's cell may hold; null and undefined are shown as a dash. */
export type Cell = string | number | boolean | null | undefined;

/** A table of results. Give units in the column titles, as in `time (ms)`. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** One column as text: every cell with the same number of decimals, so that padding on the left aligns the points. */
export interface TextColumn {
  readonly title: string;
  readonly cells: readonly string[];
  readonly numeric: boolean;
}

const EMPTY = '–';
const SIGNIFICANT_DIGITS = 4;
/** Beyond this many decimals a column of plain notation is harder to read than one in powers of ten. */
const MAX_DECIMALS = 6;

/** Turns cells into text. Numbers keep about four significant digits; whole numbers keep all. */
export function textColumns(table: Table): TextColumn[] {
  return table.columns.map((title, c) => {
    const cells = table.rows.map((row) => row[c]);
    const numbers = cells.filter((cell) => typeof cell === 'number');
    const decimals = Math.max(0, ...numbers.map(decimalsOf));
    return {
      title,
      cells: cells.map((cell) => (typeof cell === 'number' ? numberText(cell, decimals) : plainText(cell))),
      numeric: numbers.length > 0 && cells.every((cell) => typeof cell === 'number' || cell == null),
    };
  });
}

/**
 * Renders a table for a terminal or a log: a line of titles, a rule, a line for each row, without a line break at
 * the end.
 */
export function formatTable(table: Table): string {
  const columns = textColumns(table).map((column) => {
    const width = Math.max(...[column.title, ...column.cells].map(widthOf));
    const pad = (text: string) => {
      const gap = ' '.repeat(width - widthOf(text));
      return column.numeric ? gap + text : text + gap;
    };
    return [pad(column.title), '─'.repeat(width), ...column.cells.map(pad)];
  });
  const height = columns[0]?.length ?? 0;
  return Array.from({ length: height }, (_, line) =>
    columns
      .map((column) => column[line])
      .join('  ')
      .trimEnd(),
  ).join('\n');
}

function decimalsOf(value: number): number {
  if (!Number.isFinite(value) || Number.isInteger(value)) return 0;
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  const wanted = Math.max(0, SIGNIFICANT_DIGITS - 1 - magnitude);
  const digits = value.toFixed(Math.min(wanted, 100)).replace(/\.?0+$/, '');
  return digits.includes('.') ? digits.length - digits.indexOf('.') - 1 : 0;
}

function numberText(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (decimals <= MAX_DECIMALS) return value.toFixed(decimals);
  return value === 0 ? '0' : value.toExponential(SIGNIFICANT_DIGITS - 1);
}

function plainText(cell: Exclude<Cell, number>): string {
  if (cell === null || cell === undefined) return EMPTY;
  return typeof cell === 'boolean' ? (cell ? 'yes' : 'no') : cell;
}

/** Width in characters; code points outside the basic plane count once. */
function widthOf(text: string): number {
  return [...text].length;
}
