// User and group names from the account files. Not by NSS: that can block for as long as a directory server likes.

import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { safeText } from '../core/text.ts';

/** More of an account file than this isn't read. */
const FILE_MAX_BYTES = 16 * 1024 * 1024;
const NAMES_MAX = 200_000;
const COLON = 0x3a;
const NEWLINE = 0x0a;

/**
 * The names of an /etc/passwd or /etc/group: `name:password:id:…` each line. The first name of an id holds, as for getpwuid.
 * Lines that aren't of that form (comments, NIS's `+`) name nobody.
 */
export function parseAccounts(bytes: Buffer): Map<number, string> {
  const names = new Map<number, string>();
  let end: number;
  for (let at = 0; at < bytes.length && names.size < NAMES_MAX; at = end + 1) {
    end = bytes.indexOf(NEWLINE, at);
    if (end < 0) end = bytes.length;
    // Within the line only: looking on through the rest of the file, line after line, would be quadratic.
    const line = bytes.subarray(at, end);
    const nameEnd = line.indexOf(COLON);
    if (nameEnd <= 0) continue;
    const passwordEnd = line.indexOf(COLON, nameEnd + 1);
    if (passwordEnd < 0) continue;
    const id = parseId(line, passwordEnd + 1);
    if (id !== undefined && !names.has(id)) names.set(id, safeText(bytes, at, at + nameEnd));
  }
  return names;
}

function parseId(bytes: Buffer, from: number): number | undefined {
  let id = 0;
  let i = from;
  for (; i < bytes.length && bytes[i] !== COLON; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    id = id * 10 + digit;
    if (id > 0xfffffffe) return undefined;
  }
  return i > from ? id : undefined;
}

/** One account file, read again when it was replaced or written. */
class AccountFile {
  readonly #path: string;
  #names: Map<number, string> = new Map();
  #version = '';

  constructor(path: string) {
    this.#path = path;
  }

  name(id: number): string | undefined {
    return this.#names.get(id);
  }

  /** True where the names may have changed. A file that is away for a moment (as while it is being replaced) keeps its names. */
  refresh(): boolean {
    try {
      const found = statSync(this.#path, { throwIfNoEntry: false });
      if (found === undefined || versionOf(found) === this.#version) return false;
      const fd = openSync(this.#path, 'r');
      try {
        const stat = fstatSync(fd);
        const bytes = Buffer.allocUnsafeSlow(Math.min(stat.size, FILE_MAX_BYTES));
        let length = 0;
        while (length < bytes.length) {
          const n = readSync(fd, bytes, length, bytes.length - length, length);
          if (n <= 0) break;
          length += n;
        }
        this.#names = parseAccounts(bytes.subarray(0, length));
        this.#version = versionOf(stat);
        return true;
      } finally {
        closeSync(fd);
      }
    } catch {
      return false;
    }
  }
}

function versionOf(stat: { mtimeMs: number; ino: number; dev: number; size: number }): string {
  return `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeMs}`;
}

export interface Users {
  /** Reads what has changed; a number that grows with each change. */
  refresh(): number;
  userName(uid: number): string | undefined;
  groupName(gid: number): string | undefined;
}

export function openUsers(passwdPath = '/etc/passwd', groupPath = '/etc/group'): Users {
  const passwd = new AccountFile(passwdPath);
  const group = new AccountFile(groupPath);
  let generation = 0;
  return {
    refresh() {
      const users = passwd.refresh();
      const groups = group.refresh();
      if (users || groups) generation++;
      return generation;
    },
    userName: uid => passwd.name(uid),
    groupName: gid => group.name(gid),
  };
}
