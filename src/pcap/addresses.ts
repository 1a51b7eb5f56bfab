// The addresses of the host and of its containers, kept current (edge: the kernel's list, by network namespace).

import { native } from '../../native/index.ts';
import { LocalAddresses } from './direction.ts';

const FRESH_MS = 2_000;
/** Of another namespace: reading it needs a thread for a moment. */
const OTHERS_FRESH_MS = 10_000;
const NAMESPACES_MAX = 256;
/** At a time. */
const READS_MAX = 16;
const PIDS_MAX = 1_024;

interface Namespace {
  /** Address bytes as latin1 strings. */
  readonly keys: readonly string[];
  readonly readMs: number;
  /** A process in it. */
  readonly pid: number;
}

export class HostAddresses {
  readonly #others: () => Iterable<number>;
  readonly #namespaces = new Map<number, Namespace>();
  readonly #pids = new Map<string, number | undefined>();
  #own: readonly string[] = [];
  #readMs = Number.NEGATIVE_INFINITY;
  #addresses = new LocalAddresses([]);

  /** `others`: processes that are, or may be, in network namespaces of their own. */
  constructor(others: () => Iterable<number> = () => []) {
    this.#others = others;
  }

  now(nowMs: number): LocalAddresses {
    if (Math.abs(nowMs - this.#readMs) > FRESH_MS) {
      this.#readMs = nowMs;
      this.#own = read(0) ?? this.#own;
      this.#readOthers(nowMs);
      this.#addresses = LocalAddresses.ofKeys([...this.#own, ...this.#pids.keys()]);
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
    return inode < 0 || inode === native().netNamespace(0);
  }

  #readOthers(nowMs: number): void {
    const own = native().netNamespace(0);
    const members = new Map<number, number>();
    let looks = PIDS_MAX;
    for (const pid of this.#others()) {
      if (looks-- === 0 || members.size >= NAMESPACES_MAX) break;
      const inode = native().netNamespace(pid);
      if (inode >= 0 && inode !== own && !members.has(inode)) members.set(inode, pid);
    }
    for (const inode of this.#namespaces.keys()) if (!members.has(inode)) this.#namespaces.delete(inode);
    let reads = READS_MAX;
    for (const [inode, pid] of members) {
      const known = this.#namespaces.get(inode);
      const isFresh = known !== undefined && Math.abs(nowMs - known.readMs) <= OTHERS_FRESH_MS;
      const keys = isFresh || reads-- <= 0 ? known?.keys : read(pid);
      if (keys !== undefined) this.#namespaces.set(inode, { keys, readMs: isFresh ? known.readMs : nowMs, pid });
    }
    this.#pids.clear();
    for (const { keys, pid } of this.#namespaces.values()) {
      for (const key of keys) this.#pids.set(key, this.#pids.has(key) ? undefined : pid);
    }
    // The host's own namespace is no other one.
    for (const key of this.#own) if (this.#pids.has(key)) this.#pids.set(key, undefined);
  }
}

function read(pid: number): string[] | undefined {
  const bytes = native().netAddresses(pid);
  if (typeof bytes === 'number') return undefined;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const keys: string[] = [];
  for (let at = 0; at < buffer.length; at += 1 + buffer[at]!)
    keys.push(buffer.latin1Slice(at + 1, at + 1 + buffer[at]!));
  return keys;
}
