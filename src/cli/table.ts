// Tables for people on a terminal, and the same tab-separated for programs. Pure.

import { printable } from '../log.ts';

export interface Column<T> {
  readonly name: string;
  readonly value: (row: T) => string;
  /** Where this is shorter than the value, for a terminal. */
  readonly short?: (row: T) => string;
  readonly right?: boolean;
  /** The least width of a column that may be cut; without it, it is never cut. */
  readonly least?: number;
}

const GAP = '  ';

/** One line: what a terminal or a reader of lines would take for more than text is made visible. */
function cell(text: string): string {
  return printable(text).replaceAll('\n', '\\x0a');
}

/** A line of names, then one for each row. */
export function tabSeparated<T>(columns: readonly Column<T>[], rows: readonly T[]): string {
  const lines = [columns.map(({ name }) => name), ...rows.map(row => columns.map(({ value }) => cell(value(row))))];
  return lines.map(cells => `${cells.join('\t')}\n`).join('');
}

/**
 * A table that is at most `width` wide. Columns are given by importance: those for which no place is left are not shown, and named
 * below.
 */
export function table<T>(columns: readonly Column<T>[], rows: readonly T[], width: number): string {
  const all = columns.map(column => {
    const cells = rows.map(row => cell((column.short ?? column.value)(row)));
    const natural = Math.max(Bun.stringWidth(column.name), ...cells.map(text => Bun.stringWidth(text)));
    return { column, cells, natural, least: Math.min(natural, column.least ?? natural) };
  });
  const shown: typeof all = [];
  let left = width;
  for (const one of all) {
    const need = one.least + (shown.length === 0 ? 0 : GAP.length);
    if (shown.length > 0 && need > left) break;
    shown.push(one);
    left -= need;
  }
  const widths = shared(shown, left);
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, i) => fit(text, widths[i]!, shown[i]!.column.right === true))
      .join(GAP)
      .trimEnd();
  const lines = [
    line(shown.map(({ column }) => column.name)),
    ...rows.map((_, r) => line(shown.map(c => c.cells[r]!))),
  ];
  const hidden = all.slice(shown.length).map(({ column }) => column.name);
  if (hidden.length > 0) lines.push(`(too narrow for: ${hidden.join(', ')})`);
  return `${lines.join('\n')}\n`;
}

/** Each column's least, and what is left over shared out: those that want little get all they want. */
function shared(columns: readonly { readonly natural: number; readonly least: number }[], left: number): number[] {
  const widths = columns.map(({ least }) => least);
  const byWant = columns.map((_, i) => i).sort((a, b) => want(columns[a]!) - want(columns[b]!));
  for (const [k, i] of byWant.entries()) {
    const more = Math.max(0, Math.min(want(columns[i]!), Math.floor(left / (byWant.length - k))));
    widths[i]! += more;
    left -= more;
  }
  return widths;
}

const want = ({ natural, least }: { readonly natural: number; readonly least: number }): number => natural - least;

function fit(text: string, width: number, right: boolean): string {
  let cut = text;
  if (Bun.stringWidth(text) > width) {
    cut = '';
    let used = 1;
    for (const character of text) {
      used += Bun.stringWidth(character);
      if (used > width) break;
      cut += character;
    }
    cut += '…';
  }
  const pad = ' '.repeat(Math.max(0, width - Bun.stringWidth(cut)));
  return right ? pad + cut : cut + pad;
}
