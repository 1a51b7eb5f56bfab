// Says what a file is now, without the main thread ever waiting for it: a worker looks and hashes, in batches, events before the
// background. A worker that hangs in a file system is left there, and another takes its place (edge: threads, the clock).

import type { FileState, HashAlgorithm } from '../../core/event.ts';
import type { Note } from '../../core/source.ts';
import { type InspectCounters, noCounters, tally } from './counters.ts';
import { glance } from './held.ts';
import { type Helper, type StartHelper, startWorker } from './helper.ts';
import { type Entry, jobOf, Lane, type Want } from './lane.ts';
import { Pace } from './pace.ts';
import { type Answer, type FileIdentity, type Finding, isSame, type Settings } from './protocol.ts';

export interface InspectorOptions {
  readonly hashes: readonly HashAlgorithm[];
  /** Larger files are not hashed. */
  readonly hashMaxBytes: number;
  /** What the background may read: 64 MiB unless told. */
  readonly bytesPerSecond?: number;
  /** Answers that may be waited for, of either priority: 4,096 unless told. */
  readonly queueMax?: number;
  /** For one file: 5 s unless told. */
  readonly timeoutMs?: number;
}

export interface InspectRequest {
  /** Safe text; no symbolic link on its way to the last name. `/proc/PID/root/…` is beneath that process's root. */
  readonly path: string;
  /** What was seen there. Another file than that isn't read. */
  readonly inode?: string | undefined;
  /** `major:minor` in hex. */
  readonly dev?: string | undefined;
  readonly priority: 'event' | 'background';
  /** Beside those of the options. */
  readonly hashes?: readonly HashAlgorithm[] | undefined;
  /** The content as well, if it isn't larger. */
  readonly contentMaxBytes?: number | undefined;
}

/**
 * `state` is absent where nothing is there, or where a warning says that nobody could look.
 *
 * `not_hashed_size`: larger than may be hashed; `not_hashed_queue`: too many waited; `changing`: it was written while it was read, twice;
 * `replaced`: another file stands there, which this tells of, unread; `hash_timeout`: reading took too long, or its file system doesn't
 * answer; `hash_failed`: the worker failed; `not_hashed_stopping`; `symlinked_path`: a directory on the way is a symbolic link;
 * `unreadable_EACCES`: the kernel's error.
 */
export interface Found {
  readonly state?: FileState;
  readonly content?: Uint8Array;
  readonly warnings: readonly string[];
}

const MIB = 1024 * 1024;
const BATCH_MAX = 256;
/** How long a batch goes on, and so how long an event waits behind the background, or behind nothing but a large file. */
const SLICE_MS = 20;
/** The worker itself ends what takes too long; who doesn't even do that is stuck. */
const GRACE_MS = 250;
const STUCK_MAX = 2;
/** So many failures in a row, and it's left alone for a while. */
const FAILURES_MAX = 3;
const REST_MS = 30_000;

/** Why a file isn't read although its file system answers. */
const GLANCED = new Set(['not_hashed_queue', 'hash_failed']);

/** What the worker is at. */
interface Running {
  readonly entries: readonly Entry[];
  readonly lane: Lane;
  readonly first: number;
}

export class Inspector {
  private readonly settings: Omit<Settings, 'progress'>;
  private readonly queueMax: number;
  private readonly note: (note: Note) => void;
  private readonly start: StartHelper;
  private readonly events = new Lane();
  private readonly background = new Lane();
  private readonly pace: Pace;
  private readonly counts = noCounters();
  private helper: Helper | undefined;
  private running: Running | undefined;
  /** Workers that hang, with the file system that they hang in. */
  private readonly stuck = new Map<Helper, string | undefined>();
  private sequence = 1;
  private watch: ReturnType<typeof setInterval> | undefined;
  private later: ReturnType<typeof setTimeout> | undefined;
  /** What the watch saw last, and since when. */
  private last = { at: 0, sinceMs: 0 };
  private failures = 0;
  private restsUntilMs = 0;
  private stopped = false;

  constructor(options: InspectorOptions, onNote: (note: Note) => void, start: StartHelper = startWorker) {
    const { hashes, hashMaxBytes, timeoutMs = 5_000 } = options;
    this.settings = { hashes, hashMaxBytes, timeoutMs };
    this.queueMax = options.queueMax ?? 4_096;
    this.pace = new Pace(options.bytesPerSecond ?? 64 * MIB);
    this.note = onNote;
    this.start = start;
  }

  /** `done` comes once; at once, before this returns, where nobody can look. */
  inspect(request: InspectRequest, done: (found: Found) => void): void {
    const { path, inode, dev, hashes, contentMaxBytes } = request;
    const lane = request.priority === 'event' ? this.events : this.background;
    this.counts.asked++;
    const identity: FileIdentity | undefined = inode === undefined ? undefined : { inode, dev };
    const want: Want = { identity, hashes, contentMaxBytes, done };
    const refusal = this.refusal(lane, dev);
    if (refusal !== undefined) {
      this.refuse(path, [want], refusal);
      return;
    }
    const promoted = lane === this.events ? this.background.remove(path) : [];
    if (!lane.add(path, [...promoted, want]) || promoted.length > 0) this.counts.merged++;
    this.pump();
  }

  counters(): Readonly<InspectCounters> {
    const running = this.running?.entries.reduce((sum, { wants }) => sum + wants.length, 0) ?? 0;
    return {
      ...this.counts,
      workersStuck: this.stuck.size,
      waiting: this.events.size + this.background.size + running,
    };
  }

  /** Answers everybody who waits. */
  stop(): void {
    this.stopped = true;
    this.helper?.end();
    for (const helper of this.stuck.keys()) helper.end();
    this.helper = undefined;
    clearInterval(this.watch);
    clearTimeout(this.later);
    this.takeBack();
    this.answerAll('not_hashed_stopping');
  }

  private get isDown(): boolean {
    return this.stuck.size >= STUCK_MAX;
  }

  private refusal(lane: Lane, dev: string | undefined): string | undefined {
    if (this.stopped) return 'not_hashed_stopping';
    if (this.isDown || (dev !== undefined && this.hangs(dev))) return 'hash_timeout';
    if (this.isResting) return 'hash_failed';
    return lane.size >= this.queueMax ? 'not_hashed_queue' : undefined;
  }

  private hangs(dev: string): boolean {
    return this.stuck.size > 0 && [...this.stuck.values()].includes(dev);
  }

  private get isResting(): boolean {
    return this.restsUntilMs > 0 && performance.now() < this.restsUntilMs;
  }

  /** Gives the worker the next batch, if it's free and there is one. */
  private pump(): void {
    if (this.running !== undefined || this.stopped || this.isDown) return;
    const lane = this.events.size > 0 ? this.events : this.background;
    if (lane.size === 0) return;
    const budgetBytes = lane === this.events ? Number.MAX_VALUE : Math.floor(this.pace.available(performance.now()));
    if (budgetBytes <= 0) {
      this.later ??= setTimeout(() => {
        this.later = undefined;
        this.pump();
      }, this.pace.waitMs);
      return;
    }
    this.helper ??= this.begin();
    const entries = lane.take(BATCH_MAX);
    this.running = { entries, lane, first: this.sequence };
    this.sequence = (this.sequence + entries.length) % 2 ** 30 || 1;
    this.helper.send({ first: this.running.first, jobs: entries.map(jobOf), budgetBytes, sliceMs: SLICE_MS });
    this.last = { at: 0, sinceMs: performance.now() };
    this.watch ??= setInterval(() => this.look(), Math.min(GRACE_MS, this.settings.timeoutMs));
  }

  private begin(): Helper {
    this.counts.workersStarted++;
    const helper: Helper = this.start(this.settings, {
      answer: answer => (this.stuck.has(helper) ? this.returned(helper) : this.answered(answer)),
      gone: reason => (this.stuck.has(helper) ? this.returned(helper) : this.crashed(reason)),
    });
    return helper;
  }

  private answered({ findings, bytes }: Answer): void {
    const { running } = this;
    if (running === undefined) return;
    this.running = undefined;
    this.failures = 0;
    this.counts.bytes += bytes;
    this.counts.looked += findings.length;
    if (running.lane === this.background) this.pace.spend(bytes);
    running.lane.giveBack(running.entries.slice(findings.length));
    this.pump();
    findings.forEach((finding, i) => {
      for (const want of running.entries[i]!.wants) this.answer(want, finding);
    });
  }

  private answer({ identity, contentMaxBytes, done }: Want, finding: Finding): void {
    const { state, dev, content } = finding;
    let { warnings } = finding;
    let told = state;
    const isOther =
      identity !== undefined && state?.inode !== undefined && !isSame(identity, { inode: state.inode, dev });
    if (isOther) {
      const { hashes: _, ...rest } = state;
      told = rest;
      warnings = [...warnings, 'replaced'];
    }
    const isWanted = content !== undefined && !isOther && content.length <= (contentMaxBytes ?? -1);
    tally(this.counts, warnings);
    if (told?.hashes !== undefined) this.counts.hashed++;
    done({ ...(told !== undefined && { state: told }), ...(isWanted && { content }), warnings });
  }

  /** Whether the worker still moves. */
  private look(): void {
    const { running, helper, last } = this;
    if (running === undefined || helper === undefined) {
      clearInterval(this.watch);
      this.watch = undefined;
      return;
    }
    const at = helper.at();
    const nowMs = performance.now();
    if (at !== last.at) this.last = { at, sinceMs: nowMs };
    else if (at !== 0 && nowMs - last.sinceMs > this.settings.timeoutMs + GRACE_MS) this.abandon(helper, running, at);
  }

  private abandon(helper: Helper, running: Running, at: number): void {
    const seen = helper.seen();
    const entry = running.entries[at - running.first];
    this.helper = undefined;
    this.running = undefined;
    this.stuck.set(helper, seen?.dev ?? entry?.wants.find(want => want.identity?.dev !== undefined)?.identity?.dev);
    running.lane.giveBack(running.entries.filter(one => one !== entry));
    this.note({
      code: 'fs_stuck',
      level: 'warning',
      message:
        `${entry?.path ?? 'a file'} could not be read within ${this.settings.timeoutMs / 1000} s: its file system doesn't answer. ` +
        'Its files are told without hashes until it does; mount it again, or exclude it.',
    });
    if (this.isDown) this.answerAll('hash_timeout');
    else this.pump();
    for (const want of entry?.wants ?? []) this.answer(want, { ...seen, warnings: ['hash_timeout'] });
  }

  /** A worker that hung has come back. It isn't needed any more. */
  private returned(helper: Helper): void {
    this.stuck.delete(helper);
    helper.end();
    this.note({ code: 'fs_stuck_end', level: 'info', message: 'a file system that did not answer does again' });
    this.pump();
  }

  private crashed(reason: string): void {
    const entry = this.crashedAt();
    this.helper = undefined;
    this.counts.workersCrashed++;
    this.failures++;
    this.takeBack(entry);
    const isTooOften = this.failures >= FAILURES_MAX;
    this.note({
      code: 'fs_worker_failed',
      level: 'warning',
      message: `the file inspector failed${entry === undefined ? '' : ` at ${entry.path}`}: ${reason}. ${
        isTooOften ? `Files are told without hashes for ${REST_MS / 1000} s.` : 'It was started again.'
      }`,
    });
    if (isTooOften) {
      this.failures = 0;
      this.restsUntilMs = performance.now() + REST_MS;
      this.answerAll('hash_failed');
    } else this.pump();
    if (entry !== undefined) this.refuse(entry.path, entry.wants, 'hash_failed');
  }

  private crashedAt(): Entry | undefined {
    const at = this.helper?.at() ?? 0;
    return at === 0 ? undefined : this.running?.entries[at - this.running.first];
  }

  /** What the worker had and nobody will answer waits again. */
  private takeBack(except?: Entry): void {
    const { running } = this;
    this.running = undefined;
    running?.lane.giveBack(running.entries.filter(entry => entry !== except));
  }

  private answerAll(warning: string): void {
    for (const lane of [this.events, this.background]) {
      // Who asks again while being answered is answered at once, so this ends.
      for (const { path, wants } of lane.take(Infinity)) this.refuse(path, wants, warning);
    }
  }

  /** What isn't read is told with what a glance gives; where a file system hangs, not even that is tried. */
  private refuse(path: string, wants: readonly Want[], warning: string): void {
    const seen = GLANCED.has(warning) ? glance(path) : {};
    for (const want of wants) this.answer(want, { ...seen, warnings: [warning] });
  }
}
