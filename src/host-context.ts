// What the words of a kernel rule mean on this host: names of users and groups, which paths are folders (edge: files).

import { readFileSync, statSync } from 'node:fs';
import type { RuleContext } from './audit/kernel-rules/rule.ts';
import { ARCH } from './audit/tables/arches.ts';
import { parseAccounts } from './proc/users.ts';

function idOf(path: string, name: string): number | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return undefined;
  }
  for (const [id, known] of parseAccounts(bytes)) if (known === name) return id;
  return undefined;
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** `architecture` as `uname -m` has it. */
export function hostRuleContext(architecture: string): RuleContext {
  return {
    arch: architecture === 'aarch64' ? ARCH.aarch64 : ARCH.x86_64,
    uid: name => idOf('/etc/passwd', name),
    gid: name => idOf('/etc/group', name),
    isDirectory,
  };
}
