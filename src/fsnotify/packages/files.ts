// How the database's files are read: only regular ones, up to a bound, never waiting (edge: files).

import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, realpathSync, statSync } from 'node:fs';
import type { Alias } from './digest-table.ts';

/** A file's content; undefined where it isn't there, isn't a regular file, or is larger than `maxBytes`. */
export function readRegular(path: string | Buffer, maxBytes: number): Buffer | undefined {
  let fd: number | undefined;
  try {
    // What isn't a regular file isn't even opened; should it become one's name meanwhile, opening doesn't wait.
    if (!statSync(path).isFile()) return undefined;
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const { size } = fstatSync(fd);
    if (!fstatSync(fd).isFile() || size > maxBytes) return undefined;
    const content = Buffer.allocUnsafe(size);
    let length = 0;
    for (let got = 1; got > 0 && length < size; length += got) got = readSync(fd, content, length, size - length, null);
    return content.subarray(0, length);
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** What tells one state of a file or directory from another (not by ctime, which who only reads can change); undefined if it's not there. */
export function stampOf(path: string): string | undefined {
  try {
    const { ino, size, mtimeMs } = statSync(path);
    return `${ino}:${size}:${mtimeMs}`;
  } catch {
    return undefined;
  }
}

export function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

const ALIASES_MAX = 64;

/** Directories near the root that are symbolic links: a package lists bin/ls, and what is there is usr/bin/ls. */
export function findAliases(root: string): Alias[] {
  const aliases: Alias[] = [];
  const base = realPath(root === '' ? '/' : root) ?? root;
  for (const folder of ['', 'usr/', 'var/']) {
    for (const name of namesIn(`${root}/${folder}`)) {
      const real = realPath(`${root}/${folder}${name}`);
      const path = `${folder}${name}`;
      const prefix = base === '/' ? '/' : `${base}/`;
      if (real === undefined || real === `${prefix}${path}` || !real.startsWith(prefix) || !isDirectory(real)) continue;
      // Through a linked parent: the parent's own alias says it all.
      if (aliases.length < ALIASES_MAX)
        aliases.push({ from: Buffer.from(`${path}/`), to: Buffer.from(`${real.slice(prefix.length)}/`) });
    }
  }
  return aliases;
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
