// Parsers for the texts of /proc/PID: bytes in, facts out. Pure.

import { safeText } from '../core/text.ts';

const UNSET_ID = 0xffffffff;
const DELETED = ' (deleted)';
/** PF_KTHREAD in /proc/PID/stat's flags. */
const KERNEL_THREAD = 0x00200000;
const CLOSE_PAREN = 0x29;
const OPEN_PAREN = 0x28;

/** A path without what the kernel adds where its file or directory has been removed. */
export function withoutDeleted(path: string): string {
  return path.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path;
}

export interface StatFacts {
  readonly comm: string;
  readonly ppid: number;
  readonly sessionLeader: number;
  readonly ttyNumber: number;
  readonly kernelThread: boolean;
  readonly startTimeTicks: number;
}

/**
 * /proc/PID/stat. The name is set by the process and may hold spaces, parentheses and newlines: it ends at the *last* parenthesis.
 */
export function parseStat(bytes: Buffer): StatFacts | undefined {
  const close = bytes.lastIndexOf(CLOSE_PAREN);
  const open = bytes.indexOf(OPEN_PAREN);
  if (open < 0 || close < open) return undefined;
  // After the name, from index 0: state ppid pgrp session tty_nr tpgid flags … starttime is index 19.
  const fields = bytes.latin1Slice(close + 2).split(' ', 20);
  const startTimeTicks = Number(fields[19]);
  const ppid = Number(fields[1]);
  if (fields.length < 20 || !Number.isSafeInteger(startTimeTicks) || !Number.isSafeInteger(ppid)) return undefined;
  return {
    comm: safeText(bytes, open + 1, close),
    ppid,
    sessionLeader: Number(fields[3]),
    ttyNumber: Number(fields[4]),
    kernelThread: (Number(fields[6]) & KERNEL_THREAD) !== 0,
    startTimeTicks,
  };
}

/** The start time alone, without making the strings. */
export function parseStartTicks(bytes: Buffer, end: number): number | undefined {
  let i = bytes.lastIndexOf(CLOSE_PAREN, end - 1);
  if (i < 0) return undefined;
  i++;
  for (let field = 0; field < 20; field++) {
    i = bytes.indexOf(0x20, i) + 1;
    if (i === 0 || i >= end) return undefined;
  }
  let ticks = 0;
  const from = i;
  for (; i < end; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) break;
    ticks = ticks * 10 + digit;
  }
  return i > from && Number.isSafeInteger(ticks) ? ticks : undefined;
}

export interface StatusFacts {
  readonly uid?: number;
  readonly euid?: number;
  readonly suid?: number;
  readonly fsuid?: number;
  readonly gid?: number;
  readonly egid?: number;
  readonly sgid?: number;
  readonly fsgid?: number;
  readonly nsPids?: readonly number[];
}

/** /proc/PID/status: the ids and the nested pids. The kernel escapes the name's newlines here, so that a line starts where it seems to. */
export function parseStatus(text: string): StatusFacts {
  const [uid, euid, suid, fsuid] = numbersOf(text, '\nUid:\t');
  const [gid, egid, sgid, fsgid] = numbersOf(text, '\nGid:\t');
  const pids = numbersOf(text, '\nNSpid:\t');
  return {
    ...(uid !== undefined && { uid }),
    ...(euid !== undefined && { euid }),
    ...(suid !== undefined && { suid }),
    ...(fsuid !== undefined && { fsuid }),
    ...(gid !== undefined && { gid }),
    ...(egid !== undefined && { egid }),
    ...(sgid !== undefined && { sgid }),
    ...(fsgid !== undefined && { fsgid }),
    ...(pids.length > 1 && { nsPids: pids }),
  };
}

export const parseThreadGroup = (status: string): number | undefined => numbersOf(status, '\nTgid:\t')[0];

function numbersOf(text: string, label: string): number[] {
  const at = text.indexOf(label);
  if (at < 0) return [];
  const end = text.indexOf('\n', at + 1);
  const line = text.slice(at + label.length, end < 0 ? text.length : end);
  return line.split('\t').map(Number).filter(Number.isSafeInteger);
}

/** /proc/PID/loginuid, sessionid: absent where unset. */
export function parseAuditId(text: string): number | undefined {
  const id = text === '' ? Number.NaN : Number(text);
  return Number.isSafeInteger(id) && id >= 0 && id !== UNSET_ID ? id : undefined;
}

/** /proc/PID/cmdline: arguments each ended by NUL (the last one not, where the process has written over them). */
export function parseCmdline(bytes: Buffer, end: number): string[] {
  const args: string[] = [];
  let from = 0;
  while (from < end) {
    let to = bytes.indexOf(0, from);
    if (to < 0 || to > end) to = end;
    args.push(safeText(bytes, from, to));
    from = to + 1;
  }
  return args;
}

/** A device number as audit writes it, from stat's (which packs major and minor as glibc does). */
export function auditDevice(dev: number | bigint): string {
  const n = BigInt(dev);
  const major = ((n >> 8n) & 0xfffn) | ((n >> 32n) & 0xfffff000n);
  const minor = (n & 0xffn) | ((n >> 12n) & 0xffffff00n);
  return `${major.toString(16).padStart(2, '0')}:${minor.toString(16).padStart(2, '0')}`;
}

/** AT_CLKTCK (17) of a 64-bit little-endian auxiliary vector. */
export function parseClockTicks(auxv: Buffer): number | undefined {
  for (let i = 0; i + 16 <= auxv.length; i += 16) {
    if (auxv.readBigUInt64LE(i) === 17n) {
      const ticks = Number(auxv.readBigUInt64LE(i + 8));
      return ticks > 0 && ticks <= 1_000_000 ? ticks : undefined;
    }
  }
  return undefined;
}
