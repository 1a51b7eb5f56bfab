// What a rule needs of the kernel: which events must be asked for so that it can fire. Pure.

import type { CallNeed } from '../audit/kernel-rules/calls.ts';
import { isFrequent, isNarrow } from '../audit/kernel-rules/cost.ts';
import { knownKey } from '../audit/kernel-rules/known-keys.ts';
import { callsForRecord, whyNoRecord } from '../audit/kernel-rules/record-sources.ts';
import type { FileNeed } from '../audit/kernel-rules/watches.ts';
import { ARCH } from '../audit/tables/arches.ts';
import { syscallName, syscallNames, syscallNumber } from '../audit/tables/syscalls.ts';
import { type Condition, type Item, type Rule, ruleItems, type SelectionNode } from './ast.ts';
import { accessOf } from './audit-access.ts';
import { callConditions, globsOf } from './call-conditions.ts';
import { canonicalName, isFileStream, type Stream } from './fields.ts';
import { type Glob, globText, mapLiterals, matchGlob, shapeOf } from './glob.ts';

export interface Needs {
  readonly exec: boolean;
  readonly execFailed: boolean;
  readonly connect: boolean;
  readonly accept: boolean;
  /** System calls that rules of `service: auditd` name, execve aside. */
  readonly calls: readonly CallNeed[];
  /** Files that such rules name in PATH records, execution aside. */
  readonly files: readonly FileNeed[];
  /** Keys that a host's audit rules would set, and ours do. */
  readonly keys: readonly string[];
  /** Record types of user space and of the kernel that no audit rule of ours brings: `ADD_USER`, `SERVICE_STOP`, `TTY`. */
  readonly recordTypes: readonly string[];
  /** DNS messages. */
  readonly dns: boolean;
  /** Changes of files. */
  readonly fsnotify: boolean;
  /** Lines of the host's logs. */
  readonly logs: boolean;
  /** What the rule is about and the kernel isn't asked for, with the reason: it fires where the host's own audit rules bring it. */
  readonly unasked: readonly string[];
}

export const NO_NEEDS: Needs = {
  exec: false,
  execFailed: false,
  connect: false,
  accept: false,
  calls: [],
  files: [],
  keys: [],
  recordTypes: [],
  dns: false,
  fsnotify: false,
  logs: false,
  unasked: [],
};

/** Records that every exec event brings. */
const EXEC_RECORDS = new Set(['EXECVE', 'SYSCALL', 'CWD', 'PROCTITLE', 'BPRM_FCAPS', 'PATH', 'EOE']);

export function needsOf(rule: Rule, stream: Stream): Needs {
  if (stream === 'exec') return { ...NO_NEEDS, exec: true };
  if (stream === 'network') return networkNeeds(rule);
  if (stream === 'dns') return { ...NO_NEEDS, dns: true };
  if (stream === 'log') return { ...NO_NEEDS, logs: true };
  if (stream === 'file_access') return mergeNeeds(conjunctions(rule).map(accessNeeds));
  if (isFileStream(stream)) return { ...NO_NEEDS, fsnotify: true };
  return mergeNeeds(conjunctions(rule).map(way => recordNeeds(rule, way)));
}

export function mergeNeeds(all: readonly Needs[]): Needs {
  const texts = (pick: (needs: Needs) => readonly string[]): string[] => [...new Set(all.flatMap(pick))].sort();
  const files = new Map(all.flatMap(needs => needs.files).map(file => [`${file.access} ${file.path}`, file]));
  const calls = new Map(all.flatMap(needs => needs.calls).map(call => [JSON.stringify(call), call]));
  return {
    exec: all.some(needs => needs.exec),
    execFailed: all.some(needs => needs.execFailed),
    connect: all.some(needs => needs.connect),
    accept: all.some(needs => needs.accept),
    calls: [...calls.keys()].sort().map(key => calls.get(key)!),
    files: [...files.keys()].sort().map(key => files.get(key)!),
    keys: texts(needs => needs.keys),
    recordTypes: texts(needs => needs.recordTypes),
    dns: all.some(needs => needs.dns),
    fsnotify: all.some(needs => needs.fsnotify),
    logs: all.some(needs => needs.logs),
    unasked: texts(needs => needs.unasked),
  };
}

function networkNeeds(rule: Rule): Needs {
  const wanted = conjunctions(rule).map(({ items }) => textsOf(items, 'Initiated').map(text => text.toLowerCase()));
  const all = wanted.some(texts => texts.length === 0);
  const has = (text: string): boolean => all || wanted.some(texts => texts.includes(text));
  const readsName = ruleItems(rule).some(
    ({ field }) => field !== undefined && canonicalName(field) === 'destination.domain',
  );
  return { ...NO_NEEDS, connect: has('true'), accept: has('false'), dns: readsName };
}

function recordNeeds(rule: Rule, { items, isMerged }: Way): Needs {
  const unasked: string[] = [];
  const types = textsOf(items, 'type').map(type => type.toUpperCase());
  const others = types.filter(type => !EXEC_RECORDS.has(type) && !/[*?]/.test(type));
  const written = [...globsOf(items, 'SYSCALL'), ...globsOf(items, 'syscall')];
  const names = written.flatMap(glob => namesOf(glob, unasked));
  const execs = names.filter(name => /^execve(?:at)?$/.test(name));
  const keys = textsOf(items, 'key');
  const files = filesOf(rule, { items, isMerged }, unasked);
  const calls = [
    ...callsOf(
      names.filter(name => !execs.includes(name)),
      isMerged ? [] : items,
      keys,
      unasked,
    ),
    // These records belong to a call; what else the rule says is of the record, not of the call.
    ...others.flatMap(type => callsOf([...callsForRecord(type)], [], [], unasked)),
  ];
  for (const type of others) {
    const why = whyNoRecord(type);
    if (why !== undefined) unasked.push(why);
  }
  const known = names.length > 0 ? [] : keys.filter(key => knownKey(key) !== undefined);
  if (names.length === 0) {
    for (const key of keys)
      if (knownKey(key) === undefined)
        unasked.push(`no kernel rule of ours sets the key "${key}": give one in audit.rules (-k ${key})`);
  }
  const failed = textsOf(items, 'success').some(text => text.toLowerCase() === 'no');
  // A record that is named by nothing else comes with process starts.
  const isOfExec = types.length === 0 || types.some(type => EXEC_RECORDS.has(type));
  const isExec = isOfExec && written.length + files.length + others.length + keys.length + unasked.length === 0;
  const exec = isExec || execs.length > 0 || types.includes('EXECVE');
  return {
    ...NO_NEEDS,
    exec,
    execFailed: failed && exec,
    calls,
    files,
    keys: known,
    recordTypes: others,
    unasked,
  };
}

/** The system calls that a pattern names, in any of the architectures' tables. */
function namesOf(glob: Glob, unasked: string[]): readonly string[] {
  const lower = mapLiterals(glob, text => text.toLowerCase());
  const shape = shapeOf(lower);
  const names = shape.kind === 'exact' ? namesOfText(shape.text) : namesLike(lower);
  if (names.length === 0) unasked.push(`no system call is called "${globText(glob)}"`);
  if (names.length <= CALLS_MAX) return names;
  unasked.push(`"${globText(glob)}" stands for ${names.length} system calls: name those that matter`);
  return [];
}

function namesOfText(text: string): readonly string[] {
  if (!/^\d+$/.test(text)) return TABLES.some(arch => syscallNumber(arch, text) !== undefined) ? [text] : [];
  const name = syscallName(ARCH.x86_64, Number(text));
  return name === undefined ? [] : [name];
}

const namesLike = (glob: Glob): readonly string[] => [
  ...new Set(TABLES.flatMap(arch => [...syscallNames(arch)].filter(name => matchGlob(glob, name)))),
];

const TABLES = [ARCH.x86_64, ARCH.aarch64, ARCH.i386, ARCH.arm];

function callsOf(
  names: readonly string[],
  items: readonly Item[],
  keys: readonly string[],
  unasked: string[],
): readonly CallNeed[] {
  if (names.length === 0) return [];
  const ways = callConditions(items);
  const asked = names.filter(name => !isFrequent(name) || ways.every(isNarrow));
  for (const name of names) {
    if (!asked.includes(name))
      unasked.push(
        `the system call "${name}" is too frequent to ask for: give a condition (a0…a3, exit), or a narrower rule in audit.rules`,
      );
  }
  if (asked.length === 0) return [];
  return ways.map(conditions => ({ names: asked, conditions, keys }));
}

/** The files that a PATH record of the rule names, execution aside. */
function filesOf(rule: Rule, { items, isMerged }: Way, unasked: string[]): readonly FileNeed[] {
  const access = accessOf(rule);
  const about = items.filter(item => item.field === 'name' && !item.negated);
  if (access === 'execute' || about.length === 0) return [];
  const paths = pathsOf(about, isMerged, unasked);
  const nametypes = textsOf(items, 'nametype').map(text => text.toUpperCase());
  const isChange = !isMerged && nametypes.length > 0 && nametypes.every(type => type === 'CREATE' || type === 'DELETE');
  return paths.map(path => ({ path, access: access ?? (isChange ? 'write' : 'any') }));
}

/** The files of which a rule wants to know that they are read. */
function accessNeeds({ items, isMerged }: Way): Needs {
  const unasked: string[] = [];
  const about = items.filter(
    ({ field, negated }) => field !== undefined && canonicalName(field) === 'file.path' && !negated,
  );
  if (about.length === 0)
    unasked.push(
      'the rule names no file by its path (TargetFilename): reads are told only of files that are known before',
    );
  const paths = about.length === 0 ? [] : pathsOf(about, isMerged, unasked);
  return { ...NO_NEEDS, files: paths.map(path => ({ path, access: 'open' })), unasked };
}

/** The paths that tell best where to look, of the items that name a path. */
function pathsOf(about: readonly Item[], isMerged: boolean, unasked: string[]): readonly string[] {
  // Where several items must hold, that which tells where to look.
  const candidates = about.map(item => {
    const texts = textsOf([item], item.field!);
    const rooted = texts.filter(text => text.startsWith('/'));
    return item.all && !isMerged && rooted.length > 0 ? rooted.slice(0, 1) : texts;
  });
  const best = candidates.find(texts => texts.length > 0 && texts.every(text => text.startsWith('/')));
  const paths = isMerged ? candidates.flat() : (best ?? candidates.find(texts => texts.length > 0) ?? []);
  if (paths.length === 0) unasked.push('the rule names files by a regular expression: no folder to watch is known');
  return paths;
}

/** What is written for a field that is compared by its text. */
const textsOf = (items: readonly Item[], field: string): string[] => globsOf(items, field).map(globText);

const CONJUNCTIONS_MAX = 256;
const NOTHING: readonly Way[] = [{ items: [], isMerged: false }];
/** System calls that one pattern may stand for. */
const CALLS_MAX = 32;

/** The positive items that hold together in one way in which the rule can match. */
interface Way {
  readonly items: readonly Item[];
  /** Of a rule with too many ways: all items of all ways, of which some hold. Taken as what is asked for, it asks for more. */
  readonly isMerged: boolean;
}

function conjunctions(rule: Rule): readonly Way[] {
  type Ways = readonly Way[];
  const merged = (ways: Ways): Ways => [{ items: ways.flatMap(({ items }) => items), isMerged: true }];
  const both = (a: Way, b: Way): Way => ({ items: [...a.items, ...b.items], isMerged: a.isMerged || b.isMerged });
  const join = (ways: readonly Ways[]): Ways => {
    let out: Ways = NOTHING;
    for (const way of ways) {
      if (out.length * way.length > CONJUNCTIONS_MAX) return merged(ways.flat());
      out = out.flatMap(left => way.map(right => both(left, right)));
    }
    return out;
  };
  const either = (ways: readonly Ways[]): Ways => {
    const out = ways.flat();
    return out.length > CONJUNCTIONS_MAX ? merged(out) : out;
  };
  const ofNode = (node: SelectionNode): Ways => {
    if (node.kind === 'item') return [{ items: [node.item], isMerged: false }];
    const ways = node.of.map(ofNode);
    return node.kind === 'all' ? join(ways) : either(ways);
  };
  const ofCondition = (condition: Condition): Ways => {
    const named = (name: string): Ways => ofNode(rule.selections.get(name)!.node);
    switch (condition.kind) {
      case 'selection':
        return named(condition.name);
      case 'not':
        return NOTHING;
      case 'and':
        return join(condition.of.map(ofCondition));
      case 'or':
        return either(condition.of.map(ofCondition));
      case 'of': {
        const ways = condition.names.map(named);
        return condition.count === condition.names.length ? join(ways) : either(ways);
      }
    }
  };
  return ofCondition(rule.condition);
}
