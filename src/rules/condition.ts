// The condition language: `selection and not 1 of filter_*`. Text to tree, every mistake with its place. Pure.

import type { Condition } from './ast.ts';
import { didYouMean, type Report } from './problem.ts';

interface Token {
  readonly text: string;
  readonly at: number;
}

const DEPTH_MAX = 64;
const RESERVED = new Set(['and', 'or', 'not', 'of', 'them', 'near', '(', ')', '|']);

class ConditionError extends Error {}

/** The names that a condition could mean: every word but the language's own and patterns. */
export const namesIn = (text: string): string[] =>
  (text.match(/[^\s()|]+/g) ?? []).filter(
    word => !RESERVED.has(word.toLowerCase()) && !/\*|^\d+$|^a(?:ll|ny)$/i.test(word),
  );

/** Whether the condition is true when exactly the names that `holds` gives true for are. */
export function evaluate(condition: Condition, holds: (name: string) => boolean): boolean {
  switch (condition.kind) {
    case 'and':
      return condition.of.every(child => evaluate(child, holds));
    case 'or':
      return condition.of.some(child => evaluate(child, holds));
    case 'not':
      return !evaluate(condition.of, holds);
    case 'selection':
      return holds(condition.name);
    case 'of':
      return condition.names.filter(holds).length >= condition.count;
  }
}

/** The condition with its names changed. */
export function renamed(condition: Condition, nameOf: (name: string) => string): Condition {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return { kind: condition.kind, of: condition.of.map(child => renamed(child, nameOf)) };
    case 'not':
      return { kind: 'not', of: renamed(condition.of, nameOf) };
    case 'selection':
      return { kind: 'selection', name: nameOf(condition.name) };
    case 'of':
      return { ...condition, names: condition.names.map(nameOf) };
  }
}

/** The condition's text, and the file's characters that it was read from: quotes, folding and block indicators included. */
export interface ConditionText {
  readonly text: string;
  readonly raw: string;
  readonly offset: number;
}

/**
 * Parses one condition. Gives undefined when it is wrong, with the mistakes reported;
 * `used` collects the selections it refers to.
 */
export function parseCondition(
  text: ConditionText,
  names: ReadonlySet<string>,
  used: Set<string>,
  report: Report,
  noun: 'selection' | 'rule' = 'selection',
): Condition | undefined {
  const parser = new Parser(text, names, used, report, noun);
  try {
    return parser.parse();
  } catch (error) {
    if (error instanceof ConditionError) return undefined;
    throw error;
  }
}

class Parser {
  readonly #offset: number;
  readonly #end: number;
  readonly #names: ReadonlySet<string>;
  readonly #used: Set<string>;
  readonly #report: Report;
  readonly #noun: string;
  readonly #tokens: Token[];
  #at = 0;
  #failed = false;

  constructor(source: ConditionText, names: ReadonlySet<string>, used: Set<string>, report: Report, noun: string) {
    this.#noun = noun;
    this.#offset = source.offset;
    this.#end = source.raw.length;
    this.#names = names;
    this.#used = used;
    this.#report = report;
    let from = 0;
    this.#tokens = [...source.text.matchAll(/[()|]|[^\s()|]+/g)].map(([text]) => {
      const at = source.raw.indexOf(text, from);
      if (at >= 0) from = at + text.length;
      return { text, at: at < 0 ? from : at };
    });
  }

  parse(): Condition | undefined {
    if (this.#tokens.length === 0) this.#fail('bad-condition', undefined, 'the condition is empty');
    const condition = this.#or(0);
    const rest = this.#peek();
    if (rest?.text === '|' && this.#peek(1)?.text === '|') this.#symbol({ text: '||', at: rest.at });
    if (rest?.text === '|' || rest?.text.toLowerCase() === 'near') this.#obsolete(rest);
    if (rest?.text === ')') this.#fail('bad-condition', rest, 'a ")" without its "("');
    if (rest?.text.startsWith('&')) this.#symbol(rest);
    if (rest !== undefined) this.#fail('bad-condition', rest, `expected "and" or "or" before "${rest.text}"`);
    return this.#failed ? undefined : condition;
  }

  #peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead];
  }

  #keyword(): string | undefined {
    return this.#peek()?.text.toLowerCase();
  }

  #error(code: string, token: Token | undefined, message: string, help?: string): void {
    const start = this.#offset + (token?.at ?? this.#end);
    this.#failed = true;
    this.#report('error', code, [start, start + (token?.text.length ?? 1)], message, help);
  }

  #fail(code: string, token: Token | undefined, message: string, help?: string): never {
    this.#error(code, token, message, help);
    throw new ConditionError();
  }

  #obsolete(token: Token): never {
    const help = 'write a correlation rule (event_count, value_count, temporal) instead';
    this.#fail('obsolete-aggregation', token, 'aggregations in conditions were removed from Sigma', help);
  }

  #symbol(token: Token): never {
    const word = token.text.startsWith('|') ? 'or' : token.text.startsWith('&') ? 'and' : 'not';
    this.#fail('bad-condition', token, `conditions are written in words, found "${token.text}"`, `write "${word}"`);
  }

  #or(depth: number): Condition {
    const of = [this.#and(depth)];
    while (this.#keyword() === 'or') {
      this.#at++;
      of.push(this.#and(depth));
    }
    return of.length === 1 ? of[0]! : { kind: 'or', of };
  }

  #and(depth: number): Condition {
    const of = [this.#not(depth)];
    while (this.#keyword() === 'and') {
      this.#at++;
      of.push(this.#not(depth));
    }
    return of.length === 1 ? of[0]! : { kind: 'and', of };
  }

  #not(depth: number): Condition {
    if (depth > DEPTH_MAX) this.#fail('bad-condition', this.#peek(), 'the condition is nested too deeply');
    if (this.#keyword() !== 'not') return this.#primary(depth);
    this.#at++;
    return { kind: 'not', of: this.#not(depth + 1) };
  }

  #primary(depth: number): Condition {
    const token = this.#peek();
    if (token === undefined)
      return this.#fail('bad-condition', undefined, `the condition ends where a ${this.#noun} was expected`);
    const word = token.text.toLowerCase();
    this.#at++;
    if (word === '(') {
      const inner = this.#or(depth + 1);
      if (this.#peek()?.text !== ')') this.#fail('bad-condition', token, 'this "(" is not closed');
      this.#at++;
      return inner;
    }
    if (this.#keyword() === 'of' && /^(?:\d+|all|any)$/.test(word)) return this.#of(token, word);
    if (word === 'near') this.#obsolete(token);
    if (RESERVED.has(word)) this.#fail('bad-condition', token, `expected a ${this.#noun}, found "${token.text}"`);
    if (token.text.startsWith('!') && !this.#names.has(token.text)) this.#symbol(token);
    if (token.text.includes('*') && !this.#names.has(token.text)) {
      this.#fail('bad-condition', token, 'a pattern needs "1 of" or "all of" before it', `write "1 of ${token.text}"`);
    }
    if (!this.#names.has(token.text)) {
      const help = didYouMean(token.text, this.#names);
      this.#error(`undefined-${this.#noun}`, token, `no ${this.#noun} is named "${token.text}"`, help);
    }
    this.#used.add(token.text);
    return { kind: 'selection', name: token.text };
  }

  #of(quantifier: Token, word: string): Condition {
    this.#at++;
    const target = this.#peek();
    if (target === undefined || RESERVED.has(target.text.toLowerCase())) {
      if (target?.text.toLowerCase() !== 'them') {
        this.#fail('bad-condition', target, `expected a pattern or "them" behind "${quantifier.text} of"`);
      }
    }
    this.#at++;
    const names = this.#matching(target!.text);
    if (names.length === 0) {
      const help = didYouMean(target!.text, this.#names);
      this.#error(`no-${this.#noun}-matches`, target, `no ${this.#noun} is named like "${target!.text}"`, help);
    }
    for (const name of names) this.#used.add(name);
    const count = word === 'all' ? names.length : word === 'any' ? 1 : Number(word);
    if (count < 1) this.#error('bad-condition', quantifier, '"0 of" is always true');
    else if (names.length > 0 && count > names.length) {
      const found = names.length === 1 ? `one ${this.#noun} is` : `${names.length} ${this.#noun}s are`;
      this.#error('bad-condition', quantifier, `only ${found} named like "${target!.text}"`);
    }
    return { kind: 'of', count, names };
  }

  #matching(pattern: string): readonly string[] {
    const names = [...this.#names];
    if (pattern.toLowerCase() === 'them') return names.filter(name => !name.startsWith('_'));
    const parts = pattern.split('*');
    return names.filter(name => matchesParts(parts, name));
  }
}

/** `*` at any place, left to right: linear. */
function matchesParts(parts: readonly string[], name: string): boolean {
  if (parts.length === 1) return parts[0] === name;
  if (!name.startsWith(parts[0]!)) return false;
  let at = parts[0]!.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  const last = parts.at(-1)!;
  return name.length - last.length >= at && name.endsWith(last);
}
