// The only reader of /proc, beside native/task.cc, which must be faster. Every read may race with the process's exit: then the answer is `undefined`, and nothing throws.

import { closeSync, openSync, readdirSync, readlinkSync, readSync, statSync } from 'node:fs';
import { programPath } from '../core/paths.ts';
import { safeText } from '../core/text.ts';
import { ttyName } from '../core/tty.ts';
import type { BootFacts, HostFile, ProcFacts } from './facts.ts';
import {
  auditDevice,
  parseAuditId,
  parseClockTicks,
  parseCmdline,
  parseStartTicks,
  parseStat,
  parseStatus,
  parseThreadGroup,
  withoutDeleted,
} from './parse.ts';

export const DEFAULT_ARGV_MAX_BYTES = 32_768;
/** stat is at most some 400 bytes, status some 1,600 (more with many CPUs: the ids come first). */
const SMALL_BYTES = 8_192;
/** exe, cwd and cmdline are read one after another: an exec in between is seen by a changed exe or start time, and they are read again. */
const READ_ATTEMPTS = 3;

export interface Procfs {
  readProcess(pid: number): ProcFacts | undefined;
  startTicks(pid: number): number | undefined;
  processRoot(pid: number): 'host' | 'foreign' | undefined;
  listPids(): number[] | undefined;
  /** Text of /proc/PID/cgroup, of /proc/PID/mountinfo (its beginning, which has the root's line), and the user namespace's name. */
  cgroup(pid: number): string | undefined;
  mountinfo(pid: number | 'self'): string | undefined;
  /** Through which the process's file system can be reached. */
  rootPath(pid: number): string;
  userNamespace(pid: number | 'self'): string | undefined;
  uptimeMs(): number | undefined;
  boot(): BootFacts | undefined;
}

export interface ProcfsOptions {
  /** More bytes of a process's arguments than this aren't read. */
  readonly argvMaxBytes?: number;
}

export function openProcfs(options: ProcfsOptions = {}): Procfs {
  const argvMaxBytes = options.argvMaxBytes ?? DEFAULT_ARGV_MAX_BYTES;
  const small = Buffer.allocUnsafeSlow(SMALL_BYTES);
  // One byte more than the bound, so that a cut is seen. The kernel copies no more than what is asked for, however much there is.
  const large = Buffer.allocUnsafeSlow(argvMaxBytes + 1);
  const hostRoot = fileIdentity('/');

  const readText = (path: string): string | undefined => {
    const length = readInto(path, small);
    return length < 0 ? undefined : small.latin1Slice(0, length);
  };

  const startTicks = (pid: number): number | undefined => {
    const length = readInto(`/proc/${pid}/stat`, small);
    return length < 0 ? undefined : parseStartTicks(small, length);
  };

  const processRoot = (pid: number): 'host' | 'foreign' | undefined => {
    // With the slash the link is followed to the directory; without, a permission error would read as "not there".
    const root = fileIdentity(`/proc/${pid}/root/`);
    if (root === undefined || hostRoot === undefined) return undefined;
    return root.dev === hostRoot.dev && root.inode === hostRoot.inode ? 'host' : 'foreign';
  };

  const readOnce = (pid: number): ProcFacts | undefined | 'changed' => {
    const dir = `/proc/${pid}`;
    const statLength = readInto(`${dir}/stat`, small);
    if (statLength < 0) return undefined;
    const stat = parseStat(small.subarray(0, statLength));
    if (stat === undefined) return undefined;
    const { comm, ppid, sessionLeader, startTimeTicks, kernelThread } = stat;
    const statusLength = readInto(`${dir}/status`, small);
    const status = statusLength < 0 ? {} : parseStatus(small.latin1Slice(0, statusLength));
    const tty = ttyName(stat.ttyNumber);
    const auid = parseAuditId(readText(`${dir}/loginuid`) ?? '');
    const auditSession = parseAuditId(readText(`${dir}/sessionid`) ?? '');
    const facts = {
      pid,
      ppid,
      comm,
      startTimeTicks,
      sessionLeader,
      ...(tty !== undefined && { tty }),
      ...status,
      ...(auid !== undefined && { auid }),
      ...(auditSession !== undefined && { auditSession }),
    };
    if (kernelThread) return { ...facts, kernelThread };
    const exe = readLink(`${dir}/exe`);
    const cwd = readLink(`${dir}/cwd`);
    const root = processRoot(pid);
    const argvLength = readInto(`${dir}/cmdline`, large);
    const truncated = argvLength > argvMaxBytes;
    const args = argvLength > 0 ? parseCmdline(large, truncated ? argvMaxBytes : argvLength) : undefined;
    if (startTicks(pid) !== startTimeTicks || readLink(`${dir}/exe`) !== exe) return 'changed';
    const exePath = exe && programPath(withoutDeleted(exe));
    return {
      ...facts,
      ...(args !== undefined && { args }),
      ...(truncated && { argsTruncated: true as const }),
      ...(exePath !== undefined && { exe: exePath }),
      ...(exePath !== undefined && exePath !== exe && { exeDeleted: true as const }),
      ...(cwd !== undefined && { cwd: withoutDeleted(cwd) }),
      ...(root !== undefined && { root }),
    };
  };

  return {
    startTicks,
    processRoot,
    readProcess(pid) {
      for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
        const facts = readOnce(pid);
        if (facts !== 'changed') return facts;
      }
      return undefined;
    },
    listPids() {
      try {
        const pids: number[] = [];
        for (const name of readdirSync('/proc')) {
          const first = name.charCodeAt(0);
          if (first >= 0x31 && first <= 0x39) pids.push(Number(name));
        }
        return pids;
      } catch {
        return undefined;
      }
    },
    cgroup: pid => readText(`/proc/${pid}/cgroup`),
    mountinfo(pid) {
      const length = readInto(`/proc/${pid}/mountinfo`, large);
      return length < 0 ? undefined : safeText(large, 0, length);
    },
    rootPath: pid => `/proc/${pid}/root`,
    userNamespace: pid => readLink(`/proc/${pid}/ns/user`),
    uptimeMs() {
      const text = readText('/proc/uptime');
      const seconds = text === undefined ? Number.NaN : Number.parseFloat(text);
      return Number.isFinite(seconds) ? Math.round(seconds * 1000) : undefined;
    },
    boot() {
      const bootId = readBootId();
      const auxvLength = readInto('/proc/self/auxv', small);
      const ticksPerSecond = auxvLength < 0 ? undefined : parseClockTicks(small.subarray(0, auxvLength));
      const pidMax = Number.parseInt(readText('/proc/sys/kernel/pid_max') ?? '', 10);
      if (bootId === undefined || ticksPerSecond === undefined || !(pidMax > 0)) return undefined;
      return { bootId, ticksPerSecond, pidMax };
    },
  };
}

/** The kernel's random id of this boot. */
export function readBootId(): string | undefined {
  const bytes = Buffer.allocUnsafeSlow(64);
  const length = readInto('/proc/sys/kernel/random/boot_id', bytes);
  const id = length < 0 ? '' : bytes.latin1Slice(0, length).trim();
  return /^[0-9a-f-]{36}$/.test(id) ? id : undefined;
}

/** The process that a thread belongs to, by its id. */
export function threadGroup(tid: number): number | undefined {
  // It's the fourth line.
  const bytes = Buffer.allocUnsafe(256);
  const length = readInto(`/proc/${tid}/status`, bytes);
  return length < 0 ? undefined : parseThreadGroup(bytes.latin1Slice(0, length));
}

/** The file at a path as audit would name its identity; symbolic links are followed. */
export function fileIdentity(path: string): HostFile | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    // An inode number beyond 2^53 (overlay with xino) is only exact as a bigint.
    const inode = Number.isSafeInteger(stat.ino)
      ? String(stat.ino)
      : statSync(path, { bigint: true, throwIfNoEntry: false })?.ino.toString();
    return inode === undefined ? undefined : { dev: auditDevice(stat.dev), inode, ctimeMs: Math.floor(stat.ctimeMs) };
  } catch {
    return undefined;
  }
}

/** Reads at most what fits into `buffer`; -1 where the file can't be read. Large texts of /proc come in pieces of a page. */
function readInto(path: string, buffer: Buffer): number {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return -1;
  }
  try {
    let length = 0;
    while (length < buffer.length) {
      const n = readSync(fd, buffer, length, buffer.length - length, null);
      if (n <= 0) break;
      length += n;
      // A text shorter than a page comes whole: the second read that would say so is saved.
      if (n < 2048 && length === n) break;
    }
    return length;
  } catch {
    return -1;
  } finally {
    closeSync(fd);
  }
}

function readLink(path: string): string | undefined {
  try {
    return safeText(readlinkSync(path, { encoding: 'buffer' }));
  } catch {
    return undefined;
  }
}
