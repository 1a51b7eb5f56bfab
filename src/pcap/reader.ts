// The native packet reader as JavaScript sees it: opened, drained in slices (edge: the kernel's packets).

import { native, type PcapFailure, type PcapOptions, type PcapStats, type SourceHandle } from '../../native/index.ts';
import { safeText } from '../core/text.ts';

/** How long batches are taken before signals, timers and outputs get their turn. */
/** How long packets gather in the kernel and in the reader's thread, with room for a busy host. */
const GATHER_MS = 100;
const SLICE_MS = 20;
const BATCH_BYTES = 512 * 1024;
const HEADER_BYTES = 40;
const KIND_PACKET = 1;

/** Where a packet went, as a cooked header has it; `other`: to another host. */
export type PacketDirection = 'in' | 'out' | 'other';
const DIRECTIONS: readonly (PacketDirection | undefined)[] = [undefined, 'in', 'out', 'other'];

/** native/packet.h has the layout. */
export interface Packet {
  readonly timeMs: number;
  /** LINKTYPE_… of the file formats, with the link's header in `bytes`. */
  readonly linkType: number;
  /** 0: not told. */
  readonly interfaceIndex: number;
  /** Absent where the link type doesn't tell. */
  readonly direction: PacketDirection | undefined;
  /** What was captured. */
  readonly bytes: Buffer;
  /** What there was. */
  readonly length: number;
}

/** `gone` and `down`: it's read again when it comes back; `failed`: it's tried again. */
export type InterfaceState = 'gone' | 'read' | 'down' | 'failed';
const STATES: readonly InterfaceState[] = ['gone', 'read', 'down', 'failed'];

/** An interface that is read, or no longer, from here on in the stream of packets. */
export interface InterfaceChange {
  readonly timeMs: number;
  readonly name: string;
  readonly state: InterfaceState;
  readonly index: number;
  /** errno, or 0. */
  readonly error: number;
  readonly reason: string;
}

export interface PacketVisitor {
  /** The packet and its bytes are valid until this returns. */
  packet(packet: Packet): void;
  interfaceChanged(change: InterfaceChange): void;
  /** After each batch, and once when the reader has ended. */
  batchEnd(): void;
}

/** Why packets can't be read. */
export interface PcapProblem {
  /** errno: 1 (EPERM) where CAP_NET_RAW is missing, 22 (EINVAL) for a wrong filter or a file that is none. */
  readonly error: number;
  readonly reason: string;
}

export class PcapReader {
  private readonly source: SourceHandle;
  private bytes = Buffer.alloc(BATCH_BYTES);
  private visitor: PacketVisitor | undefined;
  private draining = false;
  /** Of the last packet. */
  private lastMs = 0;
  private stopped = false;

  private constructor(source: SourceHandle) {
    this.source = source;
  }

  /** A named interface that is missing or down is no problem: it's told of, and read when it comes. */
  static open(options: PcapOptions): PcapReader | PcapProblem {
    const interfaces = options.interfaces.includes('any') ? ['any'] : [...new Set(options.interfaces)];
    const source = native().pcapOpen({ ...options, interfaces });
    return typeof source === 'number' ? new PcapReader(source) : problemOf(source);
  }

  /** 0 or an error number. */
  start(visitor: PacketVisitor): number {
    this.visitor = visitor;
    return 0 - native().pcapStart(this.source, () => this.wake());
  }

  /** Ends the thread, which waits for the kernel's last block, and hands out everything that was read. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    native().stop(this.source);
    while (this.take()) this.visitor?.batchEnd();
  }

  close(): void {
    this.stop();
    native().close(this.source);
  }

  /** Milliseconds since the epoch: what passed until then was handed out, unless it was lost. */
  readUpToMs(): number {
    return this.draining ? this.lastMs : Date.now() - GATHER_MS;
  }

  stats(): PcapStats {
    return native().stats(this.source) as PcapStats;
  }

  private wake(): void {
    if (this.draining) return;
    this.draining = true;
    this.slice();
  }

  private slice(): void {
    const end = performance.now() + SLICE_MS;
    while (!this.stopped && this.take()) {
      this.visitor?.batchEnd();
      if (performance.now() > end) {
        setImmediate(() => this.slice());
        return;
      }
    }
    this.draining = false;
    // Also where there was no packet: the reader may have ended.
    if (!this.stopped) this.visitor?.batchEnd();
  }

  private take(): boolean {
    let size = native().take(this.source, this.bytes);
    while (size < 0) {
      this.bytes = Buffer.alloc(-size * 2);
      size = native().take(this.source, this.bytes);
    }
    const { bytes, visitor } = this;
    for (let at = 0; at < size; at += bytes.readInt32LE(at)) {
      if (bytes.readInt32LE(at + 4) === KIND_PACKET) {
        const packet = packetOf(bytes, at);
        this.lastMs = packet.timeMs;
        visitor?.packet(packet);
      } else visitor?.interfaceChanged(changeOf(bytes, at));
    }
    return size > 0;
  }
}

/** The message at `at`, whose bytes stay where they are. */
export function packetOf(batch: Buffer, at: number): Packet {
  const start = at + HEADER_BYTES;
  return {
    timeMs: batch.readDoubleLE(at + 8),
    linkType: batch.readInt32LE(at + 16),
    interfaceIndex: batch.readInt32LE(at + 20),
    direction: DIRECTIONS[batch.readInt32LE(at + 24)],
    bytes: batch.subarray(start, start + batch.readUInt32LE(at + 28)),
    length: batch.readUInt32LE(at + 32),
  };
}

function changeOf(batch: Buffer, at: number): InterfaceChange {
  const nameAt = at + HEADER_BYTES;
  const reasonAt = nameAt + batch.readInt32LE(at + 28);
  return {
    timeMs: batch.readDoubleLE(at + 8),
    name: safeText(batch, nameAt, reasonAt),
    state: STATES[batch.readInt32LE(at + 16)]!,
    index: batch.readInt32LE(at + 20),
    error: batch.readInt32LE(at + 24),
    reason: safeText(batch, reasonAt, reasonAt + batch.readInt32LE(at + 32)),
  };
}

export function problemOf([error, reason]: PcapFailure): PcapProblem {
  return { error, reason: safeText(Buffer.from(reason)) };
}
