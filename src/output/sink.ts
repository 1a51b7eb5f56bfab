// A place where lines go: its own bounded queue, batches, retries and counters, over a channel that only knows how to write bytes.
// A sink never throws into the pipeline, never blocks it, and never writes half a line followed by another.

import { LineQueue } from './queue.ts';

/** Where the bytes go. Errors are thrown (or rejected) with an errno `code`; EAGAIN means: later. */
export interface Channel {
  write(buffer: Buffer, offset: number): number | Promise<number>;
  /** Bytes that the next batch may have, whose first line has `nextBytes`; called between lines, so that files can change here. */
  roomBytes(nextBytes: number): number;
  /** Opens anew by name what can be opened by name. */
  reopen(): void;
  close(): void;
  /** Removes the last `bytes` that were written, where that is possible: half a line that nothing follows. */
  takeBack?(bytes: number): void;
}

export interface SinkCounters {
  /** Lines. */
  written: number;
  bytes: number;
  /** Lines refused because the queue was full or the sink closed. */
  dropped: number;
  /** Failed writes, each retry counted. */
  errors: number;
  /** Alerts below this output's level. */
  heldBack: number;
}

export interface Dropped {
  readonly sink: string;
  readonly lines: number;
  readonly bytes: number;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface SinkEvents {
  /** Lines were lost: told when there is room again, and every ten seconds while there isn't. */
  readonly onDropped?: (dropped: Dropped) => void;
  /** The first of a row of failures; the sink goes on trying. */
  readonly onProblem?: (sink: string, error: Error) => void;
  readonly onRecovered?: (sink: string) => void;
  /** The reader went away; nothing more will be written. */
  readonly onClosed?: (sink: string) => void;
}

export interface SinkOptions extends SinkEvents {
  readonly queueBytes?: number;
  readonly queueLines?: number;
  readonly nowMs?: () => number;
}

export type SinkState = 'open' | 'retrying' | 'closed';

const BATCH_LINES = 64;
const BATCH_BYTES = 256 * 1024;
/** Room beyond the full queue for the agent's own lines, so that the loss can be told. */
const RESERVE_BYTES = 128 * 1024;
const DROP_REPORT_MS = 10_000;
const BUSY_LEAST_MS = 1;
const BUSY_MOST_MS = 40;
const RETRY_LEAST_MS = 100;
const RETRY_MOST_MS = 5_000;

const DEFAULT_QUEUE_BYTES = 8 * 1024 * 1024;
const DEFAULT_QUEUE_LINES = 65_536;

const GONE = new Set(['EPIPE', 'ECONNRESET', 'ENOTCONN', 'ESHUTDOWN']);
const BUSY = new Set(['EAGAIN', 'EWOULDBLOCK', 'EINTR']);

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

export class Sink {
  readonly name: string;
  readonly counters: SinkCounters = { written: 0, bytes: 0, dropped: 0, errors: 0, heldBack: 0 };
  readonly #channel: Channel;
  readonly #options: SinkOptions;
  readonly #queue: LineQueue;
  readonly #queueBytes: number;
  readonly #nowMs: () => number;
  #state: SinkState = 'open';
  /** The batch that is being written, and how much of it is. */
  #current: { readonly buffer: Buffer; readonly lines: number; offset: number } | undefined;
  #writing = false;
  #scheduled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #delayMs = 0;
  #drop: { lines: number; bytes: number; fromMs: number; toMs: number } | undefined;
  #dropTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(name: string, channel: Channel, options: SinkOptions = {}) {
    this.name = name;
    this.#channel = channel;
    this.#options = options;
    this.#queueBytes = options.queueBytes ?? DEFAULT_QUEUE_BYTES;
    this.#queue = new LineQueue(this.#queueBytes, options.queueLines ?? DEFAULT_QUEUE_LINES);
    this.#nowMs = options.nowMs ?? Date.now;
  }

  get state(): SinkState {
    return this.#state;
  }

  get pendingBytes(): number {
    return this.#queue.bytes + (this.#current === undefined ? 0 : this.#current.buffer.length - this.#current.offset);
  }

  /** Over half full: a caller that can wait (replay) waits for {@link flush} now. */
  get congested(): boolean {
    return this.#state !== 'closed' && this.pendingBytes * 2 > this.#queueBytes;
  }

  /** Queues one line (without its newline). `own`: the agent speaks of itself, and may use the reserve of a full queue. */
  write(line: string, own = false): void {
    const bytes = Buffer.byteLength(line) + 1;
    if (this.#state === 'closed') {
      this.counters.dropped++; // that it is closed was told once
      return;
    }
    if (!this.#queue.push(line, bytes, own ? RESERVE_BYTES : 0)) {
      this.#dropped(1, bytes);
      return;
    }
    if (this.#timer !== undefined || this.#writing) return;
    if (this.#queue.length >= BATCH_LINES) this.pump();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.pump();
      });
    }
  }

  /** Writes what can be written now. The pipeline calls it at the end of a batch of events; else it happens within the tick. */
  pump(): void {
    while (this.#timer === undefined && !this.#writing && this.#state !== 'closed') {
      try {
        if (this.#current === undefined) this.#current = this.#next();
        const current = this.#current;
        if (current === undefined) return;
        const taken = this.#channel.write(current.buffer, current.offset);
        if (typeof taken !== 'number') {
          this.#await(taken);
          return;
        }
        if (!this.#took(taken)) return;
      } catch (error) {
        this.#failed(error);
        return;
      }
    }
  }

  #next(): { buffer: Buffer; lines: number; offset: number } | undefined {
    const next = this.#queue.nextBytes;
    if (next === 0) return undefined;
    const batch = this.#queue.take(BATCH_LINES, Math.min(BATCH_BYTES, this.#channel.roomBytes(next)));
    return batch === undefined ? undefined : { ...batch, offset: 0 };
  }

  #await(taken: Promise<number>): void {
    this.#writing = true;
    taken.then(
      count => {
        this.#writing = false;
        if (this.#took(count)) this.pump();
      },
      error => {
        this.#writing = false;
        this.#failed(error);
      },
    );
  }

  /** Notes that `count` bytes were taken. False if none were: then a timer goes on. */
  #took(count: number): boolean {
    const current = this.#current;
    if (current === undefined || this.#state === 'closed') return false;
    if (count === 0) {
      this.#later(BUSY_LEAST_MS, BUSY_MOST_MS);
      return false;
    }
    current.offset += count;
    this.counters.bytes += count;
    this.#delayMs = 0;
    if (this.#state === 'retrying') {
      this.#state = 'open';
      this.#options.onRecovered?.(this.name);
    }
    if (current.offset < current.buffer.length) return true;
    this.counters.written += current.lines;
    this.#current = undefined;
    if (this.#drop !== undefined && this.pendingBytes * 2 <= this.#queueBytes) this.#reportDrop();
    return true;
  }

  #failed(error: unknown): void {
    const code = codeOf(error);
    if (this.#state === 'closed') return;
    if (BUSY.has(code)) {
      this.#later(BUSY_LEAST_MS, BUSY_MOST_MS);
      return;
    }
    this.counters.errors++;
    if (GONE.has(code)) {
      this.#gone();
      return;
    }
    this.#quietly(() => this.#takeBackPartial());
    const first = this.#state !== 'retrying';
    this.#state = 'retrying';
    this.#later(RETRY_LEAST_MS, RETRY_MOST_MS);
    if (first) this.#options.onProblem?.(this.name, error instanceof Error ? error : new Error(String(error)));
  }

  #later(leastMs: number, mostMs: number): void {
    this.#delayMs = Math.min(mostMs, Math.max(leastMs, this.#delayMs * 2));
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.pump();
    }, this.#delayMs);
  }

  #gone(): void {
    this.#state = 'closed';
    const bytes = this.pendingBytes;
    const lines = this.#queue.clear() + (this.#current?.lines ?? 0);
    this.#current = undefined;
    if (lines > 0) this.#dropped(lines, bytes);
    this.#reportDrop();
    this.#options.onClosed?.(this.name);
  }

  #dropped(lines: number, bytes: number): void {
    this.counters.dropped += lines;
    const now = this.#nowMs();
    if (this.#drop === undefined) this.#drop = { lines, bytes, fromMs: now, toMs: now };
    else {
      this.#drop.lines += lines;
      this.#drop.bytes += bytes;
      this.#drop.toMs = now;
    }
    if (this.#dropTimer !== undefined) return;
    this.#dropTimer = setTimeout(() => {
      this.#dropTimer = undefined;
      this.#reportDrop();
    }, DROP_REPORT_MS);
    this.#dropTimer.unref();
  }

  #reportDrop(): void {
    const drop = this.#drop;
    if (drop === undefined) return;
    this.#drop = undefined;
    clearTimeout(this.#dropTimer);
    this.#dropTimer = undefined;
    this.#options.onDropped?.({ sink: this.name, ...drop });
  }

  /** Takes back what was written of a line that isn't whole, where the channel can. */
  #takeBackPartial(): void {
    const current = this.#current;
    if (current === undefined || current.offset === 0 || this.#channel.takeBack === undefined) return;
    const lineStart = current.buffer.lastIndexOf(0x0a, current.offset - 1) + 1;
    const partial = current.offset - lineStart;
    if (partial === 0) return;
    this.#channel.takeBack(partial);
    current.offset = lineStart;
    this.counters.bytes -= partial;
  }

  /** After log rotation by others (SIGHUP): goes on in a new file of the same name. */
  reopen(): void {
    if (this.#state === 'closed') return;
    this.pump();
    try {
      this.#takeBackPartial();
      this.#channel.reopen();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Waits until everything is written, at most `deadlineMs`. False if something is left. */
  async flush(deadlineMs: number): Promise<boolean> {
    const end = performance.now() + deadlineMs;
    for (;;) {
      this.pump();
      if (this.pendingBytes === 0 || this.#state === 'closed') return this.pendingBytes === 0;
      const left = end - performance.now();
      if (left <= 0) return false;
      if (this.#delayMs > 50 && left < 500) {
        // The last moments: no more long pauses between tries.
        clearTimeout(this.#timer);
        this.#timer = undefined;
      }
      await Bun.sleep(Math.min(this.#writing || this.#timer !== undefined ? 5 : 0, left));
    }
  }

  /** Flushes, then closes. What couldn't be written is counted and reported as dropped. */
  async close(deadlineMs: number): Promise<boolean> {
    const whole = await this.flush(deadlineMs);
    if (this.#state !== 'closed') {
      this.#quietly(() => this.#takeBackPartial());
      const bytes = this.pendingBytes;
      const left = this.#queue.clear() + this.#linesLeft();
      this.#current = undefined;
      this.#state = 'closed';
      if (left > 0) this.#dropped(left, bytes);
      this.#quietly(() => this.#channel.close());
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#reportDrop();
    clearTimeout(this.#dropTimer);
    return whole;
  }

  #quietly(step: () => void): void {
    try {
      step();
    } catch {
      this.counters.errors++;
    }
  }

  #linesLeft(): number {
    const current = this.#current;
    if (current === undefined) return 0;
    let lines = 0;
    for (let at = current.buffer.indexOf(0x0a, current.offset); at >= 0; at = current.buffer.indexOf(0x0a, at + 1))
      lines++;
    this.counters.written += current.lines - lines;
    return lines;
  }
}
