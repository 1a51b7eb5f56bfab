// An audit.log through the same assembler as the kernel's records. Takes bytes; where they come from is the caller's.

import { type AssemblerOptions, type LogStats, native, type SourceHandle } from '../../native/index.ts';
import { BatchTaker } from './batches.ts';
import type { AuditEvent } from './event.ts';
import { KEYS } from './keys.ts';
import { RECORD_TYPES } from './tables/record-types.ts';

/** Bytes given to the assembler at once, so that its ring never fills before it is emptied. */
const CHUNK_BYTES = 1 << 20;
const RING_BYTES = 64 << 20;

export interface AuditReplayOptions {
  readonly argvMaxBytes: number;
}

export class AuditReplay {
  private readonly source: SourceHandle;
  private readonly taker: BatchTaker;
  private readonly visit: (event: AuditEvent) => void;

  /** `visit` gets every event, in the order in which the log completes them; an event is valid during the call only. */
  constructor(options: AuditReplayOptions, visit: (event: AuditEvent) => void) {
    const assembler: AssemblerOptions = { keys: KEYS, argvMaxBytes: options.argvMaxBytes, ringBytes: RING_BYTES };
    this.source = native().replayOpen({ ...assembler, types: RECORD_TYPES });
    if (this.source < 0) throw new Error('too many replays at once');
    this.taker = new BatchTaker(this.source, options.argvMaxBytes);
    this.visit = visit;
  }

  /** A piece of the log; lines may span pieces. */
  feed(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      native().feed(this.source, bytes.subarray(at, at + CHUNK_BYTES));
      this.drain();
    }
  }

  /** The log ended: what is pending is given out as it is. More may be fed afterwards. */
  finish(): void {
    native().finish(this.source);
    this.drain();
  }

  stats(): LogStats {
    return native().stats(this.source) as LogStats;
  }

  close(): void {
    native().close(this.source);
  }

  private drain(): void {
    while (this.taker.take(this.visit));
  }
}
