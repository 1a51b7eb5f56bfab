// What a PATH record says of the access: rules over file names mean a write, unless they say otherwise. Pure.

import type { HostEvent, RecordView } from '../core/event.ts';
import type { Rule } from './ast.ts';
import { ruleItems } from './ast.ts';

export type Access = 'any' | 'read' | 'write' | 'execute';

/** SigmaHQ's rules whose text means another access than their tags tell. */
const ACCESS_EXCEPTIONS: Readonly<Record<string, Access>> = {
  // "Hidden Binary Execution".
  '9e1bef8d-0fff-46f6-8465-9aa54e128c1e': 'execute',
  // "BPFDoor Abnormal Process ID or Lock File Accessed".
  '808146b2-9332-4d78-9416-d7e47012d83d': 'any',
};

/** The access that a `service: auditd` rule means by a PATH record; undefined where the rule names `nametype` and so says it itself. */
export function accessOf(rule: Rule): Access | undefined {
  const exception = ACCESS_EXCEPTIONS[rule.info.id.toLowerCase()];
  if (exception !== undefined) return exception;
  for (const item of ruleItems(rule)) if (item.field === 'nametype') return undefined;
  return rule.info.tags.includes('attack.discovery') ? 'read' : 'write';
}

/** Whether the rule means what happened under a key, not a change of the audit rule that sets it: CONFIG_CHANGE names it too. */
export function meansEvents(rule: Rule): boolean {
  const fields = new Set([...ruleItems(rule)].map(item => item.field));
  return fields.has('key') && !fields.has('type') && !fields.has('op');
}

const OPENS: Readonly<Record<string, string>> = { open: 'a1', openat: 'a2' };
const EXECUTES = new Set(['execve', 'execveat', 'uselib']);
const WRITES =
  /^(?:creat|rename|renameat2?|link|linkat|unlink|unlinkat|symlink|symlinkat|mkdir|mkdirat|rmdir|mknod|mknodat|truncate(?:64)?|f?chmod|fchmodat2?|[lf]?chown(?:32)?|fchownat|[lf]?setxattr(?:at)?|[lf]?removexattr(?:at)?|utime|utimes|utimensat(?:_time64)?|futimesat|mount|swapon|acct|bind)$/;
/** O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND: the same bits on every architecture that we know. */
const WRITE_FLAGS = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000;

/**
 * Whether the event can be such an access to the file of `record`. What can't be told (no SYSCALL record, openat2, whose flags lie
 * in memory) excludes nothing: an alert too many is better than one missed.
 */
export function isAccess(access: Access, record: RecordView, event: HostEvent): boolean {
  if (access === 'any') return true;
  const nametype = record.get('nametype');
  if (nametype === 'CREATE' || nametype === 'DELETE') return access === 'write';
  const call = event.records?.find(other => other.type === 'SYSCALL');
  const name = call?.get('SYSCALL');
  if (call === undefined || name === undefined) return true;
  if (EXECUTES.has(name)) return access === 'execute';
  if (access === 'execute') return false;
  const argument = Object.hasOwn(OPENS, name) ? call.get(OPENS[name]!) : undefined;
  if (argument !== undefined) {
    const flags = Number.parseInt(argument, 16);
    return access === 'read' || Number.isNaN(flags) || (flags & WRITE_FLAGS) !== 0;
  }
  if (name === 'openat2') return true;
  return WRITES.test(name) ? access === 'write' : access === 'read';
}
