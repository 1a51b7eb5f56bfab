// An event that satisfies a rule: walks the condition, makes every positive item true with the values that the rule names, and
// leaves out everything else. Written for the tests, independent of how rules are compiled.

import type { DnsEvent, FileEvent, HostEvent, NetworkEvent, ProcessImage } from '../../src/core/event.ts';
import type { Condition, Item, Rule, SelectionNode, Test } from '../../src/rules/ast.ts';
import type { Stream } from '../../src/rules/fields.ts';
import { ANY, ONE } from '../../src/rules/glob.ts';
import { connect, created, exec, lookup } from './helpers.ts';

/** The texts that a field must have, each as a part of its value. */
type Wanted = Map<string, { starts: string[]; ends: string[]; holds: string[] }>;

/** Every way to satisfy the rule, tried in order. */
export function* ways(rule: Rule): Generator<Item[]> {
  yield* ofCondition(rule.condition, rule);
}

function* ofCondition(condition: Condition, rule: Rule): Generator<Item[]> {
  switch (condition.kind) {
    case 'not':
      yield [];
      return;
    case 'selection':
      yield* ofNode(rule.selections.get(condition.name)!.node);
      return;
    case 'or':
      for (const child of condition.of) yield* ofCondition(child, rule);
      return;
    case 'and':
      yield* product(condition.of.map(child => () => ofCondition(child, rule)));
      return;
    case 'of': {
      const each = condition.names.map(name => () => ofNode(rule.selections.get(name)!.node));
      if (condition.count === 1) for (const one of each) yield* one();
      else yield* product(each.slice(0, condition.count));
    }
  }
}

function* ofNode(node: SelectionNode): Generator<Item[]> {
  if (node.kind === 'item') yield [node.item];
  else if (node.kind === 'any') for (const child of node.of) yield* ofNode(child);
  else yield* product(node.of.map(child => () => ofNode(child)));
}

function* product(each: readonly (() => Generator<Item[]>)[]): Generator<Item[]> {
  const [first, ...rest] = each;
  if (first === undefined) yield [];
  else for (const left of first()) for (const right of product(rest)) yield [...left, ...right];
}

/** A text that each of the corpus' regular expressions matches. */
const REGEX_SAMPLES: Readonly<Record<string, string>> = {
  '[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}': '203.0.113.9',
  'https://[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}': 'https://203.0.113.9',
  '(.){200,}': 'x'.repeat(200),
  '(?:\\s-[^-\\s]{0,20}i|\\s--inode\\s)': ' --inode ',
  '(?:\\s-[^-\\s]{0,20}d|\\s--directory\\s)': ' --directory ',
  '-(W|R)\\s?(\\s|"|\')([0-9a-fA-F]{2}\\s?){2,20}(\\s|"|\')': '-W "00 01 02"',
  '-D': '-D',
  '/mail/tmp/[a-zA-Z0-9]{3}[0-9]{3}\\.tar\\.gz': '/mail/tmp/abc123.tar.gz',
  '(?i)/lib/python3\\.([5-9]|[0-9]{2})/site-packages/': '/lib/python3.11/site-packages/',
  '[^/]{100,}$': `/${'x'.repeat(100)}`,
  '\\s-O\\s': ' -O ',
  '\\s-[FTd]\\s': ' -F ',
};

/** Values of one item: `pick` chooses among those of which one is enough. */
function add(item: Item, pick: number, wanted: Wanted): void {
  const name = item.field ?? 'CommandLine';
  const chosen = item.all ? item.values : [item.values[pick % item.values.length]!];
  const entry = wanted.get(name) ?? { starts: [], ends: [], holds: [] };
  wanted.set(name, entry);
  for (const value of chosen) addTest(value.tests[0]!, entry);
}

function addTest(test: Test, entry: { starts: string[]; ends: string[]; holds: string[] }): void {
  if (test.op === 'word') entry.holds.push(` ${test.text} `);
  else if (test.op === 'regex') entry.holds.push(REGEX_SAMPLES[test.regex.source] ?? test.regex.source);
  else if (test.op === 'glob') {
    const text = test.glob.map(part => (part === ANY ? '' : part === ONE ? 'x' : part)).join('');
    if (test.glob[0] === ANY && test.glob.at(-1) === ANY) entry.holds.push(text);
    else if (test.glob[0] === ANY) entry.ends.push(text);
    else entry.starts.push(text);
  } else throw new Error(`no way known to satisfy ${test.op}`);
}

/** The values, made of the wanted parts; a part that another holds already isn't repeated. */
export function valuesFor(items: readonly Item[], pick: number): ReadonlyMap<string, string> {
  const wanted: Wanted = new Map();
  for (const item of items) if (!item.negated) add(item, pick, wanted);
  const joined = ({ starts, ends, holds }: { starts: string[]; ends: string[]; holds: string[] }): string => {
    const start = starts.sort((a, b) => b.length - a.length)[0] ?? '';
    const end = ends.sort((a, b) => b.length - a.length)[0] ?? '';
    const middle = holds.filter(text => !start.includes(text) && !end.includes(text)).join('');
    return start.endsWith(end) && middle === '' ? start : start + middle + end;
  };
  return new Map([...wanted].map(([name, parts]) => [name, joined(parts)]));
}

/** For process starts, connections and files; with an odd `pick` a file is below another directory. */
export function eventFor(stream: Stream | undefined, values: ReadonlyMap<string, string>, pick: number): HostEvent {
  if (stream === 'network') return connectFor(values);
  if (stream === 'dns') return dnsFor(values);
  return stream === 'file_event' ? fileFor(values, pick % 2 === 0 ? '' : '/srv') : execFor(values);
}

function dnsFor(values: ReadonlyMap<string, string>): DnsEvent {
  const answer = values.get('answer');
  const name = values.get('query') ?? 'example.org';
  const type = values.get('record_type') ?? 'A';
  const question = { name, type, class: 'IN' };
  return lookup({
    questions: [question],
    ...(answer !== undefined && { answers: [{ ...question, ttl: 60, data: answer }], responseCode: 'NOERROR' }),
  });
}

function fileFor(values: ReadonlyMap<string, string>, below: string): FileEvent {
  for (const name of values.keys())
    if (name !== 'Image' && name !== 'TargetFilename') throw new Error(`no way known to give ${name}`);
  const image = values.get('Image');
  return created(
    { path: below + (values.get('TargetFilename') ?? '/x') },
    image === undefined ? undefined : { executable: image },
  );
}

function execFor(values: ReadonlyMap<string, string>) {
  const of = (names: readonly (readonly [string, keyof ProcessImage])[]): Partial<ProcessImage> =>
    Object.fromEntries(names.flatMap(([name, key]) => (values.has(name) ? [[key, values.get(name)]] : [])));
  const user = values.get('User');
  const logon = values.get('LogonId');
  const known = new Set([
    'Image',
    'CommandLine',
    'CurrentDirectory',
    'User',
    'LogonId',
    'ParentImage',
    'ParentCommandLine',
  ]);
  for (const name of values.keys()) if (!known.has(name)) throw new Error(`no way known to give ${name}`);
  return exec(
    {
      ...of([
        ['Image', 'executable'],
        ['CommandLine', 'commandLine'],
        ['CurrentDirectory', 'cwd'],
      ]),
      ...(user === undefined ? {} : { credentials: { uid: { id: 1, name: user } } }),
      ...(logon === undefined ? {} : { login: { auid: { id: Number(logon) } } }),
    },
    of([
      ['ParentImage', 'executable'],
      ['ParentCommandLine', 'commandLine'],
    ]),
  );
}

function connectFor(values: ReadonlyMap<string, string>): NetworkEvent {
  const image = values.get('Image');
  return connect(
    {
      kind: values.get('Initiated') === 'false' ? 'accept' : 'connect',
      destination: {
        ip: values.get('DestinationIp') ?? '203.0.113.9',
        port: Number(values.get('DestinationPort') ?? 9),
        ...(values.has('DestinationHostname') ? { domain: values.get('DestinationHostname')! } : {}),
      },
    },
    image === undefined ? {} : { executable: image },
  );
}
