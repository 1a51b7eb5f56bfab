// Event times made comparable with each other and with start times from /proc, also where the wall clock is set meanwhile.
//
// Events carry the wall clock; the kernel counts start times since boot. Table time is the wall clock as it would be had nobody set it
// since the first tick: the table compares in it, and nothing else sees it.

import type { BootFacts } from './facts.ts';

/** An event this much older than the newest is no late event: the clock was set back, or another log begins. */
const BACKWARD_MS = 60_000;

const SAMPLES = 8;
/** A measurement this far from the last ones: the clock was set. */
const STEP_MS = 1_000;

export class EventClock {
  readonly #ticksPerSecond: number | undefined;
  #firstBootMs: number | undefined;
  #bootMs: number | undefined;
  readonly #samples: number[] = [];
  #shiftMs = 0;
  #newestMs = Number.NEGATIVE_INFINITY;

  constructor(boot: BootFacts | undefined) {
    this.#ticksPerSecond = boot?.ticksPerSecond;
  }

  /** The newest event's table time; -Infinity before the first. */
  get newestMs(): number {
    return this.#newestMs;
  }

  /**
   * Measures how far the wall clock is from the time since boot. A pause between the caller's reading of `nowMs` and that of the uptime
   * makes one measurement too low, never too high: the highest of the last few counts.
   */
  sync(nowMs: number, uptimeMs: number | undefined): void {
    if (uptimeMs === undefined) return;
    const bootMs = nowMs - uptimeMs;
    if (this.#bootMs !== undefined && Math.abs(bootMs - this.#bootMs) >= STEP_MS) this.#samples.length = 0;
    this.#samples.push(bootMs);
    if (this.#samples.length > SAMPLES) this.#samples.shift();
    this.#bootMs = Math.max(...this.#samples);
    this.#firstBootMs ??= bootMs;
    this.#shiftMs = this.#firstBootMs - this.#bootMs;
  }

  /** True where this event can't be of the same run of the clock, and nothing known can be compared with it. */
  isBreak(eventMs: number): boolean {
    return eventMs + this.#shiftMs < this.#newestMs - BACKWARD_MS;
  }

  /**
   * The table time of an event. Where the clock was set back and the next sync is still to come, time stands still until it does.
   */
  event(eventMs: number): number {
    let t = eventMs + this.#shiftMs;
    if (t > this.#newestMs) this.#newestMs = t;
    else if (t < this.#newestMs - BACKWARD_MS) t = this.#newestMs;
    return t;
  }

  /** The table time of a wall-clock time that is not an event's. */
  wall(nowMs: number): number {
    return nowMs + this.#shiftMs;
  }

  restart(): void {
    this.#newestMs = Number.NEGATIVE_INFINITY;
  }

  /** The table time of a start time; absent before the first sync. */
  start(ticks: number): number | undefined {
    if (this.#ticksPerSecond === undefined || this.#firstBootMs === undefined) return undefined;
    return this.#firstBootMs + (ticks * 1000) / this.#ticksPerSecond;
  }

  /** The wall-clock time of a start time. */
  startWall(ticks: number): number | undefined {
    const t = this.start(ticks);
    return t === undefined ? undefined : Math.round(t - this.#shiftMs);
  }
}
