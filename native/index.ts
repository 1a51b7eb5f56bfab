// The typed binding to the addon, and how it gets out of a single executable: its bytes go into an anonymous file that only this
// process can see, and are loaded from there. Bun's own extraction would leave a file in /tmp that others can prepare.

import { dlopen, FFIType, ptr } from 'bun:ffi';
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import addonPath from '../build/puppy-addon.bin' with { type: 'file' };

/** A source's handle; what it gives is taken batch by batch. */
export type SourceHandle = number;

export interface AssemblerOptions {
  /** Field names that get an index of their own in a batch. */
  readonly keys: readonly string[];
  readonly argvMaxBytes: number;
  readonly ringBytes: number;
}

export interface ReplayOptions extends AssemblerOptions {
  /** Record type names as a log has them, with their numbers. */
  readonly types: readonly (readonly [string, number])[];
}

export interface AuditOptions extends AssemblerOptions {
  readonly multicast: boolean;
  readonly receiveBufferBytes: number;
  readonly coalesceMs: number;
}

export interface AssemblerStats {
  readonly records: number;
  readonly bytes: number;
  readonly events: number;
  readonly ringDropped: number;
  readonly timedOut: number;
  readonly forced: number;
  readonly malformed: number;
  readonly recordsDropped: number;
  readonly missing: number;
  readonly late: number;
  readonly pending: number;
  readonly firstSerial: number;
  readonly highestSerial: number;
}

export interface LogStats extends AssemblerStats {
  readonly lines: number;
  readonly unknownType: number;
  readonly notAudit: number;
  readonly tooLong: number;
}

export interface ReaderStats extends AssemblerStats {
  readonly receives: number;
  readonly overruns: number;
  readonly truncated: number;
  readonly replaceRequests: number;
  readonly replacePid: number;
  readonly receiveBufferBytes: number;
  readonly error: number;
}

export interface FsOptions {
  /** `auto`: fanotify, and inotify for what it can't watch. */
  readonly backend: 'auto' | 'fanotify' | 'inotify';
  /** fanotify without what kernels before 5.17 lack. */
  readonly plain: boolean;
  readonly coalesceMs: number;
  readonly ringBytes: number;
}

export interface FsFeatures {
  readonly fanotify: boolean;
  /** errno of fanotify where inotify stands in for it, or 0. */
  readonly refused: number;
}

export interface FsStats {
  readonly reads: number;
  readonly events: number;
  /** Of the kernel's queue. */
  readonly overflows: number;
  readonly ringDropped: number;
  readonly ignored: number;
  readonly malformed: number;
  /** Directories beyond the reader's bound. */
  readonly refusedNumbers: number;
  readonly directories: number;
  /** errno that ended the reader, or 0. */
  readonly error: number;
}

export interface PcapOptions {
  /** `any`, or names. One that isn't there is read when it comes. */
  readonly interfaces: readonly string[];
  /** As pcap-filter(7) has it, with addresses instead of hosts' names; empty: everything. */
  readonly filter: string;
  /** For Ethernet, in place of it. */
  readonly ethernetFilter?: string;
  /** Of UDP only what is new of a flow: native/udp_seen.h. */
  readonly skipRepeated?: boolean;
  readonly snaplen: number;
  /** The kernel's ring, of all interfaces together. */
  readonly bufferBytes: number;
  readonly coalesceMs: number;
  /** What waits for JavaScript. */
  readonly ringBytes: number;
}

export interface PcapStats {
  readonly packets: number;
  /** Of them, datagrams that weren't handed over. */
  readonly repeated: number;
  readonly reads: number;
  /** The kernel's ring was full. */
  readonly dropped: number;
  readonly interfaceDropped: number;
  readonly ringDropped: number;
  /** Times that an interface was taken up. */
  readonly opened: number;
  /** errno that ended the reader, or 0. */
  readonly error: number;
}

export interface PcapFileStats {
  readonly packets: number;
  /** Of the file, read so far. */
  readonly bytes: number;
  readonly ringDropped: number;
}

/** An errno, and why, in UTF-8. */
export type PcapFailure = readonly [number, Uint8Array];

export interface NativeBinding {
  replayOpen(options: ReplayOptions): SourceHandle;
  feed(source: SourceHandle, bytes: Uint8Array): void;
  finish(source: SourceHandle): void;
  /** The size of the batch that is now in `buffer`, 0 when there is none, -size when the buffer is too small for it. */
  take(source: SourceHandle, buffer: Uint8Array): number;
  stats(source: SourceHandle): AssemblerStats | FsStats | PcapStats | PcapFileStats;
  /** A handle or a negative errno. */
  auditOpen(options: AuditOptions): SourceHandle;
  /** 0 or a negative errno. */
  auditRegister(source: SourceHandle, pid: number): number;
  /** 0 or a negative errno. The callback comes once until the next `take`. */
  auditStart(source: SourceHandle, wake: () => void): number;
  /** Ends the reader's thread; what it read can still be taken. */
  stop(source: SourceHandle): void;
  close(source: SourceHandle): void;
  /** The kernel's replies as [type, payload], or a negative errno. */
  auditRequest(type: number, flags: number, payload: Uint8Array): readonly (readonly [number, Uint8Array])[] | number;
  /** A handle or a negative errno. */
  fsOpen(options: FsOptions): SourceHandle;
  fsFeatures(source: SourceHandle): FsFeatures;
  /** As auditStart. */
  fsStart(source: SourceHandle, wake: () => void): number;
  /** 0 or a negative errno; `out`: the directory's number, 1 where its whole file system is watched, 1 where nothing watched it until now. */
  fsWatch(source: SourceHandle, path: Uint8Array, mask: number, out: Float64Array): number;
  fsForget(source: SourceHandle, directory: number): void;
  /** Its events stay in the reader until it is watched again. */
  fsIgnore(source: SourceHandle, directory: number): void;
  /** The present path, or a negative errno. */
  fsPath(source: SourceHandle, directory: number): Uint8Array | number;
  /** 0 or a negative errno; native/scan.h has the ten numbers. */
  fsStat(path: Uint8Array, out: Float64Array): number;
  /** So many bytes of entries in `buffer` as native/scan.h has them, or a negative errno; `out`: the scan to go on with, or 0. */
  fsList(from: Uint8Array | number, buffer: Uint8Array, out: Float64Array): number;
  /** Of one that isn't read to its end. */
  fsListEnd(scan: number): void;
  /** The text of /proc/self/mountinfo, or a negative errno. */
  fsMounts(): Uint8Array | number;
  /** A descriptor that only names what is at a path, or a negative errno: native/held.h. */
  hold(path: Uint8Array): number;
  /** 0 or a negative errno; native/held.h has the eleven numbers. */
  heldStat(fd: number, out: Float64Array): number;
  /** A descriptor to read from, or a negative errno. */
  heldOpen(held: number): number;
  /** Where a symbolic link leads, or a negative errno. */
  heldLink(held: number): Uint8Array | number;
  /** security.capability of an opened file, empty where it has none, or a negative errno. */
  heldCapability(fd: number): Uint8Array | number;
  pcapOpen(options: PcapOptions): SourceHandle | PcapFailure;
  /** As auditStart. */
  pcapStart(source: SourceHandle, wake: () => void): number;
  pcapFileOpen(path: Uint8Array, filter: string): SourceHandle | PcapFailure;
  /** Reads about a batch, to be taken: true when there may be more, false at the end, or why the file ends here. */
  pcapFileRead(source: SourceHandle): boolean | PcapFailure;
  /** The inode of a process's network namespace (0: of this one's), or a negative errno. */
  netNamespace(pid: number): number;
  /** That namespace's addresses, each after a byte with its length, or a negative errno. */
  netAddresses(pid: number): Uint8Array | number;
  /** A descriptor to ask about sockets of that namespace, or a negative errno. The namespace stays while it is open. */
  diagOpen(pid: number): number;
  /** 0 or a negative errno; `ends` as the key of Ends, `out`: state, inode, uid, cgroup: native/sock_diag.h. */
  diagFind(fd: number, ends: Uint8Array, isFirstLocal: boolean, interfaceIndex: number, out: Float64Array): number;
  /** Who listens on a TCP port, 32 bytes each as native/sock_diag.h has them, or a negative errno. */
  diagListeners(fd: number, port: number): Uint8Array | number;
  /** So many sockets of a process in `out`, as native/held_sockets.h has them, or a negative errno. */
  socketsOf(pid: number, out: Float64Array, microseconds: number): number;
  /** So many sockets of all processes, from where the last call left off; -1 - count where it came to the end. */
  socketScan(out: Float64Array, microseconds: number): number;
}

const MFD_CLOEXEC = 1;
const MFD_EXEC = 0x10;

function memfd(): number {
  const libc = dlopen('libc.so.6', { memfd_create: { args: [FFIType.ptr, FFIType.u32], returns: FFIType.i32 } });
  const name = Buffer.from('puppy-addon\0');
  // MFD_EXEC is refused by kernels before 6.3, and asked for by vm.memfd_noexec=1.
  const fd = libc.symbols.memfd_create(ptr(name), MFD_CLOEXEC | MFD_EXEC);
  return fd >= 0 ? fd : libc.symbols.memfd_create(ptr(name), MFD_CLOEXEC);
}

const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

function* anonymousFiles(): Generator<number> {
  try {
    const fd = memfd();
    if (fd >= 0) yield fd;
  } catch {
    // no JIT, so no foreign function calls
  }
  for (const directory of [dirname(process.execPath), '/var/lib/puppy-hids', '/run', '/tmp']) {
    try {
      yield openSync(directory, O_TMPFILE | constants.O_RDWR, 0o700);
    } catch {
      // not there, read-only, or its file system can't
    }
  }
}

function load(): NativeBinding {
  const bytes = readFileSync(addonPath);
  let reason: unknown = 'no memfd, and no directory for an anonymous file';
  for (const fd of anonymousFiles()) {
    const module = { exports: {} as NativeBinding };
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      process.dlopen(module, `/proc/self/fd/${fd}`);
      return module.exports;
    } catch (error) {
      reason = error;
    } finally {
      closeSync(fd);
    }
  }
  throw new Error(
    `the native part can't be loaded: ${reason instanceof Error ? reason.message : String(reason)}. ` +
      "It needs memfd_create, or one of the executable's directory, /var/lib/puppy-hids, /run or /tmp writable and not mounted noexec.",
  );
}

let binding: NativeBinding | undefined;

/** The addon, loaded on first use so that commands that need none of it start without. */
export function native(): NativeBinding {
  binding ??= load();
  return binding;
}
