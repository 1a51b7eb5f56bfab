// What a rule needs of the kernel: which events must be asked for so that it can fire. Pure.

import type { Condition, Item, Rule, SelectionNode } from './ast.ts';
import { type Access, accessOf } from './audit-access.ts';
import type { Stream } from './fields.ts';
import { globText } from './glob.ts';

interface FileNeed {
  /** A path, or a Sigma pattern of paths. */
  readonly path: string;
  readonly access: Access;
}

export interface Needs {
  readonly exec: boolean;
  readonly execFailed: boolean;
  readonly connect: boolean;
  readonly accept: boolean;
  /** System calls that rules of `service: auditd` name, execve aside. */
  readonly syscalls: readonly string[];
  /** Files that such rules name in PATH records, execution aside. */
  readonly files: readonly FileNeed[];
  /** Keys that a host's audit rules would set. */
  readonly keys: readonly string[];
  /** Record types of user space and of the kernel that no audit rule of ours brings: `ADD_USER`, `SERVICE_STOP`, `TTY`. */
  readonly recordTypes: readonly string[];
  /** Lines of the host's logs. */
  readonly logs: boolean;
}

export const NO_NEEDS: Needs = {
  exec: false,
  execFailed: false,
  connect: false,
  accept: false,
  syscalls: [],
  files: [],
  keys: [],
  recordTypes: [],
  logs: false,
};

/** Records that every exec event brings. */
const EXEC_RECORDS = new Set(['EXECVE', 'SYSCALL', 'CWD', 'PROCTITLE', 'BPRM_FCAPS', 'PATH']);

export function needsOf(rule: Rule, stream: Stream): Needs {
  if (stream === 'exec') return { ...NO_NEEDS, exec: true };
  if (stream === 'network') return networkNeeds(rule);
  if (stream === 'log') return { ...NO_NEEDS, logs: true };
  return mergeNeeds(conjunctions(rule).map(items => recordNeeds(rule, items)));
}

export function mergeNeeds(all: readonly Needs[]): Needs {
  const texts = (pick: (needs: Needs) => readonly string[]): string[] => [...new Set(all.flatMap(pick))].sort();
  const files = new Map(all.flatMap(needs => needs.files).map(file => [`${file.access} ${file.path}`, file]));
  return {
    exec: all.some(needs => needs.exec),
    execFailed: all.some(needs => needs.execFailed),
    connect: all.some(needs => needs.connect),
    accept: all.some(needs => needs.accept),
    syscalls: texts(needs => needs.syscalls),
    files: [...files.keys()].sort().map(key => files.get(key)!),
    keys: texts(needs => needs.keys),
    recordTypes: texts(needs => needs.recordTypes),
    logs: all.some(needs => needs.logs),
  };
}

function networkNeeds(rule: Rule): Needs {
  const wanted = conjunctions(rule).map(items => textsOf(items, 'Initiated').map(text => text.toLowerCase()));
  const all = wanted.some(texts => texts.length === 0);
  const has = (text: string): boolean => all || wanted.some(texts => texts.includes(text));
  return { ...NO_NEEDS, connect: has('true'), accept: has('false') };
}

function recordNeeds(rule: Rule, items: readonly Item[]): Needs {
  const types = textsOf(items, 'type').map(type => type.toUpperCase());
  const names = [...textsOf(items, 'SYSCALL'), ...textsOf(items, 'syscall')].map(name => name.toLowerCase());
  const syscalls = names.filter(name => !/^execve(?:at)?$/.test(name));
  const access = accessOf(rule);
  const paths = textsOf(items, 'name');
  const files = access === 'execute' ? [] : paths.map(path => ({ path, access: access ?? ('write' as const) }));
  const failed = textsOf(items, 'success').some(text => text.toLowerCase() === 'no');
  const others = types.filter(type => !EXEC_RECORDS.has(type));
  // A record that is named by nothing else comes with process starts.
  const isExec = syscalls.length === 0 && files.length === 0 && others.length === 0;
  return {
    ...NO_NEEDS,
    exec: isExec || names.length > syscalls.length || types.includes('EXECVE'),
    execFailed: failed && syscalls.length === 0,
    syscalls,
    files,
    keys: textsOf(items, 'key'),
    recordTypes: others,
  };
}

/** What is written for a field that is compared by its text. */
function textsOf(items: readonly Item[], field: string): string[] {
  return items
    .filter(item => item.field === field && !item.negated)
    .flatMap(item => item.values.flatMap(value => value.tests))
    .flatMap(test => (test.op === 'glob' ? [globText(test.glob)] : []));
}

const CONJUNCTIONS_MAX = 256;

/**
 * The ways in which the rule can match, each a list of the positive items that then hold. An over-wide rule is taken as one way,
 * which only asks for more.
 */
function conjunctions(rule: Rule): (readonly Item[])[] {
  type Ways = (readonly Item[])[];
  const join = (ways: readonly Ways[]): Ways => {
    let out: Ways = [[]];
    for (const way of ways) {
      out = out.flatMap(left => way.map(right => [...left, ...right]));
      if (out.length > CONJUNCTIONS_MAX) return [ways.flat(2)];
    }
    return out;
  };
  const either = (ways: readonly Ways[]): Ways => {
    const out = ways.flat();
    return out.length > CONJUNCTIONS_MAX ? [out.flat()] : out;
  };
  const ofNode = (node: SelectionNode): Ways => {
    if (node.kind === 'item') return [[node.item]];
    const ways = node.of.map(ofNode);
    return node.kind === 'all' ? join(ways) : either(ways);
  };
  const ofCondition = (condition: Condition): Ways => {
    const named = (name: string): Ways => ofNode(rule.selections.get(name)!.node);
    switch (condition.kind) {
      case 'selection':
        return named(condition.name);
      case 'not':
        return [[]];
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
