// One event for each connection: what audit tells of a call and what packets tell of a connection are joined, where it is certain that
// they belong together. Events are held until then, but never long. Pure: both sources say up to when they were read.

import { AgedMap } from '../../core/aged-map.ts';
import type { DnsEvent, HostEvent, NetworkEvent } from '../../core/event.ts';
import { keepable } from '../../core/kept-records.ts';
import type { Ends } from '../ends.ts';
import type { Flow } from '../flow.ts';
import { completed, endKey, undecided, withoutPacket } from './complete.ts';
import { type Call, type Opening, settle } from './settle.ts';

/** Everything is told up to these times, milliseconds since the epoch. */
export interface ReadUpTo {
  readonly auditMs: number;
  readonly packetsMs: number;
}

export type Side = 'source' | 'destination';

export type Joinable = NetworkEvent | DnsEvent;

/** What may be held. */
export const isJoinable = (event: HostEvent): event is Joinable =>
  event.kind === 'dns_query' ||
  event.kind === 'dns_answer' ||
  ((event.kind === 'connect' || event.kind === 'accept') && event.module === 'audit');

export interface JoinerSinks {
  /** An event that was held, as complete as it gets. `owner` is the call whose process asked, of a DNS message. */
  release(event: Joinable, owner?: NetworkEvent): void;
  /** A connection of this host of which no call was told, at that end. */
  alone(flow: Flow, side: Side): void;
  /** Whether an end is this host's (its containers' included), as far as that is known by now. */
  isOurs(flow: Flow, side: Side): boolean;
  /** Whether a packet of this call would have been seen. */
  isVisible(event: NetworkEvent): boolean;
}

export interface JoinCounters {
  joined: number;
  /** Calls of which it's open which connection is theirs. */
  open: number;
  noPacket: number;
  /** Connections without a call. */
  alone: number;
  /** Let go for want of room, before it was known. */
  evicted: number;
}

const HELD_MAX = 16_384;
const PIDS_MAX = 16_384;
const IDLE_MAX = 4_096;
/** A call is told when it ends: so long after its connection was answered, or refused. */
const CALL_MS = 400;
/** Of a connection that nobody answered; a call that doesn't wait was told long before. */
const UNANSWERED_MS = 5_000;
const ACCEPT_MS = 400;
/** A datagram socket is connected, and may send much later. */
const IDLE_MS = 60_000;

interface HeldCall extends Call {
  readonly event: NetworkEvent;
}

interface HeldFlow extends Opening {
  readonly flow: Flow;
  /** When it was answered, or refused. */
  fateMs: number;
  /** Ends of which nobody was told yet. */
  readonly open: Set<Side>;
  /** It's one of several that calls were told to be about, open which. */
  isShared: boolean;
  isAccepted: boolean;
  /** The call that opened it. */
  call: NetworkEvent | undefined;
  readonly waiting: DnsEvent[];
}

interface Remote {
  readonly calls: HeldCall[];
  readonly openings: HeldFlow[];
  /** Calls that were told without saying which connection is theirs. */
  unplaced: number;
}

export class Joiner {
  readonly counters: JoinCounters = { joined: 0, open: 0, noPacket: 0, alone: 0, evicted: 0 };
  readonly #sinks: JoinerSinks;
  readonly #remotes = new Map<string, Remote>();
  /** Those with calls: a port sweep has as many others as there is room. */
  readonly #called = new Set<string>();
  readonly #flows = new AgedMap<HeldFlow, Flow>();
  /** By the end that began, also those that were told. */
  readonly #bySource = new AgedMap<HeldFlow>();
  readonly #accepts = new Map<string, NetworkEvent[]>();
  readonly #sequences = new AgedMap<number, number>();
  /** Calls that no packet followed, so far: by where they went. */
  readonly #idle = new AgedMap<NetworkEvent>();
  #calls = 0;

  constructor(sinks: JoinerSinks) {
    this.#sinks = sinks;
  }

  /** True where the event is held: it comes back by `release`. Sees all events. */
  hold(event: HostEvent): boolean {
    if (event.kind === 'dns_query' || event.kind === 'dns_answer') return this.#holdDns(event);
    if (event.module !== 'audit' || event.sequence === undefined || !('process' in event)) return false;
    const pid = event.process?.image.pid;
    if (pid === undefined) return false;
    const after = this.#sequences.get(pid) ?? 0;
    this.#sequences.set(pid, event.sequence);
    if (this.#sequences.size > PIDS_MAX) this.#sequences.delete(this.#sequences.oldest()!);
    if (event.kind === 'connect') return this.#holdCall(event, pid, event.sequence, after);
    return event.kind === 'accept' && this.#holdAccept(event);
  }

  opened(flow: Flow): void {
    const isServed = this.#sinks.isOurs(flow, 'destination');
    const open = new Set<Side>(isServed ? ['destination'] : []);
    // What is only forwarded may be a container's that isn't known yet.
    if (!isServed || this.#sinks.isOurs(flow, 'source')) open.add('source');
    const held: HeldFlow = {
      flow,
      openedMs: flow.openedMs,
      fateMs: flow.fate === 'pending' ? 0 : flow.openedMs,
      open,
      isShared: false,
      isAccepted: false,
      call: undefined,
      waiting: [],
    };
    const source = endKey(flow.ends.source);
    if (source === undefined) return;
    if (this.#flows.size >= HELD_MAX) this.#evictFlow();
    this.#flows.set(flow, held);
    this.#bySource.set(source, held);
    if (this.#bySource.size > HELD_MAX) this.#bySource.delete(this.#bySource.oldest()!);
    if (open.has('source')) {
      insert(this.#remote(endKey(flow.ends.destination)!).openings, held, one => one.openedMs);
    }
    const accepts = this.#accepts.get(source);
    if (accepts === undefined) return;
    this.#accepts.delete(source);
    for (const event of accepts) this.#accepted(event, held);
  }

  /** Seen behind an address translation: whoever takes it knows it by those ends. */
  translated(flow: Flow): void {
    const held = this.#flows.get(flow);
    const source = flow.translated && endKey(flow.translated.source);
    if (held !== undefined && source !== undefined) this.#bySource.set(source, held);
  }

  /** The other side said yes or no. */
  decided(flow: Flow, timeMs: number): void {
    const held = this.#flows.get(flow);
    if (held !== undefined) held.fateMs = timeMs;
  }

  /** Whether audit told of this process of late. */
  knows(pid: number): boolean {
    return this.#sequences.has(pid);
  }

  /** The kernel itself told who opened it. False where call or connection aren't known, so far. */
  witnessed(pid: number, ends: Ends): boolean {
    const held = this.#bySource.get(endKey(ends.source)!);
    const key = endKey(ends.destination)!;
    const remote = this.#remotes.get(key);
    if (held === undefined || remote === undefined || held.flow.ends.key !== ends.key || !held.open.has('source'))
      return false;
    const call = remote.calls.findLast(one => one.pid === pid && one.timeMs <= held.openedMs);
    if (call === undefined) return false;
    remove(remote.calls, call);
    this.#calls--;
    this.#join(call, held);
    remove(remote.openings, held);
    this.#tidy(key, remote);
    return true;
  }

  /** Whether anything waits to be decided. */
  get isHolding(): boolean {
    return this.#calls > 0 || this.#flows.size > 0 || this.#accepts.size > 0;
  }

  /** Decides what can be decided. */
  advance({ auditMs, packetsMs }: ReadUpTo): void {
    const knownMs = Math.min(auditMs, packetsMs);
    for (const key of this.#called) {
      const remote = this.#remote(key);
      for (let some = settle(remote.calls, remote.openings, knownMs); some !== undefined; ) {
        this.#settled(remote, some);
        some = settle(remote.calls, remote.openings, knownMs);
      }
      this.#tidy(key, remote);
    }
    for (const [key, events] of this.#accepts) {
      if (events[0]!.createdMs + ACCEPT_MS > knownMs) continue;
      this.#accepts.delete(key);
      for (const event of events) this.#sinks.release(event);
    }
    for (const held of this.#flows.values()) {
      const { flow, fateMs } = held;
      const untilMs = fateMs > 0 ? fateMs + CALL_MS : flow.openedMs + UNANSWERED_MS;
      if (untilMs < knownMs) this.#alone(held);
    }
  }

  /** Tells all that is held, as it is. */
  end(): void {
    this.advance({ auditMs: Number.POSITIVE_INFINITY, packetsMs: Number.POSITIVE_INFINITY });
  }

  #holdCall(event: NetworkEvent, pid: number, sequence: number, after: number): boolean {
    const key = event.destination && endKey(event.destination);
    if (key === undefined) return false;
    if (this.#calls >= HELD_MAX) {
      this.counters.evicted++;
      return false;
    }
    const call = { event: keepable(event), pid, sequence, after, timeMs: event.timeMs };
    insert(this.#remote(key).calls, call, one => one.timeMs);
    this.#called.add(key);
    this.#calls++;
    return true;
  }

  #holdAccept(event: NetworkEvent): boolean {
    const key = event.source && endKey(event.source);
    if (key === undefined) return false;
    const held = this.#bySource.get(key);
    if (held !== undefined && !held.isAccepted) {
      this.#accepted(event, held);
      return true;
    }
    if (this.#accepts.size >= HELD_MAX) {
      this.counters.evicted++;
      return false;
    }
    const waiting = this.#accepts.get(key);
    if (waiting === undefined) this.#accepts.set(key, [keepable(event)]);
    else waiting.push(keepable(event));
    return true;
  }

  #holdDns(event: DnsEvent): boolean {
    const held = this.#bySource.get(endKey(event.source) ?? '');
    if (held === undefined) return false;
    if (held.open.has('source')) {
      held.waiting.push(event);
      return true;
    }
    if (held.call === undefined) return false;
    this.#releaseDns(event, held.call);
    return true;
  }

  #accepted(event: NetworkEvent, held: HeldFlow): void {
    this.counters.joined++;
    held.isAccepted = true;
    // It may have waited for long.
    const timeMs = Math.max(event.timeMs, held.openedMs);
    this.#sinks.release({ ...completed(event, held.flow), timeMs });
    this.#close(held, 'destination');
  }

  #settled(remote: Remote, { calls, openings, joined }: ReturnType<typeof settle<HeldCall, HeldFlow>> & object): void {
    this.#calls -= calls.length;
    for (const call of calls) remove(remote.calls, call);
    const flows = openings.map(({ flow }) => flow);
    calls.forEach((call, i) => {
      const place = joined?.[i];
      if (place === undefined) {
        this.counters.open++;
        this.#sinks.release(undecided(call.event, flows));
      } else if (place < 0) this.#noPacket(call);
      else this.#join(call, openings[place]!);
    });
    if (joined === undefined) {
      // They stay for calls that haven't ended yet.
      remote.unplaced += calls.length;
      for (const held of openings) held.isShared = true;
    } else for (const held of openings) remove(remote.openings, held);
  }

  #join({ event }: HeldCall, held: HeldFlow): void {
    this.counters.joined++;
    held.call = event;
    this.#sinks.release(completed(event, held.flow));
    this.#close(held, 'source');
  }

  #noPacket({ event }: HeldCall): void {
    const isSilent = event.outcome !== 'failure' && this.#sinks.isVisible(event);
    if (isSilent) {
      this.counters.noPacket++;
      this.#idle.set(endKey(event.destination!)!, event);
      if (this.#idle.size > IDLE_MAX) this.#idle.delete(this.#idle.oldest()!);
    }
    this.#sinks.release(isSilent ? withoutPacket(event) : event);
  }

  #alone(held: HeldFlow): void {
    const { flow } = held;
    const key = endKey(flow.ends.destination)!;
    const idle = flow.transport === 'udp' ? this.#idle.get(key) : undefined;
    if (held.open.has('source') && idle !== undefined && flow.openedMs - idle.timeMs < IDLE_MS) {
      this.#idle.delete(key);
      held.call = idle;
      this.counters.joined++;
      this.#sinks.release({ ...completed(idle, flow), timeMs: flow.openedMs, ordinal: idle.ordinal + 1 });
      this.#close(held, 'source');
    }
    const remote = this.#remotes.get(key);
    if (remote !== undefined) remove(remote.openings, held);
    if (held.isShared && remote !== undefined && remote.unplaced > 0 && held.open.has('source')) {
      remote.unplaced--;
      this.#close(held, 'source');
    }
    // A lookup tells of itself.
    if (held.waiting.length > 0 && flow.transport === 'udp') {
      held.open.delete('destination');
      this.#close(held, 'source');
    }
    for (const side of [...held.open]) {
      if (this.#sinks.isOurs(flow, side)) {
        this.counters.alone++;
        this.#sinks.alone(flow, side);
      }
      this.#close(held, side);
    }
    this.#flows.delete(flow);
    if (remote !== undefined) this.#tidy(key, remote);
  }

  /** It was told who is at this end. */
  #close(held: HeldFlow, side: Side): void {
    held.open.delete(side);
    if (side === 'source') for (const event of held.waiting.splice(0)) this.#releaseDns(event, held.call);
    if (held.open.size === 0) this.#flows.delete(held.flow);
  }

  #releaseDns(event: DnsEvent, call: NetworkEvent | undefined): void {
    const process = call?.process;
    this.#sinks.release(process === undefined ? event : { ...event, process }, call);
  }

  #evictFlow(): void {
    const oldest = this.#flows.oldest();
    const held = oldest && this.#flows.get(oldest);
    if (held === undefined) return;
    this.counters.evicted++;
    this.#alone(held);
  }

  #tidy(key: string, { calls, openings }: Remote): void {
    if (calls.length > 0) return;
    this.#called.delete(key);
    if (openings.length === 0) this.#remotes.delete(key);
  }

  #remote(key: string): Remote {
    let remote = this.#remotes.get(key);
    if (remote === undefined) {
      remote = { calls: [], openings: [], unplaced: 0 };
      this.#remotes.set(key, remote);
    }
    return remote;
  }
}

/** Into a list that is in the order of times; mostly at its end. */
function insert<T>(list: T[], item: T, timeOf: (item: T) => number): void {
  let at = list.length;
  while (at > 0 && timeOf(list[at - 1]!) > timeOf(item)) at--;
  list.splice(at, 0, item);
}

function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}
