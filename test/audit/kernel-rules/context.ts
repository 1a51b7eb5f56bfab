// What the tests' rules depend on.

import type { RuleContext } from '../../../src/audit/kernel-rules/rule.ts';
import { ARCH } from '../../../src/audit/tables/arches.ts';

const USERS = new Map([
  ['root', 0],
  ['www-data', 33],
]);
const GROUPS = new Map([
  ['root', 0],
  ['daemon', 1],
]);

export function context(directories: readonly string[] = [], arch: number = ARCH.x86_64): RuleContext {
  return {
    arch,
    uid: name => USERS.get(name),
    gid: name => GROUPS.get(name),
    isDirectory: path => directories.includes(path),
  };
}
