// The log source: the journal where there is one, else the system's log files, and the files of programs that keep their own. Follows
// them whatever becomes of them, and accounts for what was skipped. What lines mean is `observe.ts` (edge: files, a child process).

import { existsSync } from 'node:fs';
import type { Loss, SourceSinks } from '../core/source.ts';
import { safeText } from '../core/text.ts';
import { findJournal, JournalFollower } from './journal.ts';
import { parseEntry, sequenceOf } from './journal-entry.ts';
import { type LogObservation, LogObserver, type Observed } from './observe.ts';
import { FileTail } from './tail.ts';

/** Of each group the first that is there: the others have the same lines, or are another distribution's. */
const SYSTEM_FILES: readonly (readonly string[])[] = [
  ['/var/log/auth.log', '/var/log/secure'],
  ['/var/log/syslog', '/var/log/messages'],
  ['/var/log/cron'],
];
/** Of programs that don't log to syslog. */
const PROGRAM_FILES: readonly (readonly string[])[] = [
  ['/var/log/clamav/clamav.log', '/var/log/clamd.log'],
  ['/var/log/vsftpd.log'],
];

const POLL_MS = 250;
/** Of one file at each poll: more would keep the agent from its other work. */
const POLL_BYTES = 256 * 1024;
/** Of the journal, whose JSON is several times as long. */
const JOURNAL_POLL_BYTES = 1024 * 1024;
const RESTART_LEAST_MS = 1_000;
const RESTART_MOST_MS = 60_000;
/** journalctl that lived so long was well. */
const STEADY_MS = 60_000;
/** journalctl that fails at once does so within this time. */
const SETTLE_MS = 1_000;
const LOOK_AGAIN_MS = 10_000;
const NOTES_MAX = 64;

export interface LogSourceOptions {
  /** More files, besides the journal or the system's own. */
  readonly files: readonly string[];
  /** `false`: files, although there is a journal. */
  readonly journal: boolean;
  readonly maxLineBytes: number;
  /** This process. */
  readonly pid: number;
  /** In place of the host's own, by group. */
  readonly systemFiles?: readonly (readonly string[])[];
  /** In place of the host's journalctl. */
  readonly journalctl?: string;
}

export interface LogSourceSinks extends SourceSinks {
  observation(observation: LogObservation): void;
}

export interface LogCounters {
  lines: number;
  bytes: number;
  /** Skipped, because they came faster than they are read, or because the journal had no room for them. */
  dropped: number;
  /** Longer than is kept. */
  truncated: number;
  /** Of the journal: no entry, or one too long to be read. */
  malformed: number;
  /** This agent's own. */
  own: number;
  /** Audit records, which the audit source reads. */
  audit: number;
  restarts: number;
}

export class LogSource {
  private readonly options: LogSourceOptions;
  private readonly sinks: LogSourceSinks;
  private readonly observer: LogObserver;
  private readonly totals: LogCounters = {
    ...{ lines: 0, bytes: 0, dropped: 0, truncated: 0, malformed: 0, own: 0, audit: 0, restarts: 0 },
  };
  private tails: FileTail[] = [];
  /** Groups of which no file is there yet. */
  private missing: (readonly string[])[] = [];
  private journal: JournalFollower | undefined;
  private timer: ReturnType<typeof setInterval> | undefined;
  private stopped = false;
  /** Of the journal: the last entry that was read. */
  private cursor: string | undefined;
  private unread = 0;
  /** Where the journal is begun before an entry was read. */
  private sinceMs = 0;
  private losses = new Map<string, Loss>();
  private lastTickMs = 0;
  private lookAtMs = 0;
  private startedAtMs = 0;
  private restartAtMs: number | undefined;
  private backOffMs = RESTART_LEAST_MS;
  private isDown = false;
  private budget = JOURNAL_POLL_BYTES;
  private resume: (() => void) | undefined;
  private notes = 0;

  constructor(options: LogSourceOptions, sinks: LogSourceSinks) {
    this.options = options;
    this.sinks = sinks;
    this.observer = new LogObserver(options.maxLineBytes, options.pid);
  }

  /** Never throws: what can't be read is told, and looked for again. */
  start(nowMs: number): void {
    this.lastTickMs = this.sinceMs = nowMs;
    const { files, systemFiles } = this.options;
    const program = this.findJournal();
    for (const path of new Set(files)) this.missing.push([path]);
    if (systemFiles === undefined) this.missing.push(...PROGRAM_FILES);
    if (program === undefined) this.missing.push(...(systemFiles ?? SYSTEM_FILES));
    else this.follow(program);
    this.look(true);
    if (program === undefined && this.tails.length === 0) {
      this.setDown('there is no journal and no log file to read; the source waits for one');
    }
    this.timer = setInterval(() => this.poll(), POLL_MS);
    this.timer.unref();
  }

  /** Once a second. */
  tick(nowMs: number): void {
    if (this.stopped) return;
    const now = performance.now();
    if (now >= this.lookAtMs) this.lookNow();
    this.keepJournal(now);
    for (const loss of this.losses.values()) this.sinks.loss(loss, this.lastTickMs, nowMs);
    this.losses.clear();
    this.lastTickMs = nowMs;
  }

  /** Reads what files have; the source does so itself four times a second. */
  poll(): void {
    this.budget = JOURNAL_POLL_BYTES;
    const { resume } = this;
    this.resume = undefined;
    resume?.();
    const now = performance.now();
    const before = this.totals.lines;
    for (const tail of this.tails) tail.poll(now, POLL_BYTES);
    if (this.totals.lines > before) this.sinks.batchEnd();
  }

  stop(): void {
    if (this.stopped) return;
    clearInterval(this.timer);
    this.journal?.stop();
    this.poll();
    this.stopped = true;
    for (const tail of this.tails) tail.stop();
    this.tails = [];
  }

  counters(): Readonly<LogCounters> & { readonly files: number; readonly journal: boolean } {
    const files = this.tails.filter(tail => tail.isOpen).length;
    return { ...this.totals, files, journal: this.journal?.isRunning === true };
  }

  private findJournal(): string | undefined {
    return this.options.journal ? (this.options.journalctl ?? findJournal()) : undefined;
  }

  /** Looks for files and a journal that weren't there before. */
  lookNow(): void {
    this.look(false);
  }

  /** Opens files that weren't there before; those that are there at the start are read from their end. */
  private look(isStart: boolean): void {
    this.lookAtMs = performance.now() + LOOK_AGAIN_MS;
    this.missing = this.missing.filter(group => {
      const path = group.find(one => existsSync(one));
      if (path === undefined) return true;
      this.tails.push(this.tail(path, isStart));
      return false;
    });
    if (!isStart && this.isDown && this.journal === undefined) {
      const program = this.findJournal();
      if (program !== undefined) this.follow(program);
      else if (this.tails.length > 0) this.setUp(`log files are read: ${this.paths()}`);
    }
  }

  private paths(): string {
    return this.tails.map(({ path }) => path).join(', ');
  }

  private tail(path: string, fromEnd: boolean): FileTail {
    const tail = new FileTail(path, this.options.maxLineBytes, {
      line: (bytes, truncated) => this.fileLine(path, bytes, truncated),
      skipped: ({ lines, upperBound }) => this.lose('log_behind', lines, upperBound),
      problem: message => this.note('log_file', message),
    });
    if (fromEnd) tail.start();
    return tail;
  }

  private fileLine(path: string, bytes: Buffer, truncated: boolean): void {
    this.totals.bytes += bytes.length;
    if (truncated) this.totals.truncated++;
    if (bytes.length === 0) return;
    this.totals.lines++;
    const nowMs = Date.now();
    this.give(this.observer.line(safeText(bytes), { nowMs, path, truncated, live: true }));
  }

  private journalLine(line: string, truncated: boolean): void {
    this.totals.lines++;
    const entry = truncated ? undefined : parseEntry(line);
    if (entry === undefined) {
      this.totals.malformed++;
      this.unread++;
      this.lose('unreadable', 1, false);
      return;
    }
    this.countGap(entry.cursor);
    this.cursor = entry.cursor;
    if (this.isDown) this.setUp('the journal is read again');
    const observed = this.observer.entry(entry, Date.now());
    if (typeof observed !== 'string' && observed[0]?.warnings.includes('message_truncated')) this.totals.truncated++;
    this.give(observed);
  }

  /** The journal numbers its entries: what was thrown away before it could be read is missing between two. */
  private countGap(cursor: string): void {
    const last = this.cursor === undefined ? undefined : sequenceOf(this.cursor);
    const next = sequenceOf(cursor);
    if (last !== undefined && next !== undefined && last.id === next.id) {
      const gap = Number(next.number - last.number) - 1 - this.unread;
      if (gap > 0) this.lose('journal', gap, true);
    }
    this.unread = 0;
  }

  private give(observed: Observed): void {
    if (typeof observed === 'string') this.totals[observed]++;
    else for (const observation of observed) this.sinks.observation(observation);
  }

  private lose(reason: string, count: number, upperBound: boolean): void {
    this.totals.dropped += count;
    const key = `${reason} ${upperBound}`;
    const before = this.losses.get(key)?.count ?? 0;
    this.losses.set(key, { reason, count: before + count, unit: 'lines', upperBound });
  }

  private follow(program: string): void {
    this.journal = new JournalFollower(program, {
      line: (line, truncated) => this.journalLine(line, truncated),
      batchEnd: bytes => this.journalBatch(bytes),
      ended: why => this.journalEnded(why),
    });
    this.startJournal();
  }

  private startJournal(): void {
    this.restartAtMs = undefined;
    this.startedAtMs = performance.now();
    try {
      this.journal!.start(this.cursor, this.sinceMs);
    } catch (error) {
      this.journalEnded((error as Error).message);
    }
  }

  private async journalBatch(bytes: number): Promise<void> {
    this.totals.bytes += bytes;
    this.sinks.batchEnd();
    this.budget -= bytes;
    // Woken by the next poll.
    if (this.budget <= 0) await new Promise<void>(resolve => (this.resume = resolve));
  }

  private journalEnded(why: string): void {
    if (this.stopped) return;
    const now = performance.now();
    if (now - this.startedAtMs >= STEADY_MS) this.backOffMs = RESTART_LEAST_MS;
    this.restartAtMs = now + this.backOffMs;
    this.setDown(`journalctl ended (${why}); it is begun again in ${this.backOffMs / 1000} s`);
    this.backOffMs = Math.min(this.backOffMs * 2, RESTART_MOST_MS);
  }

  private keepJournal(now: number): void {
    if (this.restartAtMs !== undefined && now >= this.restartAtMs) {
      this.totals.restarts++;
      this.startJournal();
    } else if (this.isDown && this.journal?.isRunning === true && now - this.startedAtMs >= SETTLE_MS) {
      this.setUp('the journal is read again');
    }
  }

  private setDown(message: string): void {
    if (this.isDown) return;
    this.isDown = true;
    this.sinks.availability(false, `logs: ${message}`);
  }

  private setUp(message: string): void {
    this.isDown = false;
    this.sinks.availability(true, `logs: ${message}`);
  }

  private note(code: string, message: string): void {
    if (this.notes++ < NOTES_MAX) this.sinks.note({ code, level: 'warning', message: `logs: ${message}` });
  }
}
