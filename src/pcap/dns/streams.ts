// DNS over TCP: messages out of the first segments of each side of a connection. Pure. Bounded in connections, bytes, segments and
// time; what doesn't fit is given up and counted, never waited for.

import { AgedMap } from '../../core/aged-map.ts';
import { type Decoded, TCP_FLAG } from '../decoded.ts';

const SIDES_MAX = 1_024;
const BYTES_MAX = 16_384;
const SEGMENTS_MAX = 32;
/** Segments that came before one that is missing. */
const HELD_MAX = 4;
const IDLE_MS = 30_000;
const HEADER_BYTES = 12;

export interface DnsStreamCounters {
  messages: number;
  /** Sides of which no more is read: a gap that stayed, more than is kept, lengths that can't be, a capture that cuts segments. */
  givenUp: number;
  /** Sides let go for want of room. */
  evicted: number;
}

/** One direction of one connection. */
interface Side {
  /** The sequence number that comes next. */
  next: number;
  bytes: Buffer;
  segments: number;
  held: { readonly seq: number; readonly bytes: Buffer }[];
  isOver: boolean;
  lastMs: number;
}

export type TellMessage = (bytes: Buffer, start: number, end: number) => void;

const NOTHING = Buffer.alloc(0);

export class DnsStreams {
  readonly counters: DnsStreamCounters = { messages: 0, givenUp: 0, evicted: 0 };
  readonly #sides = new AgedMap<Side>();

  get size(): number {
    return this.#sides.size;
  }

  /**
   * A TCP packet of the side that `side` names. The bytes that `tell` is given are its own. A message that the capture cuts is told as
   * far as it goes.
   */
  see(side: string, packet: Decoded, timeMs: number, tell: TellMessage): void {
    if (packet.flags < 0) return;
    const isSyn = (packet.flags & TCP_FLAG.syn) !== 0;
    if (!isSyn && packet.payloadLength === 0) return;
    // A SYN counts as one; its data (Fast Open) comes after.
    const seq = isSyn ? (packet.seq + 1) >>> 0 : packet.seq;
    const known = this.#sides.get(side);
    const isSame = known !== undefined && Math.abs(timeMs - known.lastMs) <= IDLE_MS && !(isSyn && seq !== known.next);
    const state = isSame ? known : newSide(seq);
    state.lastMs = timeMs;
    this.#sides.set(side, state);
    if (this.#sides.size > SIDES_MAX) {
      this.#sides.delete(this.#sides.oldest()!);
      this.counters.evicted++;
    }
    if (packet.payloadLength > 0 && !state.isOver) this.#take(state, seq, packet, tell);
  }

  #take(side: Side, seq: number, packet: Decoded, tell: TellMessage): void {
    const captured = packet.bytes.subarray(packet.payloadAt, packet.payloadEnd);
    const ahead = (seq - side.next) | 0;
    if (ahead > 0) {
      if (side.held.some(held => held.seq === seq && held.bytes.length >= captured.length)) return;
      if (ahead > BYTES_MAX || side.held.length === HELD_MAX) this.#giveUp(side);
      else side.held.push({ seq, bytes: Buffer.from(captured) });
      return;
    }
    this.#append(side, captured, -ahead);
    const isCut = packet.payloadEnd - packet.payloadAt < packet.payloadLength;
    for (let held = takeHeld(side); held !== undefined && !isCut; held = takeHeld(side))
      this.#append(side, held.bytes, (side.next - held.seq) | 0);
    this.#extract(side, isCut, tell);
  }

  /** What was seen already stays as it was. */
  #append(side: Side, bytes: Buffer, seen: number): void {
    if (seen >= bytes.length) return;
    side.bytes = Buffer.concat([side.bytes, bytes.subarray(seen)]);
    side.next = (side.next + bytes.length - seen) >>> 0;
    side.segments++;
  }

  #extract(side: Side, isCut: boolean, tell: TellMessage): void {
    const { bytes } = side;
    let at = 0;
    let isBroken = false;
    while (bytes.length - at >= 2) {
      const length = bytes.readUInt16BE(at);
      isBroken = length < HEADER_BYTES || length > BYTES_MAX - 2;
      if (isBroken) break;
      const isWhole = at + 2 + length <= bytes.length;
      if (!isWhole && (!isCut || bytes.length - at < 2 + HEADER_BYTES)) break;
      this.counters.messages++;
      const end = Math.min(bytes.length, at + 2 + length);
      tell(bytes, at + 2, end);
      at = end;
    }
    side.bytes = at === 0 ? bytes : bytes.subarray(at);
    if (side.bytes.length === 0) side.bytes = NOTHING;
    if (isBroken || isCut || side.bytes.length > BYTES_MAX || side.segments >= SEGMENTS_MAX) this.#giveUp(side);
  }

  #giveUp(side: Side): void {
    side.isOver = true;
    side.bytes = NOTHING;
    side.held = [];
    this.counters.givenUp++;
  }
}

const newSide = (next: number): Side => ({ next, bytes: NOTHING, segments: 0, held: [], isOver: false, lastMs: 0 });

/** A held segment that now follows, or that overlaps what does. */
function takeHeld(side: Side): Side['held'][number] | undefined {
  const index = side.held.findIndex(held => ((held.seq - side.next) | 0) <= 0);
  return index < 0 ? undefined : side.held.splice(index, 1)[0];
}
