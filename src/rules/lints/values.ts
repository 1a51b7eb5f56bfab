// Lints of one line of a selection: values that say nothing, or not what they seem to. Pure.

import type { Item, Value } from '../ast.ts';
import { canonicalName, FIELDS } from '../fields.ts';
import { ANY, fold, type Glob, globText, mapLiterals, parseGlob } from '../glob.ts';
import { valueCovers } from './covers.ts';
import { type Finding, quoted } from './finding.ts';
import { regexFindings } from './regexes.ts';

/** In longer lists only equal values are looked for. */
const PAIRS_LIST_MAX = 200;

export function* itemFindings(item: Item): Generator<Finding> {
  yield* regexFindings(item);
  for (const value of item.values) {
    if (value.tests[0]?.op === 'glob') yield* globFindings(item, value, value.tests[0].glob);
  }
  yield* listFindings(item);
}

function* globFindings({ field, modifier = '' }: Item, value: Value, glob: Glob): Generator<Finding> {
  if (field === undefined) return;
  const { range } = value;
  const modifiers = modifier.split('|');
  const position = modifiers.find(name => name === 'contains' || name === 'startswith' || name === 'endswith');
  if (position !== undefined && glob.length === 1 && glob[0] === ANY) {
    const help = `write ${field}|exists: true, if that is meant`;
    yield { code: 'empty-pattern', range, message: `"${position}" of ${quoted(value.text)} matches every value`, help };
    return;
  }
  // What an encoding made isn't what was written.
  const written = modifiers.every(name => !/^(?:base64|wide|utf16|expand)/.test(name)) ? parseGlob(value.text) : [];
  const isRedundant = (at: 0 | -1): boolean => written.length > 1 && written.at(at) === ANY;
  const ends = [
    ...(position === 'contains' || position === 'endswith' ? ([0] as const) : []),
    ...(position === 'contains' || position === 'startswith' ? ([-1] as const) : []),
  ].filter(isRedundant);
  if (ends.length > 0) {
    const plain = globText(written.slice(ends.includes(0) ? 1 : 0, ends.includes(-1) ? -1 : undefined));
    const message = `"${position}" has the "*" of ${quoted(value.text)} already`;
    yield { code: 'redundant-wildcard', range, message, help: `write ${quoted(plain)}` };
  }
  const [first] = glob;
  const isPath = FIELDS.exec.get(canonicalName(field))?.isPath === true;
  if (isPath && typeof first === 'string' && /^\w[\w./-]*$/.test(first)) {
    const help = position === undefined ? { help: `write ${field}|endswith: /${value.text}` } : {};
    const message = `${field} is a whole path: it never begins with ${quoted(first)}`;
    yield { code: 'relative-path', range, message, ...help };
  }
}

/** Values of one list that others make superfluous. */
function* listFindings({ values, all }: Item): Generator<Finding> {
  const byKey = new Map<string, Value>();
  const unique: Value[] = [];
  for (const value of values) {
    const key = keyOf(value);
    const first = byKey.get(key);
    if (first === undefined) {
      byKey.set(key, value);
      unique.push(value);
    } else if (first.range[0] !== value.range[0]) {
      const same = first.text === value.text ? '' : `: it is the same as ${quoted(first.text)}, for case is ignored`;
      const message = `${quoted(value.text)} is there twice${same}`;
      yield { code: 'duplicate-value', range: value.range, message, help: 'leave it out' };
    }
  }
  if (unique.length > PAIRS_LIST_MAX) return;
  for (const value of unique) {
    const other = unique.find(one => {
      if (one === value || one.range[0] === value.range[0]) return false;
      return all ? valueCovers(value, one) : valueCovers(one, value);
    });
    if (other === undefined) continue;
    const [says, narrow, wide] = all ? ['says nothing', other, value] : ['is never needed', value, other];
    const message = `${quoted(value.text)} ${says}: whatever matches ${quoted(narrow.text)} matches ${quoted(wide.text)} too`;
    yield { code: 'shadowed-value', range: value.range, message, help: 'leave it out' };
  }
}

/** The same for values that ask the same. */
function keyOf(value: Value): string {
  const keys = value.tests.map(test => {
    if (test.op === 'glob') return [test.cased, globText(test.cased ? test.glob : mapLiterals(test.glob, fold))];
    if (test.op === 'word') return ['word', test.cased ? test.text : fold(test.text)];
    if (test.op === 'cidr')
      return ['cidr', test.network.version, String(test.network.network), String(test.network.mask)];
    if (test.op === 'regex') return ['regex', test.flags, test.regex.source];
    return [test];
  });
  return JSON.stringify(keys);
}
