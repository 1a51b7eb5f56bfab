// The addresses of the host and of its containers, kept current (edge: the kernel's list, by network namespace).

import { native } from '../../native/index.ts';
import { LocalAddresses } from './direction.ts';

/** A container may send as soon as it has an address. */
const FRESH_MS = 200;
/** Of another namespace, which hardly changes once it is set up: reading it needs a thread for a moment. */
const OTHERS_FRESH_MS = 10_000;
const SET_UP_MS = 10_000;
/** A process may still be on its way to its container's. */
const HERE_FRESH_MS = 1_000;
const NAMESPACES_MAX = 256;
const PIDS_MAX = 4_096;
/** At a time. */
const READS_MAX = 16;
const ASKS_MAX = 128;

interface Namespace {
  /** Address bytes as latin1 strings. */
  readonly keys: readonly string[];
  readonly readMs: number;
  readonly metMs: number;
  /** A process in it. */
  readonly pid: number;
}

/** In which namespace a process is. */
interface Member {
  /** A negative errno where it's gone. */
  readonly inode: number;
  readonly askedMs: number;
}

export class HostAddresses {
  readonly #others: () => Iterable<number>;
  /** By their inode. */
  readonly #namespaces = new Map<number, Namespace>();
  #members = new Map<number, Member>();
  readonly #pids = new Map<string, number | undefined>();
  #own: number | undefined;
  #ownKeys: readonly string[] = [];
  #readMs = Number.NEGATIVE_INFINITY;
  #addresses = new LocalAddresses([]);

  /** `others`: processes that are, or may be, in network namespaces of their own. */
  constructor(others: () => Iterable<number> = () => []) {
    this.#others = others;
  }

  now(nowMs: number): LocalAddresses {
    if (!isWithin(FRESH_MS, this.#readMs, nowMs)) {
      this.#readMs = nowMs;
      this.#ownKeys = read(0) ?? this.#ownKeys;
      this.#readOthers(nowMs);
      this.#addresses = LocalAddresses.ofKeys([...this.#ownKeys, ...this.#pids.keys()]);
    }
    return this.#addresses;
  }

  /** A process in the one other namespace that has this address, as of the last {@link now}. */
  pidAt(key: string): number | undefined {
    return this.#pids.get(key);
  }

  /** False for a process in another network namespace than the agent's. */
  mayBeHere(pid: number): boolean {
    const inode = native().netNamespace(pid);
    return inode < 0 || inode === this.#ownNamespace();
  }

  #readOthers(nowMs: number): void {
    const away = this.#away(nowMs);
    for (const inode of this.#namespaces.keys()) if (!away.has(inode)) this.#namespaces.delete(inode);
    let reads = READS_MAX;
    for (const [inode, pid] of away) {
      const known = this.#namespaces.get(inode) ?? { keys: [], readMs: Number.NEGATIVE_INFINITY, metMs: nowMs };
      const freshMs = nowMs - known.metMs < SET_UP_MS ? FRESH_MS : OTHERS_FRESH_MS;
      const isRead = !isWithin(freshMs, known.readMs, nowMs) && reads-- > 0;
      const { keys, readMs } = isRead ? { keys: read(pid) ?? known.keys, readMs: nowMs } : known;
      this.#namespaces.set(inode, { keys, readMs, metMs: known.metMs, pid });
    }
    this.#pids.clear();
    for (const { keys, pid } of this.#namespaces.values()) {
      for (const key of keys) this.#pids.set(key, this.#pids.has(key) ? undefined : pid);
    }
    // The host's own namespace is no other one.
    for (const key of this.#ownKeys) if (this.#pids.has(key)) this.#pids.set(key, undefined);
  }

  /** The other namespaces, each with a process that is in it. */
  #away(nowMs: number): Map<number, number> {
    const own = this.#ownNamespace();
    const members = new Map<number, Member>();
    const away = new Map<number, number>();
    let asks = ASKS_MAX;
    for (const pid of this.#others()) {
      if (members.size >= PIDS_MAX || away.size >= NAMESPACES_MAX) break;
      let member = this.#members.get(pid);
      const freshMs = member?.inode === own ? HERE_FRESH_MS : OTHERS_FRESH_MS;
      if ((member === undefined || !isWithin(freshMs, member.askedMs, nowMs)) && asks-- > 0)
        member = { inode: native().netNamespace(pid), askedMs: nowMs };
      if (member === undefined) continue;
      members.set(pid, member);
      if (member.inode >= 0 && member.inode !== own && !away.has(member.inode)) away.set(member.inode, pid);
    }
    this.#members = members;
    return away;
  }

  #ownNamespace(): number {
    this.#own ??= native().netNamespace(0);
    return this.#own;
  }
}

/** Also when the clock was set back by as much. */
const isWithin = (ms: number, thenMs: number, nowMs: number): boolean => Math.abs(nowMs - thenMs) <= ms;

function read(pid: number): string[] | undefined {
  const bytes = native().netAddresses(pid);
  if (typeof bytes === 'number') return undefined;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const keys: string[] = [];
  for (let at = 0; at < buffer.length; at += 1 + buffer[at]!)
    keys.push(buffer.latin1Slice(at + 1, at + 1 + buffer[at]!));
  return keys;
}
