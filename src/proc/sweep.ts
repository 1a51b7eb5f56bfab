// Finds the entries whose process has ended, a slice of the table at each tick, so that memory stays flat.
//
// A pass takes one list of the pids that run (one readdir, whatever the size of the table). An entry whose pid isn't there had ended by
// then; it is dropped only once events have come a while past that time, since events may lag far behind /proc. An entry whose
// pid is there is asked for its start time now and then: alive (a new sign of life), or the pid is another's.

import type { EventClock } from './clock.ts';
import { type Entry, TIME_SLACK_MS } from './entry.ts';
import type { HostFacts } from './facts.ts';
import type { EntryStore } from './store.ts';

const PASS_EVERY_MS = 3_000;
/** A table of more entries than this (a storm of short-lived processes) is swept as often as there are ticks. */
const LARGE_ENTRIES = 6_144;
/** At least so many entries are looked at in one slice, and at least half of the table: some 0.3 µs each. */
const SLICE_ENTRIES = 8_192;
/** Start times read in one slice: some 10 µs each. Whoever isn't asked now is in a later pass. */
const SLICE_READS = 64;
/** A living process is asked no more often than this. */
const SIGN_EVERY_MS = 30_000;
/** For late events of a process that has ended: a file's is told seconds after the first writing, once it's quiet and was looked at. */
const GRACE_MS = 5_000;
/** Where no event comes at all, nothing can be late by more. */
const SILENCE_MS = 60_000;

export class Sweeper {
  readonly #store: EntryStore;
  readonly #readTicks: (pid: number) => number | undefined;
  #keys: number[] = [];
  #next = 0;
  #running: Set<number> | undefined;
  #listedMs = 0;
  #startedMs = Number.NEGATIVE_INFINITY;
  passes = 0;

  constructor(store: EntryStore, readTicks: (pid: number) => number | undefined) {
    this.#store = store;
    this.#readTicks = readTicks;
  }

  reset(): void {
    this.#keys = [];
    this.#next = 0;
  }

  slice(clock: EventClock, nowMs: number, facts: HostFacts): void {
    const now = clock.wall(nowMs);
    if (this.#next >= this.#keys.length) {
      const isLarge = this.#store.size > LARGE_ENTRIES;
      if (!isLarge && Math.abs(nowMs - this.#startedMs) < PASS_EVERY_MS) return;
      this.#startedMs = nowMs;
      this.#next = 0;
      const pids = facts.listPids();
      this.#running = pids === undefined ? undefined : new Set(pids);
      this.#listedMs = now;
      this.#keys = this.#store.pids();
      this.passes++;
    }
    const seenMs = Math.max(clock.newestMs, now - SILENCE_MS);
    const end = Math.min(this.#keys.length, this.#next + Math.max(SLICE_ENTRIES, this.#keys.length >> 1));
    let reads = 0;
    while (this.#next < end) {
      const entry = this.#store.peek(this.#keys[this.#next++]!);
      if (entry === undefined) continue;
      if (this.#look(entry, clock, reads < SLICE_READS)) reads++;
      if (seenMs > entry.firstMs + GRACE_MS) this.#store.dropPrior(entry);
      if (seenMs > entry.imageMs + GRACE_MS) this.#store.setFormer(entry, undefined);
      if (entry.endedMs !== undefined && seenMs > entry.endedMs + GRACE_MS) this.#store.delete(entry.pid);
    }
  }

  /** True where /proc was read. */
  #look(entry: Entry, clock: EventClock, mayRead: boolean): boolean {
    // A sign of life from after the list, or none that the list could contradict.
    if (entry.endedMs !== undefined || this.#running === undefined || entry.aliveMs > this.#listedMs - TIME_SLACK_MS)
      return false;
    if (!this.#running.has(entry.pid)) {
      entry.endedMs = this.#listedMs;
      return false;
    }
    if (!mayRead || this.#listedMs - entry.aliveMs < SIGN_EVERY_MS) return false;
    const ticks = this.#readTicks(entry.pid);
    if (ticks === undefined) return true;
    const startedMs = clock.start(ticks);
    if (
      entry.startTicks === ticks ||
      (entry.startTicks === undefined && startedMs !== undefined && startedMs <= entry.firstMs + TIME_SLACK_MS)
    ) {
      entry.startTicks = ticks;
      entry.aliveMs = this.#listedMs;
    } else if (startedMs !== undefined) {
      entry.endedMs = Math.max(startedMs, entry.aliveMs);
    }
    return true;
  }
}
