// The combinations that `new_terms` rules have seen, in memory and bounded. Texts are hashed: what an attacker writes may be long.
// A store that keeps them in a file (src/store/terms.ts) is told of every change. Pure.

import { AgedMap } from '../../core/aged-map.ts';
import { shortHash } from '../../core/short-hash.ts';
import type { TermRule, TermStore, TermVerdict } from '../../core/terms.ts';

/** What one rule has learned. */
export interface TermState {
  readonly key: string;
  learningSinceMs: number;
  forgetMs: number | undefined;
  /** A combination's hash, and when it was seen: the one that wasn't seen for longest first. */
  readonly seen: AgedMap<number>;
}

export interface TermTableOptions {
  readonly perRuleMax?: number;
  readonly totalMax?: number;
  /** Nothing is to be learned: what wasn't seen is new. */
  readonly learned?: boolean;
  /** A combination came, was seen again or went; without a hash: when learning began has changed. */
  readonly onChange?: (state: TermState, hash?: string) => void;
}

/** About 120 bytes each: 24 MB at most. */
const TOTAL_MAX = 200_000;
const PER_RULE_MAX = 50_000;
const STATES_MAX = 1_000;
/** A combination that is seen again and again isn't a change each time. */
const TOUCH_MS = 3_600_000;
const FORGET_PARTS = 100;

function newestOf(seen: AgedMap<number>): number {
  let newest = 0;
  for (const hash of seen.keys()) newest = Math.max(newest, seen.get(hash)!);
  return newest;
}

export class TermTable implements TermStore {
  readonly states = new Map<string, TermState>();
  readonly #perRuleMax: number;
  readonly #totalMax: number;
  readonly #learned: boolean;
  readonly #onChange: (state: TermState, hash?: string) => void;
  #total = 0;
  #evicted = 0;
  #forgotten = 0;

  constructor(options: TermTableOptions = {}) {
    this.#perRuleMax = options.perRuleMax ?? PER_RULE_MAX;
    this.#totalMax = options.totalMax ?? TOTAL_MAX;
    this.#learned = options.learned ?? false;
    this.#onChange = options.onChange ?? (() => {});
  }

  see(rule: TermRule, terms: readonly string[], timeMs: number): TermVerdict {
    const state = this.states.get(rule.key) ?? this.#begin(rule.key, timeMs);
    // A clock that was ahead and is set right must not make the rule learn until then.
    if (timeMs < state.learningSinceMs) this.#learnSince(state, timeMs);
    const { forgetMs, learnMs } = rule;
    state.forgetMs = forgetMs;
    const hash = shortHash(terms);
    const last = state.seen.get(hash);
    const age = last === undefined ? Number.POSITIVE_INFINITY : timeMs - last;
    const isKnown = last !== undefined && age <= (forgetMs ?? Number.POSITIVE_INFINITY);
    const isFresh = isKnown && age < Math.min(TOUCH_MS, (forgetMs ?? Number.POSITIVE_INFINITY) / FORGET_PARTS);
    if (last === undefined) this.#total++;
    state.seen.set(hash, isFresh ? last : timeMs);
    if (!isFresh) this.#onChange(state, hash);
    this.#trim(state);
    if (isKnown) return 'known';
    return this.#learned || timeMs >= state.learningSinceMs + learnMs ? 'new' : 'learning';
  }

  tick(nowMs: number): void {
    for (const state of this.states.values()) {
      const { forgetMs, seen } = state;
      if (forgetMs === undefined) continue;
      for (let hash = seen.oldest(); hash !== undefined; hash = seen.oldest()) {
        if (nowMs - seen.get(hash)! <= forgetMs) break;
        this.#drop(state, hash);
        this.#forgotten++;
      }
    }
  }

  /** Takes what was kept, the oldest first. */
  restore(key: string, learningSinceMs: number, seen: Iterable<readonly [hash: string, seenMs: number]>): void {
    if (this.states.size >= STATES_MAX || this.states.has(key)) return;
    const state: TermState = { key, learningSinceMs, forgetMs: undefined, seen: new AgedMap() };
    for (const [hash, seenMs] of seen) state.seen.set(hash, seenMs);
    this.states.set(key, state);
    this.#total += state.seen.size;
    this.#trim(state);
  }

  close(): void {}

  counters(): Readonly<Record<string, number>> {
    return { combinations: this.#total, evicted: this.#evicted, forgotten: this.#forgotten };
  }

  #begin(key: string, timeMs: number): TermState {
    // Of rules that are gone: the one that saw nothing new for longest.
    if (this.states.size >= STATES_MAX) {
      const newest = (state: TermState): number => Math.max(state.learningSinceMs, newestOf(state.seen));
      const oldest = [...this.states.values()].reduce((a, b) => (newest(b) < newest(a) ? b : a));
      for (const hash of [...oldest.seen.keys()]) this.#evict(oldest, hash);
      this.states.delete(oldest.key);
    }
    const state: TermState = { key, learningSinceMs: timeMs, forgetMs: undefined, seen: new AgedMap() };
    this.states.set(key, state);
    this.#onChange(state);
    return state;
  }

  #learnSince(state: TermState, timeMs: number): void {
    state.learningSinceMs = timeMs;
    this.#onChange(state);
  }

  #trim(state: TermState): void {
    while (state.seen.size > this.#perRuleMax) this.#evict(state, state.seen.oldest()!);
    while (this.#total > this.#totalMax) {
      let largest = state;
      for (const other of this.states.values()) if (other.seen.size > largest.seen.size) largest = other;
      this.#evict(largest, largest.seen.oldest()!);
    }
  }

  #evict(state: TermState, hash: string): void {
    this.#drop(state, hash);
    this.#evicted++;
  }

  #drop(state: TermState, hash: string): void {
    state.seen.delete(hash);
    this.#total--;
    this.#onChange(state, hash);
  }
}
