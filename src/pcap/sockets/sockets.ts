// Which process has the socket at an end of a connection (edge: the kernel's sock_diag, and /proc by the native part). What it costs is
// bounded: a question is some microseconds, and all processes are looked through a few milliseconds at a time, seldom.

import { closeSync } from 'node:fs';
import { native } from '../../../native/index.ts';
import { AgedMap } from '../../core/aged-map.ts';
import { PROTOCOL } from '../decoded.ts';
import { isForAll } from '../direction.ts';
import type { Ends } from '../ends.ts';
import { type Listener, parseListeners, takers } from './listeners.ts';
import { OwnerMap, type SocketOwners } from './owners.ts';

export type Side = 'source' | 'destination';

/** Where the packet was seen, as far as that is known. */
export interface Where {
  /** Any process of the network namespace that the end is in; absent: the agent's own. */
  readonly pid?: number | undefined;
  /** For sockets that are bound to an interface, in the agent's own namespace. */
  readonly interfaceIndex?: number | undefined;
}

export interface SocketFacts {
  readonly inode: number;
  /** Others that take connections to the same end: it's open which of them took this one. */
  readonly others: readonly number[];
  /** Not the connection's own socket, but the one that takes connections (or datagrams from anybody) there. */
  readonly isListener: boolean;
  readonly uid?: number;
  /** The inode of its cgroup (version 2); absent before Linux 5.9. */
  readonly cgroup?: number;
}

const TCP_CLOSE = 7;
const TCP_LISTEN = 10;
const ENOENT = 2;
const NAMESPACES_MAX = 16;
/** An open socket keeps the namespace of a container that is over. */
const NAMESPACE_IDLE_MS = 10_000;
const LISTENERS_MS = 2_000;
const LISTENERS_MAX = 1_024;
const CANDIDATES_MAX = 16;
const CANDIDATE_US = 500;
const ROWS = 1_024;
const SLICE_US = 2_500;
/** So much of any such time is spent on looking through processes. */
const WINDOW_MS = 40;
const BUDGET_MS = 4;
/** After a pass, so that it takes at most a twentieth of a processor's time. */
const REST_TIMES = 20;
const REST_MIN_MS = 500;
const WAIT_MS = 2_000;
const WAITING_MAX = 1_024;
/** Without anybody asking: what is seen now is known when it's gone. */
const PASS_EVERY_MS = 15_000;

interface Namespace {
  readonly fd: number;
  usedMs: number;
}

interface Waiting {
  readonly facts: SocketFacts;
  readonly tell: (owners: SocketOwners | undefined) => void;
  readonly untilMs: number;
}

/** Where to ask. */
interface Place {
  /** The namespace's inode. */
  readonly key: number;
  readonly fd: number;
  /** 0: not known. */
  readonly interfaceIndex: number;
}

export class Sockets {
  readonly counters = { lookups: 0, found: 0, owned: 0, failed: 0, passes: 0, passMs: 0, known: 0 };
  readonly #owners = new OwnerMap();
  /** By their inode. */
  readonly #namespaces = new AgedMap<Namespace, number>();
  readonly #listeners = new AgedMap<{ readonly listeners: readonly Listener[]; readonly readMs: number }>();
  readonly #found = new Float64Array(4);
  readonly #rows = new Float64Array(3 * ROWS);
  #own: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiting: Waiting[] = [];
  #isPassing = false;
  #passMs = 0;
  #restUntilMs = 0;
  #windowMs = 0;
  #spentMs = 0;
  #passedMs = Number.NEGATIVE_INFINITY;

  /** The socket at that end, as the kernel has it now; never another's. */
  find(ends: Ends, side: Side, where: Where = {}): SocketFacts | undefined {
    const { protocol } = ends;
    if (protocol !== PROTOCOL.tcp && protocol !== PROTOCOL.udp) return undefined;
    const isDestination = side === 'destination';
    // Many may get what goes to many.
    if (isDestination && isForAll(ends.destinationKey)) return undefined;
    const place = this.#place(where);
    if (place === undefined) return undefined;
    this.counters.lookups++;
    const isFirstLocal = ends.sourceFirst !== isDestination;
    const bytes = Buffer.from(ends.key, 'latin1');
    const result = native().diagFind(place.fd, bytes, isFirstLocal, place.interfaceIndex, this.#found);
    if (result !== 0) {
      if (result !== -ENOENT) this.#failed(place.key);
      return undefined;
    }
    const [state, inode, uid, cgroup] = this.#found as unknown as [number, number, number, number];
    const isListening = protocol === PROTOCOL.tcp ? state === TCP_LISTEN : isDestination && state === TCP_CLOSE;
    if (isListening && !isDestination) return undefined;
    if (inode !== 0) {
      this.counters.found++;
      return { inode, others: [], isListener: isListening, uid, ...(cgroup > 0 && { cgroup }) };
    }
    // Not accepted yet, or closed: who listens there is known.
    if (!isDestination || protocol !== PROTOCOL.tcp) return undefined;
    return this.#listener(place, ends);
  }

  /**
   * Who has the socket at that end, told once it is known: mostly at once, within seconds if at all. False where there is no socket, and
   * nothing will be told.
   */
  ask(ends: Ends, side: Side, where: Where, tell: (owners: SocketOwners | undefined) => void): boolean {
    const facts = this.find(ends, side, where);
    if (facts === undefined) return false;
    // Whoever took a connection is mostly one of those who listen.
    const candidates = side === 'destination' && !facts.isListener ? this.#servers(ends, where) : [];
    for (const inode of [facts.inode, ...facts.others]) this.#look(inode, candidates);
    if (this.#isKnown(facts) || this.#waiting.length >= WAITING_MAX) {
      tell(this.#owner(facts));
    } else {
      this.#waiting.push({ facts, tell, untilMs: performance.now() + WAIT_MS });
      this.#begin();
    }
    return true;
  }

  /** Once a second. */
  tick(): void {
    const nowMs = performance.now();
    for (const [key, listening] of this.#oldest(this.#listeners)) {
      if (nowMs - listening.readMs < LISTENERS_MS) break;
      this.#listeners.delete(key);
    }
    for (const [key, namespace] of this.#oldest(this.#namespaces)) {
      if (nowMs - namespace.usedMs < NAMESPACE_IDLE_MS) break;
      this.#close(key);
    }
    this.counters.known = this.#owners.size;
    if (nowMs - this.#passedMs >= PASS_EVERY_MS) this.#begin();
  }

  /** Whoever waits is told what is known. */
  close(): void {
    this.#settle(true);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const key of [...this.#namespaces.keys()]) this.#close(key);
  }

  /** In the candidates, and as far as there's time for it in all others. */
  #look(inode: number, candidates: Iterable<number>): void {
    let left = CANDIDATES_MAX;
    for (const pid of candidates) {
      if (this.#owners.ownersOf(inode) !== undefined || left-- === 0 || this.#leftMs() <= 0) break;
      const beganMs = performance.now();
      this.#take(native().socketsOf(pid, this.#rows, CANDIDATE_US));
      this.#spentMs += performance.now() - beganMs;
    }
    if (this.#owners.ownersOf(inode) === undefined) this.#slice();
  }

  #isKnown({ inode, others }: SocketFacts): boolean {
    return [inode, ...others].every(one => this.#owners.ownersOf(one) !== undefined);
  }

  #owner({ inode, others }: SocketFacts): SocketOwners | undefined {
    const known = this.#owners.ownersOf(inode);
    // It may be open which socket it is, but one process may have made them all.
    const isOne = others.every(one => {
      const first = this.#owners.ownersOf(one)?.first;
      return first?.pid === known?.first.pid && first?.startTicks === known?.first.startTicks;
    });
    if (known === undefined || !isOne) return undefined;
    this.counters.owned++;
    return known;
  }

  /** Tells those who wait for what is known by now, and all of them where it's over. */
  #settle(isOver = false): void {
    const nowMs = performance.now();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      if (isOver || nowMs >= one.untilMs || this.#isKnown(one.facts)) one.tell(this.#owner(one.facts));
      else this.#waiting.push(one);
    }
  }

  /** Those that listen where the connection went. */
  #servers(ends: Ends, where: Where): number[] {
    if (ends.protocol !== PROTOCOL.tcp) return [];
    const place = this.#place(where);
    const facts = place && this.#listener(place, ends);
    const inodes = facts === undefined ? [] : [facts.inode, ...facts.others];
    return inodes.flatMap(inode => this.#owners.ownersOf(inode)?.some.map(({ pid }) => pid) ?? []);
  }

  #listener({ key, fd, interfaceIndex }: Place, ends: Ends): SocketFacts | undefined {
    const { port } = ends.destination;
    if (port === undefined) return undefined;
    const name = `${key} ${port}`;
    const nowMs = performance.now();
    let known = this.#listeners.get(name);
    if (known === undefined || nowMs - known.readMs >= LISTENERS_MS) {
      const bytes = native().diagListeners(fd, port);
      if (typeof bytes === 'number') this.#failed(key);
      known = { listeners: typeof bytes === 'number' ? [] : parseListeners(bytes), readMs: nowMs };
      this.#listeners.set(name, known);
      if (this.#listeners.size > LISTENERS_MAX) this.#listeners.delete(this.#listeners.oldest()!);
    }
    const [inode, ...others] = takers(known.listeners, ends.destinationKey, interfaceIndex);
    return inode === undefined ? undefined : { inode, others, isListener: true };
  }

  #place({ pid, interfaceIndex = 0 }: Where): Place | undefined {
    const key = this.#namespaceOf(pid);
    const namespace = key === undefined ? undefined : this.#open(key, pid);
    if (key === undefined || namespace === undefined) return undefined;
    return { key, fd: namespace.fd, interfaceIndex: key === this.#own ? interfaceIndex : 0 };
  }

  /** By its inode; undefined where the process is gone. */
  #namespaceOf(pid: number | undefined): number | undefined {
    this.#own ??= native().netNamespace(0);
    const inode = pid === undefined ? this.#own : native().netNamespace(pid);
    return inode >= 0 ? inode : undefined;
  }

  #open(key: number, pid: number | undefined): Namespace | undefined {
    const nowMs = performance.now();
    let namespace = this.#namespaces.get(key);
    if (namespace === undefined) {
      const fd = native().diagOpen(key === this.#own ? 0 : (pid ?? 0));
      if (fd < 0) {
        this.counters.failed++;
        return undefined;
      }
      namespace = { fd, usedMs: nowMs };
      this.#namespaces.set(key, namespace);
      if (this.#namespaces.size > NAMESPACES_MAX) this.#close(this.#namespaces.oldest()!);
      // Another process may have got the pid meanwhile, in another namespace.
      if (this.#namespaceOf(pid) !== key) {
        this.#close(key);
        return undefined;
      }
    } else if (namespace.usedMs !== nowMs) {
      namespace.usedMs = nowMs;
      this.#namespaces.set(key, namespace);
    }
    return namespace;
  }

  /** The socket may still have answers in it that nobody took. */
  #failed(key: number): void {
    this.counters.failed++;
    this.#close(key);
  }

  #close(key: number): void {
    const namespace = this.#namespaces.get(key);
    if (namespace === undefined) return;
    this.#namespaces.delete(key);
    closeSync(namespace.fd);
  }

  /** Looks through all processes from now on, piece by piece. */
  #begin(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#slice();
      this.#settle();
      if (this.#isPassing || this.#waiting.length > 0) this.#begin();
    }, WINDOW_MS);
  }

  /** What may be spent now. */
  #leftMs(): number {
    const nowMs = performance.now();
    if (nowMs - this.#windowMs >= WINDOW_MS) {
      this.#windowMs = nowMs;
      this.#spentMs = 0;
    }
    return BUDGET_MS - this.#spentMs;
  }

  /** A piece of a pass, or nothing. */
  #slice(): void {
    const beganMs = performance.now();
    if (beganMs < this.#restUntilMs || this.#leftMs() * 1_000 < SLICE_US) return;
    const count = native().socketScan(this.#rows, SLICE_US);
    const isOver = count < 0;
    this.#take(isOver ? -1 - count : count);
    this.#isPassing = !isOver;
    const nowMs = performance.now();
    this.#spentMs += nowMs - beganMs;
    this.#passMs += nowMs - beganMs;
    if (!isOver) return;
    this.#owners.passed(nowMs);
    this.#passedMs = nowMs;
    this.#restUntilMs = nowMs + Math.max(REST_MIN_MS, this.#passMs * REST_TIMES);
    this.counters.passes++;
    this.counters.passMs = Math.round(this.#passMs);
    this.#passMs = 0;
  }

  #take(count: number): void {
    const rows = this.#rows;
    const nowMs = performance.now();
    for (let i = 0; i < count; i++) this.#owners.saw(rows[3 * i]!, rows[3 * i + 1]!, rows[3 * i + 2]!, nowMs);
  }

  *#oldest<K, V>(map: AgedMap<V, K>): Iterable<readonly [K, V]> {
    for (let key = map.oldest(); key !== undefined; key = map.oldest()) {
      yield [key, map.get(key)!];
      if (map.has(key)) return;
    }
  }
}
