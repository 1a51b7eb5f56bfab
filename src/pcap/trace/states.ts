// Which thread opened which TCP connection, from the states of sockets: a thread brings a socket to SYN_SENT before it has a port; its
// next state, in whatever context, tells the port. Pure.
//
// A socket's two records may be in the buffers of two CPUs, and its address may be another socket's a moment later. So records are put in
// order of time first, and only those until a time up to which all buffers were read.

import { isMappedIpv4 } from '../../core/address.ts';
import { AgedMap } from '../../core/aged-map.ts';
import { PROTOCOL } from '../decoded.ts';
import { Ends } from '../ends.ts';
import type { StateFormat } from './format.ts';

export interface TcpOpened {
  /** When the thread began, milliseconds since the epoch. */
  readonly timeMs: number;
  /** The thread, in the first pid namespace. */
  readonly tid: number;
  /** The source is who began; both ports are known. */
  readonly ends: Ends;
}

const SYN_SENT = 2;
const AF_INET6 = 10;
const PENDING_MAX = 16_384;
const HELD_MAX = 65_536;

interface Change {
  readonly timeNs: number;
  /** The socket's address in the kernel. */
  readonly socket: string;
  readonly begins: boolean;
  readonly tid: number;
  /** Of one that doesn't begin, and has a port. */
  readonly ends: Ends | undefined;
}

export interface StateCounters {
  records: number;
  opened: number;
  /** States after SYN_SENT whose beginning isn't known: it was before the trace, was lost, or was let go. */
  unmatched: number;
  /** Without a port: no connection was tried. */
  portless: number;
  /** Let go for want of room. */
  evicted: number;
  /** Came later than what was decided already. */
  late: number;
  /** Not read in time, as the kernel counts them. */
  lost: number;
}

export class TcpStates {
  readonly counters: StateCounters = {
    ...{ records: 0, opened: 0, unmatched: 0, portless: 0, evicted: 0, late: 0, lost: 0 },
  };
  readonly #format: StateFormat;
  readonly #pending = new AgedMap<Change>();
  #held: Change[] = [];
  #settledNs = 0;
  /** What is until then can't be joined: records between were lost. */
  #blindUntilNs = -1;

  constructor(format: StateFormat) {
    this.#format = format;
  }

  /** The bytes are the caller's: nothing of them is kept. Records of other events are passed over. */
  record(bytes: Buffer, at: number, length: number, timeNs: number): void {
    const f = this.#format;
    if (length < f.bytes || bytes.readUInt16LE(at + f.typeAt) !== f.id) return;
    if (bytes.readUInt16LE(at + f.protocolAt) !== PROTOCOL.tcp) return;
    const begins = bytes.readInt32LE(at + f.newStateAt) === SYN_SENT;
    if (!begins && bytes.readInt32LE(at + f.oldStateAt) !== SYN_SENT) return;
    this.counters.records++;
    if (this.#held.length >= HELD_MAX) this.#dropHeld();
    const socket = bytes.latin1Slice(at + f.socketAt, at + f.socketAt + 8);
    const tid = bytes.readInt32LE(at + f.tidAt);
    this.#held.push({ timeNs, socket, begins, tid, ends: begins ? undefined : this.#ends(bytes, at) });
  }

  /** Records before this time were lost. */
  lost(count: number, beforeNs: number): void {
    this.counters.lost += count;
    this.#blindUntilNs = Math.max(this.#blindUntilNs, beforeNs);
  }

  /** All buffers were read up to `upToNs`; `epochMs` is the time at which the trace's clock was 0. */
  settle(upToNs: number, epochMs: number, tell: (opened: TcpOpened) => void): void {
    const later: Change[] = [];
    const changes = this.#held.sort((a, b) => a.timeNs - b.timeNs);
    for (const change of changes) {
      if (change.timeNs > upToNs) later.push(change);
      else this.#change(change, epochMs, tell);
    }
    this.#held = later;
    this.#settledNs = Math.max(this.#settledNs, upToNs);
    this.#forgetUnclear();
  }

  #change(change: Change, epochMs: number, tell: (opened: TcpOpened) => void): void {
    const { timeNs, socket, begins, ends } = change;
    const { counters } = this;
    if (timeNs < this.#settledNs) {
      counters.late++;
      this.#pending.delete(socket);
      return;
    }
    if (timeNs <= this.#blindUntilNs) {
      counters.unmatched++;
      return;
    }
    this.#forgetUnclear();
    if (begins) {
      this.#begin(change);
      return;
    }
    const begun = this.#pending.get(socket);
    this.#pending.delete(socket);
    if (begun === undefined) counters.unmatched++;
    else if (ends === undefined) counters.portless++;
    else {
      counters.opened++;
      tell({ timeMs: epochMs + begun.timeNs / 1e6, tid: begun.tid, ends });
    }
  }

  #begin(change: Change): void {
    this.#pending.set(change.socket, change);
    if (this.#pending.size <= PENDING_MAX) return;
    this.#pending.delete(this.#pending.oldest()!);
    this.counters.evicted++;
  }

  #dropHeld(): void {
    this.counters.evicted += this.#held.length;
    for (const { timeNs } of this.#held) this.#blindUntilNs = Math.max(this.#blindUntilNs, timeNs);
    this.#held = [];
  }

  /** What began before a loss may have ended within it. */
  #forgetUnclear(): void {
    for (let oldest = this.#pending.oldest(); oldest !== undefined; oldest = this.#pending.oldest()) {
      if (this.#pending.get(oldest)!.timeNs > this.#blindUntilNs) return;
      this.#pending.delete(oldest);
      this.counters.unmatched++;
    }
  }

  #ends(bytes: Buffer, at: number): Ends | undefined {
    const f = this.#format;
    const sourcePort = bytes.readUInt16LE(at + f.sourcePortAt);
    const destinationPort = bytes.readUInt16LE(at + f.destinationPortAt);
    if (sourcePort === 0 || destinationPort === 0) return undefined;
    const is6 = bytes.readUInt16LE(at + f.familyAt) === AF_INET6 && !isMappedIpv4(bytes, at + f.destination6At);
    return Ends.of({
      protocol: PROTOCOL.tcp,
      bytes,
      sourceAt: at + (is6 ? f.source6At : f.source4At),
      destinationAt: at + (is6 ? f.destination6At : f.destination4At),
      addressLength: is6 ? 16 : 4,
      sourcePort,
      destinationPort,
    });
  }
}
