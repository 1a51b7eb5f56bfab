// One netlink socket and its reader thread, as JavaScript sees it: opened, started, drained in slices, stopped.

import { type AuditOptions, native, type ReaderStats, type SourceHandle } from '../../native/index.ts';
import { BatchTaker } from './batches.ts';
import { AuditError } from './control.ts';
import type { AuditEvent } from './event.ts';
import { KEYS } from './keys.ts';

/** How long batches are taken before signals, timers and outputs get their turn. */
const SLICE_MS = 20;

export interface LiveReaderOptions {
  readonly multicast: boolean;
  readonly receiveBufferBytes: number;
  readonly argvMaxBytes: number;
  readonly ringBytes: number;
  readonly coalesceMs: number;
}

export interface EventVisitor {
  /** An event, valid during the call only. */
  event(event: AuditEvent): void;
  /** After each batch. */
  batchEnd(): void;
  /** The reader's thread has something to tell, be it in its stats. */
  woken(): void;
}

export class LiveReader {
  readonly multicast: boolean;
  private readonly source: SourceHandle;
  private readonly taker: BatchTaker;
  private visitor: EventVisitor | undefined;
  private draining = false;
  /** When all that had been read was handed out, before the draining that goes on now. */
  private emptyMs = 0;
  private stopped = false;

  /** Opens the socket. Throws AuditError: EPERM without CAP_AUDIT_READ for multicast. */
  constructor(options: LiveReaderOptions) {
    this.multicast = options.multicast;
    const open: AuditOptions = { ...options, keys: KEYS };
    this.source = native().auditOpen(open);
    if (this.source < 0) throw new AuditError('opening the audit socket', -this.source);
    this.taker = new BatchTaker(this.source, options.argvMaxBytes);
  }

  /** Makes this socket the audit daemon's. Throws AuditError: EEXIST where there is one, EPERM without CAP_AUDIT_CONTROL. */
  register(pid: number): void {
    const result = native().auditRegister(this.source, pid);
    if (result < 0) throw new AuditError('registering as the audit daemon', -result);
  }

  start(visitor: EventVisitor): void {
    this.visitor = visitor;
    const result = native().auditStart(this.source, () => this.wake());
    if (result < 0) throw new AuditError('starting the audit reader', -result);
  }

  /** Ends the thread and hands out everything that was read, pending events included. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    native().stop(this.source);
    const { visitor } = this;
    if (visitor !== undefined) while (this.taker.take(event => visitor.event(event))) visitor.batchEnd();
  }

  stats(): ReaderStats {
    return native().stats(this.source) as ReaderStats;
  }

  /** What the thread had read by then was handed out. */
  handedOutMs(): number {
    return this.draining ? this.emptyMs : Date.now();
  }

  close(): void {
    this.stop();
    native().close(this.source);
  }

  private wake(): void {
    this.visitor?.woken();
    if (this.draining) return;
    this.draining = true;
    this.emptyMs = Date.now();
    this.slice();
  }

  private slice(): void {
    const { visitor } = this;
    if (visitor === undefined || this.stopped) return;
    const end = performance.now() + SLICE_MS;
    while (this.taker.take(event => visitor.event(event))) {
      visitor.batchEnd();
      if (performance.now() > end) {
        setImmediate(() => this.slice());
        return;
      }
    }
    this.draining = false;
  }
}
