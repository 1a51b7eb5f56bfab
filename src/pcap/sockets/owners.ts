// Which processes hold which sockets, as passes over /proc showed it; those of processes that ended are remembered for a while. Pure. An
// inode number means one socket: the kernel gives it again only after four billion others.

import { AgedMap } from '../../core/aged-map.ts';

export interface SocketOwner {
  readonly pid: number;
  /** Since boot, in USER_HZ: with the pid it names the process. */
  readonly startTicks: number;
}

export interface SocketOwners {
  /** Who has it longest: children of a server have it too. */
  readonly first: SocketOwner;
  /** Of all who have it the oldest, `first` among them. */
  readonly some: readonly SocketOwner[];
  readonly count: number;
}

const SOCKETS_MAX = 65_536;
/** Of one socket, and of all together beyond the first. */
const OWNERS_MAX = 16;
const SHARED_MAX = 65_536;
/** After it was seen last. */
const KEEP_MS = 300_000;

interface Seen extends SocketOwner {
  pass: number;
}

interface Held {
  readonly owners: Seen[];
  seenMs: number;
  /** In which pass it was seen last, how many had it then, and how many in the pass before. */
  pass: number;
  count: number;
  before: number;
  /** The pid that it was seen with last: its descriptors come one after another. */
  lastPid: number;
}

export class OwnerMap {
  readonly #sockets = new AgedMap<Held, number>();
  #shared = 0;
  /** The pass that goes on, or comes. */
  #pass = 1;

  get size(): number {
    return this.#sockets.size;
  }

  /** A process was seen to have a socket. All times here are of one clock that never goes back. */
  saw(pid: number, startTicks: number, inode: number, nowMs: number): void {
    const held = this.#sockets.get(inode) ?? { owners: [], seenMs: nowMs, pass: 0, count: 0, before: 0, lastPid: 0 };
    if (held.pass !== this.#pass) {
      held.before = held.pass === this.#pass - 1 ? held.count : 0;
      held.pass = this.#pass;
      held.count = 0;
    }
    held.seenMs = nowMs;
    if (held.count === 0 || held.lastPid !== pid) this.#own(held, pid, startTicks);
    held.lastPid = pid;
    this.#sockets.set(inode, held);
    if (this.#sockets.size > SOCKETS_MAX) this.#drop(this.#sockets.oldest()!);
  }

  /** All processes were looked at. */
  passed(nowMs: number): void {
    this.#pass++;
    for (;;) {
      const oldest = this.#sockets.oldest();
      if (oldest === undefined || nowMs - this.#sockets.get(oldest)!.seenMs < KEEP_MS) return;
      this.#drop(oldest);
    }
  }

  /** Who has it; of one that nobody has any more, who had it last. */
  ownersOf(inode: number): SocketOwners | undefined {
    const held = this.#sockets.get(inode);
    if (held === undefined) return undefined;
    // A pass that goes on may not have come to all of them.
    const isNow = held.pass === this.#pass;
    const since = isNow ? this.#pass - 1 : held.pass;
    const some = held.owners.filter(({ pass }) => pass >= since);
    const [first] = some;
    const count = Math.max(held.count, isNow ? held.before : 0, some.length);
    return first && { first, some, count };
  }

  #own(held: Held, pid: number, startTicks: number): void {
    const { owners } = held;
    const known = owners.find(one => one.pid === pid && one.startTicks === startTicks);
    if (known?.pass === this.#pass) return;
    held.count++;
    if (known !== undefined) {
      known.pass = this.#pass;
      return;
    }
    const stale = owners.findIndex(({ pass }) => pass < this.#pass - 1);
    if (stale >= 0) {
      owners.splice(stale, 1);
      if (owners.length > 0) this.#shared--;
    }
    const place = owners.findIndex(one => one.startTicks > startTicks);
    const isFull = owners.length >= OWNERS_MAX || (owners.length > 0 && this.#shared >= SHARED_MAX);
    if (isFull && place < 0) return;
    if (owners.length > 0) this.#shared++;
    owners.splice(place < 0 ? owners.length : place, 0, { pid, startTicks, pass: this.#pass });
    if (isFull) {
      owners.pop();
      this.#shared--;
    }
  }

  #drop(inode: number): void {
    this.#shared -= Math.max(0, (this.#sockets.get(inode)?.owners.length ?? 0) - 1);
    this.#sockets.delete(inode);
  }
}
