// What the words of a kernel rule mean on this host: names of users and groups, which paths are folders (edge: files).

import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { ARCH } from './audit/tables/arches.ts';
import type { KernelContext } from './kernel-needs.ts';
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

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch {
    return false;
  }
}

/** More names in one folder are not looked at. */
const NAMES_MAX = 4096;

function list(path: string): string[] {
  try {
    return readdirSync(path).sort().slice(0, NAMES_MAX);
  } catch {
    return [];
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** `architecture` as `uname -m` has it. */
export function hostRuleContext(architecture: string): KernelContext {
  return {
    arch: architecture === 'aarch64' ? ARCH.aarch64 : ARCH.x86_64,
    uid: name => idOf('/etc/passwd', name),
    gid: name => idOf('/etc/group', name),
    isDirectory,
    list,
    realPath,
    isSocket,
  };
}
