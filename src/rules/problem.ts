// What is wrong with a rule file, told like a good compiler does: place, excerpt, caret, what was expected. Pure.

export type Severity = 'error' | 'warning';

export interface Problem {
  readonly severity: Severity;
  /** Short and stable, for editors and scripts: `unknown-modifier`. */
  readonly code: string;
  readonly file: string;
  /** 1-based; 0 where the problem is of the file as a whole. */
  readonly line: number;
  /** 1-based, in UTF-16 units. */
  readonly column: number;
  readonly message: string;
  /** What to write instead, where that can be guessed. */
  readonly help?: string;
  readonly excerpt?: Excerpt;
  /** How much of the line is meant, from `column`. */
  readonly length: number;
}

/** The source line, or the part of a long one that is meant. */
interface Excerpt {
  readonly text: string;
  /** Offset of the problem's column in `text`. */
  readonly caret: number;
}

/** A range of character offsets in a source text. */
export type Range = readonly [start: number, end: number];

export type Report = (severity: Severity, code: string, range: Range, message: string, help?: string) => void;

const EXCERPT_MAX_CHARS = 160;
const EXCERPT_BEFORE_CHARS = 60;
const MESSAGE_MAX_CHARS = 500;
const GUESS_MAX_CHARS = 64;
/** Candidates that are looked at: a hostile file can bring many. */
const GUESSES_MAX = 1000;

/** A rule file's text, with positions. */
export class SourceText {
  readonly file: string;
  readonly text: string;
  readonly #lineStarts: number[] = [0];

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) this.#lineStarts.push(i + 1);
  }

  /** Both 1-based. */
  position(offset: number): { line: number; column: number } {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#lineStarts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - this.#lineStarts[low]! + 1 };
  }

  /** Without what ends it. */
  #lineEnd(line: number): number {
    const next = this.#lineStarts[line];
    if (next === undefined) return this.text.length;
    return this.text[next - 2] === '\r' ? next - 2 : next - 1;
  }

  problem(severity: Severity, code: string, range: Range, message: string, help?: string): Problem {
    const { line, column } = this.position(Math.min(range[0], this.text.length));
    const start = this.#lineStarts[line - 1]!;
    const end = this.#lineEnd(line);
    const at = start + column - 1;
    const from = Math.max(start, Math.min(at - EXCERPT_BEFORE_CHARS, end - EXCERPT_MAX_CHARS));
    const excerpt = { text: this.text.slice(from, Math.min(end, from + EXCERPT_MAX_CHARS)), caret: at - from };
    const length = Math.max(1, Math.min(range[1], end) - at);
    const problem = { severity, code, file: this.file, line, column, message: cut(message), excerpt, length };
    return help === undefined ? problem : { ...problem, help: cut(help) };
  }
}

/** Messages name what was written, which may be long. */
const cut = (text: string): string => (text.length > MESSAGE_MAX_CHARS ? `${text.slice(0, MESSAGE_MAX_CHARS)}…` : text);

/** A problem of a whole file or path. */
export function fileProblem(severity: Severity, code: string, file: string, message: string, help?: string): Problem {
  const problem = { severity, code, file, line: 0, column: 0, message, length: 0 };
  return help === undefined ? problem : { ...problem, help };
}

/** `file:line:col: code: message`, then the source line with a caret, then the help. Safe to print on a terminal. */
export function formatProblem(problem: Problem): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file;
  const lines = [visible(`${place}: ${problem.severity}: ${problem.code}: ${problem.message}`)];
  if (problem.excerpt !== undefined) {
    const { text, caret } = problem.excerpt;
    const gutter = String(problem.line);
    const carets = '^'.repeat(Math.max(1, Math.min(problem.length, text.length - caret)));
    lines.push(`  ${gutter} | ${visible(text)}`, `  ${' '.repeat(gutter.length)} | ${' '.repeat(caret)}${carets}`);
  }
  if (problem.help !== undefined) lines.push(`  help: ${visible(problem.help)}`);
  return lines.join('\n');
}

/** Control characters as one visible character each, so that columns stay and a terminal isn't steered. */
function visible(text: string): string {
  return text.replace(/[\0-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, c =>
    c === '\t' ? ' ' : '\ufffd',
  );
}

/** `did you mean "x"?` for the nearest of `candidates`, or undefined when none is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const nearest = nearestWord(word, candidates);
  return nearest === undefined ? undefined : `did you mean "${nearest}"?`;
}

export function nearestWord(word: string, candidates: Iterable<string>): string | undefined {
  if (word === '' || word.length > GUESS_MAX_CHARS) return undefined;
  const lower = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  let left = GUESSES_MAX;
  for (const candidate of candidates) {
    if (--left < 0) break;
    if (candidate.length > GUESS_MAX_CHARS || Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = candidate.toLowerCase() === lower ? 0 : editDistance(lower, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Optimal string alignment: insertions, deletions, substitutions, swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1);
      row.push(cost);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length]!;
}
