// Lints of regular expressions that a plain value says as well. Pure.

import type { Item, Test } from '../ast.ts';
import { fold, globText } from '../glob.ts';
import type { Range } from '../problem.ts';
import { parseRegex, type RegexNode } from '../regex-parse.ts';
import { type Finding, quoted } from './finding.ts';

type RegexTest = Extract<Test, { op: 'regex' }>;

const ALTERNATIVES_MAX = 20;

export function* regexFindings({ field, values }: Item): Generator<Finding> {
  const simple: Plain[] = [];
  for (const { tests, text, range } of values) {
    const [test] = tests;
    if (test?.op !== 'regex') return;
    const has = (flag: string): boolean => test.flags.includes(flag);
    const tree = parseRegex(test.regex.source, { i: has('i'), m: has('m'), s: has('s') });
    if (isNullable(tree)) {
      const help = field === undefined ? 'leave it out' : `write ${field}|exists: true, if that is meant`;
      yield { code: 'empty-pattern', range, message: `${quoted(text)} matches every value`, help };
      continue;
    }
    const parts = partsOf(tree);
    if (isAnyRun(parts[0]!)) yield redundant(range, 'begin', text);
    else if (isAnyRun(parts.at(-1)!)) yield redundant(range, 'end', text);
    else {
      const plain = plainOf(test, parts);
      if (plain !== undefined) simple.push({ ...plain, range });
    }
  }
  // Where others of the list need to be regular expressions, two lists would take the place of one.
  if (simple.length !== values.length || simple.some(({ modifiers }) => modifiers !== simple[0]!.modifiers)) return;
  for (const { modifiers, written, range } of simple) {
    const [, position = 'cased'] = modifiers.split('|');
    const what = position === 'cased' ? 'a plain value' : `"${position}"`;
    const message = `${what} says the same as this regular expression, and is found faster`;
    yield { code: 'simple-regex', range, message, help: `write ${field ?? ''}${modifiers}: ${written}` };
  }
}

const redundant = (range: Range, end: 'begin' | 'end', text: string): Finding => ({
  code: 'redundant-wildcard',
  range,
  message: `".*" at the ${end === 'begin' ? 'beginning' : 'end'} of ${quoted(text)} says nothing`,
  help: `leave it out: a regular expression may ${end} anywhere in the value`,
});

/** What says the same without a regular expression. */
interface Plain {
  readonly modifiers: string;
  readonly written: string;
  readonly range: Range;
}

function plainOf({ regex, flags }: RegexTest, parts: readonly RegexNode[]): Omit<Plain, 'range'> | undefined {
  const isStart = isAssertion(parts[0], 'start');
  const isEnd = parts.length > 1 && (isAssertion(parts.at(-1), 'end') || isAssertion(parts.at(-1), 'textEnd'));
  const ignoresCase = flags.includes('i') || /^\(\?[ms]*i/.test(regex.source);
  const body = parts.slice(isStart ? 1 : 0, isEnd ? -1 : undefined);
  const texts = textsOf({ kind: 'concat', of: body }, ignoresCase);
  if (texts === undefined || texts.includes('')) return undefined;
  const cased = ignoresCase || texts.every(text => text.toLowerCase() === text.toUpperCase()) ? '' : '|cased';
  const position = isStart ? (isEnd ? '' : '|startswith') : isEnd ? '|endswith' : '|contains';
  const written = texts.map(text => `'${globText([text]).replaceAll("'", "''")}'`);
  return { modifiers: position + cased, written: written.length === 1 ? written[0]! : `[${written.join(', ')}]` };
}

const partsOf = (node: RegexNode): readonly RegexNode[] => (node.kind === 'concat' ? node.of : [node]);

const isAssertion = (node: RegexNode | undefined, what: string): boolean =>
  node?.kind === 'assert' && node.what === what;

/** `.*` of either kind. */
const isAnyRun = (node: RegexNode): boolean =>
  node.kind === 'repeat' && node.min === 0 && node.max === Infinity && node.of.kind === 'set' && isDot(node.of.set);

const isDot = (set: readonly number[]): boolean =>
  set[0] === 0 && set.at(-1) === 0xffff && (set.length === 2 || (set.length === 4 && set[1] === 9 && set[2] === 11));

/** Matches the empty text, wherever it is looked for. */
function isNullable(node: RegexNode): boolean {
  switch (node.kind) {
    case 'set':
    case 'assert':
      return false;
    case 'repeat':
      return node.min === 0 || isNullable(node.of);
    case 'concat':
      return node.of.every(isNullable);
    case 'alternate':
      return node.of.some(isNullable);
  }
}

/** All texts that the node matches, folded where case is ignored; undefined where they aren't few plain ones. */
function textsOf(node: RegexNode, ignoresCase: boolean): string[] | undefined {
  if (node.kind === 'set') return unitOf(node.set, ignoresCase);
  if (node.kind === 'alternate') {
    const texts = node.of.map(branch => textsOf(branch, ignoresCase));
    if (texts.some(text => text?.length !== 1)) return undefined;
    return texts.length > ALTERNATIVES_MAX ? undefined : (texts as string[][]).flat();
  }
  if (node.kind !== 'concat') return undefined;
  if (node.of.length === 1) return textsOf(node.of[0]!, ignoresCase);
  let text = '';
  for (const part of node.of) {
    const unit = textsOf(part, ignoresCase);
    if (unit?.length !== 1) return undefined;
    text += unit[0];
  }
  return [text];
}

/** The unit; where case is ignored, both cases of one letter. */
function unitOf(set: readonly number[], ignoresCase: boolean): string[] | undefined {
  const [a, b] = [String.fromCharCode(set[0]!), String.fromCharCode(set[2] ?? set[0]!)];
  const areUnits = set[0] === set[1] && set[2] === set[3] && set.length <= 4;
  if (!areUnits || (set.length === 4 && !ignoresCase) || fold(a) !== fold(b)) return undefined;
  return [ignoresCase ? fold(a) : a];
}
