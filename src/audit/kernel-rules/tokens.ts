// One line of a rules file to words, and back. auditctl parts words at blanks and knows `\ ` and `\\`; we also take quotes, as a
// shell does, and `\xNN` for a byte that text can't hold. Knows nothing of options.

import { safeText } from '../../core/text.ts';

export interface Token {
  /** As core/text.ts has it: bytes that aren't UTF-8 are `\xNN`. */
  readonly text: string;
  /** Where it starts in the line, from 1. */
  readonly column: number;
  /** How long it is in the line, quotes included. */
  readonly length: number;
}

export type Tokens = { readonly ok: readonly Token[] } | { readonly error: { column: number; message: string } };

const isBlank = (c: string): boolean => c === ' ' || c === '\t' || c === '\r' || c === '\v' || c === '\f';

export function tokenize(line: string): Tokens {
  const tokens: Token[] = [];
  let i = 0;
  for (;;) {
    while (i < line.length && isBlank(line[i]!)) i++;
    if (i >= line.length) return { ok: tokens };
    const start = i;
    const parts: Buffer[] = [];
    let plainFrom = i;
    const flush = (to: number): void => {
      if (to > plainFrom) parts.push(Buffer.from(line.slice(plainFrom, to)));
    };
    let quote = '';
    let quoteColumn = 0;
    for (; i < line.length && (quote !== '' || !isBlank(line[i]!)); i++) {
      const c = line[i]!;
      if (c < ' ' && c !== '\t') return { error: { column: i + 1, message: 'control character; write it as \\xNN' } };
      if (quote === '' ? c === '"' || c === "'" : c === quote) {
        flush(i);
        quoteColumn = i + 1;
        quote = quote === '' ? c : '';
        plainFrom = i + 1;
      } else if (c === '\\' && quote !== "'") {
        const escaped = escapeAt(line, i, quote);
        if (escaped === undefined) continue;
        flush(i);
        parts.push(escaped.bytes);
        i += escaped.length - 1;
        plainFrom = i + 1;
      }
    }
    if (quote !== '') return { error: { column: quoteColumn, message: `no closing ${quote}` } };
    flush(i);
    tokens.push({ text: safeText(Buffer.concat(parts)), column: start + 1, length: i - start });
  }
}

/** An escape at `i`; undefined where the backslash stands for itself. */
function escapeAt(line: string, i: number, quote: string): { bytes: Buffer; length: number } | undefined {
  const hex = /^x[0-9a-f]{2}/.exec(line.slice(i + 1, i + 4));
  if (hex !== null) return { bytes: Buffer.from(hex[0].slice(1), 'hex'), length: 4 };
  const next = line[i + 1];
  if (next === '\\' || next === '"' || (quote === '' && (next === ' ' || next === "'"))) {
    return { bytes: Buffer.from(next), length: 2 };
  }
  return undefined;
}

/** A word as {@link tokenize} reads it back; auditctl reads it too, unless it holds quotes, control characters or stray bytes. */
export function quoteToken(text: string): string {
  return text.replace(/\\x[0-9a-f]{2}|[\\"' \x00-\x1f\x7f]/g, match => {
    if (match === '\\x5c') return '\\\\';
    if (match.length > 1) return match;
    return match < ' ' || match === '\x7f' ? `\\x${match.charCodeAt(0).toString(16).padStart(2, '0')}` : `\\${match}`;
  });
}
