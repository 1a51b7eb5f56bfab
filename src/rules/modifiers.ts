// Field modifiers: `field|modifier|modifier: values` to tests. Values are transformed in the order written; what can't be
// combined is refused. Pure.

import type { CompareOperator, DatePart, FieldrefHow, Item, Test, Value } from './ast.ts';
import { parseNetwork } from './cidr.ts';
import { base64, base64offset, type Utf16Kind, utf16, windash } from './encode.ts';
import { expand } from './expand.ts';
import { ANY, type Glob, isWord, literalGlob, mapLiterals, type Part, parseGlob, withAny } from './glob.ts';
import type { FindList } from './lists.ts';
import { didYouMean, type Range, type Report } from './problem.ts';
import { LinearRegex, RegexError } from './regex.ts';
import { booleanOf, type Node, type Scalar } from './yaml.ts';

type Kind = 'position' | 'type' | 'flag' | 'regexFlag' | 'encoding' | 'datePart';

/** Every modifier of the specification (2.1), with what it is. */
const MODIFIERS: ReadonlyMap<string, Kind> = new Map([
  ...(['contains', 'startswith', 'endswith'] as const).map(name => [name, 'position'] as const),
  ...(['re', 'cidr', 'exists', 'fieldref', 'gt', 'gte', 'lt', 'lte'] as const).map(name => [name, 'type'] as const),
  ...(['all', 'cased', 'neq'] as const).map(name => [name, 'flag'] as const),
  ...(['i', 'm', 's'] as const).map(name => [name, 'regexFlag'] as const),
  ...(['base64', 'base64offset', 'wide', 'utf16le', 'utf16be', 'utf16', 'windash', 'expand'] as const).map(
    name => [name, 'encoding'] as const,
  ),
  ...(['minute', 'hour', 'day', 'week', 'month', 'year'] as const).map(name => [name, 'datePart'] as const),
]);
/** Other spellings in use, with the specification's. */
const SYNONYMS: Readonly<Record<string, string>> = { ignorecase: 'i', multiline: 'm', dotall: 's' };

/** Modifiers that leave a keyword as it is. */
const PLAIN = new Set(['all', 'cased', 'neq', 'expand']);
/** Of one value under `expand`. */
const TESTS_MAX = 100_000;

interface Chain {
  readonly names: readonly string[];
  readonly ranges: ReadonlyMap<string, Range>;
  has(name: string): boolean;
  readonly type: string | undefined;
  readonly datePart: string | undefined;
}

/** A value on its way through the modifiers. */
interface Text {
  readonly glob: Glob;
  /** The text is bytes, one character each. */
  readonly isBytes: boolean;
}

/** Parses one `key: values` of a selection; undefined when it is wrong, with the mistakes reported. */
export function parseItem(
  key: string,
  keyRange: Range,
  values: readonly Node[],
  isList: boolean,
  report: Report,
  lists: FindList,
): Item | undefined {
  const [field, ...names] = key.split('|');
  const chain = parseChain(names, keyRange, field!.length + 1, report);
  if (chain === undefined) return undefined;
  const parsed: Value[] = [];
  let failed = false;
  for (const node of values) {
    const meanings = parseMeanings(node, chain, field!, isList, report, lists);
    if (meanings === undefined) failed = true;
    else for (const meaning of meanings) parsed.push({ ...meaning, range: node.range });
  }
  if (failed) return undefined;
  if (chain.has('all') && values.length === 1) {
    report('warning', 'single-all', chain.ranges.get('all')!, '"all" says nothing about a single value');
  }
  return {
    ...(field === '' ? {} : { field: field! }),
    ...(names.length === 0 ? {} : { modifier: names.join('|') }),
    values: parsed,
    all: chain.has('all'),
    negated: chain.has('neq'),
    range: keyRange,
  };
}

function parseChain(names: readonly string[], keyRange: Range, offset: number, report: Report): Chain | undefined {
  const ranges = new Map<string, Range>();
  let at = keyRange[0] + offset;
  let failed = false;
  const fail = (code: string, range: Range, message: string, help?: string): void => {
    failed = true;
    report('error', code, range, message, help);
  };
  const canonical: string[] = [];
  let type: string | undefined;
  let datePart: string | undefined;
  for (const written of names) {
    const range: Range = [at, at + Math.max(1, written.length)];
    at += written.length + 1;
    const name = Object.hasOwn(SYNONYMS, written) ? SYNONYMS[written]! : written;
    const kind = MODIFIERS.get(name);
    if (kind === undefined) {
      const message = written === '' ? 'a modifier is missing behind "|"' : `unknown modifier "${written}"`;
      fail('unknown-modifier', range, message, didYouMean(written, MODIFIERS.keys()));
      continue;
    }
    if (ranges.has(name)) fail('bad-modifiers', range, `"${name}" is there twice`);
    if (kind === 'regexFlag' && !canonical.includes('re')) {
      fail('bad-modifiers', range, `"${name}" belongs behind "re"`, `write re|${name}`);
    }
    if (kind === 'type') {
      if (type !== undefined) fail('bad-modifiers', range, `"${name}" can't be combined with "${type}"`);
      type ??= name;
    }
    if (kind === 'datePart') {
      if (datePart !== undefined) fail('bad-modifiers', range, `"${name}" can't be combined with "${datePart}"`);
      datePart ??= name;
    }
    canonical.push(name);
    ranges.set(name, range);
  }
  if (failed) return undefined;
  const positions = canonical.filter(name => MODIFIERS.get(name) === 'position');
  if (positions.length > 1) {
    const [first, second] = positions;
    fail('bad-modifiers', ranges.get(second!)!, `"${second}" can't be combined with "${first}"`);
  }
  const alone = type ?? datePart;
  if (alone !== undefined) {
    // A type modifier takes the value as it is; only a field reference can be compared by position.
    const unfit = canonical.filter(name => {
      const kind = MODIFIERS.get(name)!;
      return (
        (kind === 'position' && alone !== 'fieldref') ||
        (kind === 'encoding' && !(name === 'expand' && alone === 'cidr'))
      );
    });
    for (const name of unfit) fail('bad-modifiers', ranges.get(name)!, `"${name}" can't be combined with "${alone}"`);
    if (datePart !== undefined && type !== undefined && !/^[gl]te?$/.test(type)) {
      fail('bad-modifiers', ranges.get(type)!, `"${type}" can't be combined with "${datePart}"`);
    }
  }
  if (failed) return undefined;
  return { names: canonical, ranges, has: name => ranges.has(name), type, datePart };
}

/** A value but for its place. */
type Meaning = Omit<Value, 'range'>;

/** What a value stands for: itself, or with `expand` what lists say. */
function parseMeanings(
  node: Node,
  chain: Chain,
  field: string,
  isList: boolean,
  report: Report,
  lists: FindList,
): readonly Meaning[] | undefined {
  if (!chain.has('expand') || node.kind !== 'scalar' || node.type === 'null') {
    const meaning = parseValue(node, chain, field, isList, report);
    return meaning && [meaning];
  }
  const fail = failAt(node, report);
  const expanded = expand(node.text, lists);
  if ('code' in expanded) return fail(expanded.code, expanded.message, expanded.help);
  const meanings: Meaning[] = [];
  let tests = 0;
  for (const { text, glob } of expanded) {
    const meaning =
      chain.type === 'cidr'
        ? parseValue({ ...node, text }, chain, field, isList, report)
        : parseTextValue(text, glob, chain, field, fail);
    if (meaning === undefined) return undefined;
    meanings.push(meaning);
    tests += meaning.tests.length;
    if (tests > TESTS_MAX) return fail('bad-value', `the lists give more than ${TESTS_MAX} patterns`);
  }
  // A list's values are alternatives, under "all" too.
  if (!chain.has('all')) return meanings;
  return [{ text: node.text, tests: meanings.flatMap(meaning => meaning.tests) }];
}

const failAt =
  (node: Node, report: Report): Fail =>
  (code, message, help) => {
    report('error', code, node.range, message, help);
    return undefined;
  };

function parseValue(node: Node, chain: Chain, field: string, isList: boolean, report: Report): Meaning | undefined {
  const fail = failAt(node, report);
  if (node.kind !== 'scalar') return fail('bad-value', 'expected a value, found a nested structure');
  const one = (test: Test, text = node.text): Meaning => ({ text, tests: [test] });
  if (node.type === 'null') {
    if (field === '') return fail('bad-value', 'a keyword is empty');
    if (isList)
      return fail('null-in-list', "null can't be one of several values", 'write a selection of its own for it');
    if (chain.names.some(name => name !== 'neq'))
      return fail('bad-value', `"${chain.names.join('|')}" needs a value, found null`);
    return one({ op: 'null' }, 'null');
  }
  if (field === '' && (chain.type ?? chain.datePart ?? 're') !== 're') {
    return fail('bad-modifiers', `"${chain.type ?? chain.datePart}" needs a field name before it`);
  }
  switch (chain.type) {
    case 're':
      return parseRegexValue(node, chain, report);
    case 'cidr': {
      const network = parseNetwork(node.text);
      if (network !== undefined) return one({ op: 'cidr', network });
      return fail('bad-value', `"${node.text}" is not a network`, 'write 10.0.0.0/8 or fe80::/10');
    }
    case 'exists': {
      const wanted = booleanOf(node);
      if (wanted === undefined) return fail('bad-value', '"exists" takes true or false');
      if (isList) return fail('bad-value', '"exists" takes one value, not a list');
      return one({ op: 'exists', wanted });
    }
    case 'fieldref': {
      const how = chain.names.find(name => MODIFIERS.get(name) === 'position') ?? 'equals';
      if (node.text === '') return fail('bad-value', '"fieldref" takes the name of a field');
      return one({ op: 'fieldref', field: node.text, how: how as FieldrefHow, cased: chain.has('cased') });
    }
  }
  if (chain.type !== undefined || chain.datePart !== undefined) {
    if (!/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(node.text)) {
      return fail('bad-value', `"${chain.type ?? chain.datePart}" takes a number, found "${node.text}"`);
    }
    const operator = (chain.type ?? 'eq') as CompareOperator;
    const part = chain.datePart as DatePart | undefined;
    return one({ op: 'compare', operator, number: Number(node.text), ...(part === undefined ? {} : { part }) });
  }
  return parseTextValue(node.text, parseGlob(node.text), chain, field, fail);
}

type Fail = (code: string, message: string, help?: string) => undefined;

function parseTextValue(text: string, written: Glob, chain: Chain, field: string, fail: Fail): Meaning | undefined {
  let forms: Text[] = [{ glob: written, isBytes: false }];
  for (const name of chain.names) {
    const next = forms.map(form => transform(name, form));
    const wrong = next.find(result => typeof result === 'string');
    if (typeof wrong === 'string') return fail('bad-value', wrong);
    forms = (next as Text[][]).flat();
  }
  const cased = chain.has('cased');
  const isKeyword = field === '';
  const tests = forms.map(({ glob }): Test => {
    if (!isKeyword) return { op: 'glob', glob, cased };
    const [only] = glob;
    if (chain.names.every(name => PLAIN.has(name)) && glob.length === 1 && typeof only === 'string' && isWord(only)) {
      return { op: 'word', text: only, cased };
    }
    return { op: 'glob', glob: withAny(glob, !chain.has('startswith'), !chain.has('endswith')), cased };
  });
  if (isKeyword && text === '') return fail('bad-value', 'a keyword is empty');
  return { text, tests };
}

/** The forms of a value behind one modifier, or what is wrong with it. */
function transform(name: string, { glob, isBytes }: Text): Text[] | string {
  switch (name) {
    case 'contains':
      return [{ glob: withAny(glob, true, true), isBytes }];
    case 'startswith':
      return [{ glob: withAny(glob, false, true), isBytes }];
    case 'endswith':
      return [{ glob: withAny(glob, true, false), isBytes }];
    case 'wide':
      return transform('utf16le', { glob, isBytes });
    case 'utf16le':
    case 'utf16be':
    case 'utf16':
      if (isBytes) return `"${name}" on a value that is encoded already`;
      return [{ glob: mapLiterals(glob, text => utf16(text, name as Utf16Kind)), isBytes: true }];
    case 'base64':
    case 'base64offset': {
      if (glob.length !== 1 || typeof glob[0] !== 'string') {
        const what = glob.length === 0 ? 'an empty value' : 'a value with wildcards';
        return `"${name}" can't encode ${what}${glob.includes(ANY) ? '; "contains" goes behind it' : ''}`;
      }
      const encoded = name === 'base64' ? [base64(glob[0], isBytes)] : base64offset(glob[0], isBytes);
      return encoded.map(text => ({ glob: literalGlob(text), isBytes: false }));
    }
    case 'windash': {
      let forms: Part[][] = [[]];
      for (const part of glob) {
        const variants: readonly Part[] | undefined = typeof part === 'string' ? windash(part) : [part];
        if (variants === undefined || forms.length * variants.length > 1024)
          return 'more dashes than "windash" can permute (4)';
        forms = forms.flatMap(form => variants.map((variant): Part[] => [...form, variant]));
      }
      return forms.map(form => ({ glob: form, isBytes }));
    }
    default:
      return [{ glob, isBytes }];
  }
}

function parseRegexValue(node: Scalar, chain: Chain, report: Report): Meaning | undefined {
  const flags = ['i', 'm', 's'].filter(flag => chain.has(flag)).join('');
  try {
    const regex = new LinearRegex(node.text, { i: chain.has('i'), m: chain.has('m'), s: chain.has('s') });
    return { text: node.text, tests: [{ op: 'regex', regex, flags }] };
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    // Exact within a plain or quoted value on one line; else the value as a whole is meant.
    const isOneLine = node.range[1] - node.range[0] - node.text.length <= 2;
    const start = node.range[0] + (isOneLine ? error.at + (node.range[1] - node.range[0] - node.text.length) / 2 : 0);
    const range: Range = isOneLine ? [Math.floor(start), Math.floor(start) + 1] : node.range;
    report('error', 'regex-refused', range, `${error.message}`);
    return undefined;
  }
}
